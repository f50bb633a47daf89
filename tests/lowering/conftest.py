"""Regimes with a hand-written counterpart, at a few fixed shapes."""

from dataclasses import replace

import pytest

from benchmarks.by_hand import diagrams
from benchmarks.by_hand.common import Sizes

SIZES = Sizes(batch=5, other=7, data=4, features=3, width=6)


@pytest.fixture(scope="session")
def make():
    """Return a function that makes a regime by name."""

    def maker(name, dtype="float32", **options):
        return getattr(diagrams, name)(replace(SIZES, dtype=dtype), **options)

    return maker


@pytest.fixture(scope="session")
def distillation(make):
    return make("distillation")


@pytest.fixture(scope="session")
def square(make):
    return make("square")
