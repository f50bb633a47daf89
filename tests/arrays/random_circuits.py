"""Random circuits over few arrays, with axes that meet in all ways."""

from hypothesis import strategies as st

from catlearn.arrays import (
    Circuit,
    add,
    compose,
    concat,
    copy,
    discard,
    dropout,
    einsum,
    embed,
    gelu,
    idle,
    linear,
    mean,
    mul,
    norm,
    relu,
    shift,
    softmax,
    stop,
    swap,
    tensor,
    top_k,
    view,
    where,
)
from catlearn.errors import CatlearnError

ONE = [
    relu,
    dropout(0.5),
    gelu("tanh"),
    softmax("[y]"),
    softmax("[y z]"),
    norm("g", "[m]", kind="rms"),
    where("x y", "y <= x"),
    where("x y", "x - y < 3", outside=-1.5),
    linear("A", "m -> n"),
    linear("B", "m -> m2 k", m2="m*2", bias=True, init="normal(0.02)"),
    linear("C", "m -> n", n=4),
    shift("p", "c m", at="x", c=9),
    view("m -> k m"),
    view("m -> k m", k=3),
    view("a b -> b a"),
    view("(h d) -> h d", h=2),
    view("h d -> (h d)"),
    view("m+1 -> m", outside=-2.0),
    view("2*y+a-1 -> y a", a=3, pad=(1, 1)),
    einsum("i i -> i"),
    einsum("m -> ", scale="m**-0.5"),
    mean("[x] m -> m"),
    stop(),
    discard,
    copy(2),
    copy(3),
]
"""Circuits on one array."""
TWO = [
    add,
    mul,
    einsum("a b, b c -> a c"),
    einsum("a, b -> a b", scale=2.5),
    concat("[x] m, [y] m -> [z] m"),
    swap(),
    where("x"),
]
"""Circuits on two arrays."""
STARTS = [idle, relu, embed("T", "V -> m"), top_k("[e -> k]", k=2), where("x y", "x <= y")]


def grown(circuit: Circuit, steps: list[tuple[int, int]]) -> Circuit:
    """Put circuits behind some outputs of another; what does not fit is left out."""
    for choice, place in steps:
        count = len(circuit.cod)
        if not count:
            break
        two = choice >= len(ONE)
        f = (TWO if two else ONE)[choice - len(ONE) if two else choice]
        place %= count
        try:
            if two and count == 1:
                f, two = compose(copy(2), f), False
            if two and place == count - 1:
                place -= 1
            more = count - place - (2 if two else 1)
            layer = tensor(*[idle] * place, f, *[idle] * more)
            circuit = circuit >> layer
        except CatlearnError:
            continue
    return circuit


steps = st.lists(st.tuples(st.integers(0, len(ONE) + len(TWO) - 1), st.integers(0, 3)), max_size=6)
circuits = st.builds(
    lambda starts, steps: grown(tensor(*starts), steps),
    st.lists(st.sampled_from(STARTS), min_size=1, max_size=3),
    steps,
)
"""A strategy for circuits."""
