"""Listings: every circuit is read back exactly, and what is none is refused with the place."""

import json
import random
import re
from functools import reduce

import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from benchmarks.by_hand.transformer import unrolled
from catlearn.arrays import (
    Circuit,
    add,
    concat,
    conv,
    copy,
    discard,
    dropout,
    einsum,
    embed,
    idle,
    lift,
    linear,
    mean,
    one_hot,
    pool,
    relu,
    shift,
    silu,
    sinusoid,
    softmax,
    swap,
    take,
    top_k,
    traced,
    view,
    where,
)
from catlearn.arrays.listing import DEEPEST
from catlearn.errors import CatlearnError, PathSyntaxError
from catlearn.laws import array_circuits
from tests.arrays.test_circuits import SAMPLES, attention


@traced("x m")
def experts(t):
    g, i = top_k("[e -> k]", k=2)(linear("gate", "m -> e", e=8)(t))
    u = view("m -> k m")(t)
    up = silu(linear("w1", "k, k m -> k f", at="e")(i, u))
    return einsum("k, k f -> f")(softmax("[k]")(g), up)


odd = [
    "m#2",
    "scale",
    "say 'no' \"",
    "2x",
    "ä",
    "\u202e\n",
    "",
    "x1",
    "𝔸",
    "e y",
    "enc/Q",
    "\ud800",
]
CIRCUITS = SAMPLES | {
    "experts": experts,
    "gpt2": unrolled(2),
    "gpt2 with sizes": unrolled(1).at(m=768, h=12, d=64, f="4*m"),
    "convolution": conv("c1", "[y z] i -> [y z] o", window=3, stride=2, pad=1, bias=True),
    "split": view("(h d) -> h d", h=12),
    "join": view("h d -> (h d)"),
    "joins of three": view("a b c -> (a b c)"),
    "windows": view("2*y+a-1 c -> y a c", a=3, outside=-1.0),
    "shift": view("m+1 -> m", outside=float("-inf")),
    "positions": shift("wpe", "c m", at="x", c=1024),
    "mask": where("x y", "y <= x, x - y < 4"),
    "mask by an array": where("x y"),
    "concat": concat("[x] m, [y] m, [u] m -> [z] m"),
    "mean": mean("[x] m -> m"),
    "sinusoids": idle @ sinusoid("x m", base=500000.0) >> add,
    "an index": one_hot("V"),
    "taken": take("k, e m -> k m", at="e"),
    "the greatest": pool("max", "[y] c", window=3, stride=2, pad=1),
    "one place": view("2 m -> m"),
    "scale": einsum("i j, j k -> i k", scale="-2*(k + 3*i)**-0.5/3"),
    "a small scale": einsum("i -> ", scale=1e-300) >> einsum(" -> ", scale="12**0.5"),
    "a table used twice": embed("T", "V -> m") >> linear("T", "m -> V", transpose=True),
    "dead boxes": copy(2) >> linear("A", "m -> n") @ relu >> discard @ idle,
    "dead random boxes": copy(2) >> dropout(0.5) @ dropout(0.25) >> discard @ discard,
    "all dead": linear("A", "m -> n", n=4) >> discard,
    "nothing": Circuit.identity(),
    "any types": swap() @ copy(0),
    "several sizes": linear("A", "m -> n").at(m=8).at(m="n + 1", n="h*d"),
    "lifted": lift(attention(), "n k"),
    "lifted twice": lift(lift(linear("A", "m -> n"), "n"), "n"),
    "kept factors": einsum("a b -> b") >> (softmax("[m]") >> relu),
    "odd names": linear(odd[2], "m -> n").named(odd[5]) @ linear(odd[6], "m -> n", init=odd[1])
    @ linear(odd[3], 'with "a b" -> over "m#2" div ä "x1"') @ linear(odd[-1], "x1 -> x2"),
    "an array is called so": linear("x1", "m -> n") >> linear("a1", "n -> m", init=""),
}  # fmt: skip


def exact(circuit):
    text = str(circuit)
    again = Circuit.parse(text)
    assert again == circuit
    assert hash(again) == hash(circuit)
    assert str(again) == text
    assert again.parameters == circuit.parameters
    assert repr(again) == repr(circuit)
    return again


@pytest.mark.parametrize("name", CIRCUITS)
def test_listings_are_read_back(name):
    """Also what is not compared: the letters of variables, and titles."""
    circuit = CIRCUITS[name]
    assert not circuit.failures()
    again = exact(circuit)
    numbers = [{name: size.number for name, size in c.axes.items()} for c in (again, circuit)]
    assert numbers[0] == numbers[1]
    assert {str(one) for one in again.apex.operations} == {
        str(one) for one in circuit.apex.operations
    }


