"""What a message of the command line is about: its place, its law, and names of the user's."""

import re

import pytest


@pytest.fixture(scope="session")
def names():
    """Whether a message has a fault ``place [law] text``, about some text of the user's."""

    def names(message, fault):
        place, law, text = re.fullmatch(r"(.*?) \[([^]]*)\] ?(.*)", fault).groups()
        faults = re.split(r"\n  - |\n(?=\S)", message.strip())
        return any(
            found.startswith(f"{place}: ")
            and found.endswith(f" [{law}]")
            and text in found.removeprefix(place)
            for found in faults
        )

    return names
