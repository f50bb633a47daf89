"""Compiled programs, up to what is no part of what they compute."""

import re


def normal_form(text: str) -> str:
    """Strip metadata and tables of sources, and rename identifiers by first occurrence."""
    text = re.sub(r", metadata=\{[^}]*\}", "", text)
    lines = [line for line in text.splitlines() if re.match(r"\s*(ROOT )?%|ENTRY|\}", line)]
    text = "\n".join(re.sub(r"[\w.\-]+: (?=\(|\w+\[)", "", line) for line in lines)
    names: dict[str, str] = {}
    return re.sub(r"%[\w.\-]+", lambda m: names.setdefault(m[0], f"%{len(names)}"), text)