@settings(deadline=None)
@given(array_circuits(most=6), st.sampled_from(["", "n", "n m"]))
def test_random_circuits_are_read_back(circuit, front):
    exact(circuit)
    exact(lift(circuit, front))


MUTANTS = {
    "without relations": lambda text: re.sub(r" relations [^\n]*?(?= as |\n)", "", text),
    "without a scale": lambda text: re.sub(r" scale [^\n]*?(?= relations | as |\n)", "", text),
    "without initialisers": lambda text: re.sub(r"(?m)^(parameter .*: R) = .*$", r"\1", text),
    "types apart": lambda text: re.sub(r": \?\d", ": ?", text),
    "the value outside is 0": lambda text: re.sub(r" else -?[a-z0-9.]+", "", text),
    "without conditions": lambda text: re.sub(r" where .*? <= .*?(?= else)", "", text),
    "one size of several": lambda text: re.sub(
        r"(?m)^(?:axes|sizes) .*",
        lambda line: re.sub(r"( = [^=,]*) = [^=,]*", r"\1", line[0]),
        text,
    ),
    "an axis for each letter": lambda text: re.sub(r":(?!\s)[^ \n\[]+(?=[ \n])", "", text),
    "only what outputs need": lambda text: str(Circuit.parse(text).live()),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_listings_that_lose_something_are_noticed(name, mutants):
    """Mutants of the law: what each loses, some circuit of those above shows."""

    def survives(circuit):
        try:
            return Circuit.parse(MUTANTS[name](str(circuit))) == circuit
        except CatlearnError:
            return False

    with mutants(name):
        assert not all(map(survives, CIRCUITS.values()))


def test_circuits_that_differ_have_other_listings():
    """What ``==`` tells apart, listings do, up to names."""
    texts = {name: str(circuit) for name, circuit in CIRCUITS.items()}
    for one, text in texts.items():
        for other, circuit in CIRCUITS.items():
            if text == texts[other]:
                assert CIRCUITS[one] == circuit


def test_a_listing_is_written_by_hand():
    found = Circuit.parse("""
        sizes n, m
        x1[m]: R
        parameter A[m n]: R
        y[n]: R = contraction(x1[m], A[m n])

        return y
    """)
    assert found == linear("A", "k -> n").at(k="m")
    masked = "x[i j]: R\ny[i j]: R = view(x[i j] where j <= i and i <= j + 3 else -inf)\nreturn y"
    assert Circuit.parse(masked) == where("x y", "y <= x, x - y < 4")


WRONG = {
    "": 1,
    "x[m]: R": 1,
    "return x": 1,
    "x[m]: R\nx[m]: R\nreturn x": 2,
    "x[m]: Q\nreturn x": 1,
    "x[m]: N\nreturn x": 1,
    "x[m]: R\ny[m]: R = relo(x[m])\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[m]\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(z[m])\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[m*m])\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[|k|*m])\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[k[m]])\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[m]) for k\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[m]) scale m**1000\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[m]) scale 0\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[m]) scale 1/0\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[m]) scale m**(1/2)*((10**100)**100)**100\nreturn y": 2,
    "x[m]: R\ny[m]: R = relu(x[m]) relations m = k\nreturn y": 2,
    "sizes n, n\nx[m]: R\nreturn x": 1,
    "sizes n = k\nx[m]: R\nreturn x": 1,
    "axes m = 4, m = 5\nx[m]: R\nreturn x": 1,
    "axes k = 4\nx[m]: R\nreturn x": 3,
    "sizes n = n**101\nx[m]: R\nreturn x": 1,
    f"sizes n = {'9' * 2000}\nx[m]: R\nreturn x": 1,
    f"x[m]: R\ny[m]: R = relu(x[{'(' * 200}m{')' * 200}])\nreturn y": 2,
    "return\nreturn": 2,
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_no_listing_is_refused_with_the_place(text):
    with pytest.raises(PathSyntaxError) as caught:
        Circuit.parse(text)
    message = str(caught.value)
    assert f"line {WRONG[text]}:" in message
    assert "^" in message.splitlines()[-1]


@pytest.mark.parametrize(
    "text",
    [
        "x[m]: R\ny[m]: R = relu(x[])\nreturn y",
        "x[m]: R\ny[m]: R = relu(x[m], x[m])\nreturn y",
        "x[m]: R\ny[m]: R = relu(x[(m div 0)])\nreturn y",
        "x[m]: R\ny[]: R = relu(x[m])\nreturn y",
        "x[m]: R\ny[m k]: R = relu(x[k])\nz[m m]: R = relu(y[m k])\nreturn y",
        "x[m]: R\nk[m n]: N<m>\ny[m]: R = relu(x[@2[m]])\nreturn y",
        "axes m = 4 = 5\nx[m]: R\nreturn x",
        "sizes n, k\naxes m = n = k\nx[m]: R\nreturn x",
        "axes m = 0\nx[m]: R\nreturn x",
    ],
)
def test_what_is_no_circuit_is_refused(text):
    with pytest.raises(CatlearnError):
        Circuit.parse(text)


def test_brackets_nest_as_deep_as_is_said():
    def nested(depth):
        index = "m"
        for _ in range(depth):
            index = f"({index} div 2)"
        return f"x[k]: R\ny[m]: R = view(x[{index}])\nreturn y"

    exact(Circuit.parse(nested(DEEPEST - 2)))
    with pytest.raises(PathSyntaxError):
        Circuit.parse(nested(DEEPEST + 1))


def test_what_is_no_text_is_refused():
    for wrong in (1, None, b"return", ["return"]):
        with pytest.raises(CatlearnError):
            Circuit.parse(wrong)


TOKENS = ["[", "]", "(", ")", ",", ":", "=", "<=", "*", "**", "-", "+", "|", "x1", "m", "a1", "0",
          "where", "for", "with", "over", "scale", "relations", "as", "return", "sizes", "axes",
          "N<m>", "?1", "@1", "else", "inf", "div", "\n", '"', "9" * 50, "**99", "//",
          "1e400"]  # fmt: skip


@pytest.mark.parametrize("name", CIRCUITS)
def test_damaged_listings_are_circuits_or_refused(name):
    """Characters, tokens and lines are dropped, doubled, exchanged and put in."""
    text, chance = str(CIRCUITS[name]), random.Random(name)
    for _ in range(60):
        made = text
        for _ in range(chance.randint(1, 3)):
            at, to = sorted(chance.randrange(len(made) + 1) for _ in range(2))
            to = min(to, at + chance.choice([1, 5, 40]))
            kind = chance.randrange(5)
            piece = [chance.choice(TOKENS), "", made[at:to] * 2, made[at:to][::-1], " "][kind]
            made = made[:at] + piece + made[to:]
            if chance.random() < 0.2:
                lines = made.split("\n")
                chance.shuffle(lines)
                made = "\n".join(lines)
        try:
            found = Circuit.parse(made)
        except CatlearnError:
            continue
        assert Circuit.parse(str(found)) == found


def places(value, path=()):
    """The places of a document, each by the keys that lead there."""
    yield path
    kind = dict if isinstance(value, dict) else enumerate
    for key, one in dict(kind(value)).items() if isinstance(value, dict | list) else ():
        yield from places(one, (*path, key))


def test_damaged_documents_are_circuits_or_refused(tmp_path):
    """Values of documents are exchanged, put in lists, cut, and left out."""
    chance, file = random.Random(0), tmp_path / "circuit.json"
    cl.save(CIRCUITS["experts"], file)
    text, loaded = file.read_text("utf-8"), 0
    for _ in range(150):
        document = json.loads(text)
        for path in chance.sample(list(places(document))[1:], 1):
            at = reduce(lambda inner, key: inner[key], path[:-1], document)
            found, key = at[path[-1]], path[-1]
            half = found[: len(found) // 2] if isinstance(found, str | list) else None
            wrong = [None, True, -1, 0.5, "", [found], {"a": found}, half, 10**30, "return"]
            at[key] = chance.choice(wrong)
        file.write_text(json.dumps(document), "utf-8")
        try:
            found = cl.load(file)
        except CatlearnError:
            continue
        loaded += 1
        assert not isinstance(found, Circuit) or not found.failures()
    assert loaded < 75


def test_latex():
    """Braces are balanced, every box has its line, and no name is left unescaped."""
    for circuit in CIRCUITS.values():
        text = circuit.to_latex()
        assert text.count("{") == text.count("}")
        assert text.count("\\\\\n") == str(circuit).count("\n")
    shown = where("x y", "y <= x").to_latex()
    assert r"\le" in shown
    assert r"x_{1}[x\ y]" in shown
