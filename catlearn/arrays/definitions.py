"""Definitions: kernels as circuits of elementary ones, and circuits in which they are written out.

Some kernels are compositions that deserve a box of their own: they have a *definition* in
elementary kernels that they equal,

    softmax_y x = exp(x - max_y x) / sum_y exp(x - max_y x)
    logsumexp_y x = max_y x + log sum_y exp(x - max_y x)
    norm_m x = c / sqrt(mean_m c^2 + eps), with c = x - mean_m x, or c = x if it does not centre
    silu x = x sigmoid x
    gelu x = x (1 + erf(x / sqrt 2)) / 2, or x sigmoid(x (a + b x^2)), with a = 2 sqrt(2 / pi) and
        b = 0.044715 a, which is x (1 + tanh(...)) / 2
    (cumsum_x s)(x) = sum_y [y <= x] s(y)

A difference is a sum with ``neg``, and a quotient a product with ``reciprocal``; that of logsumexp
is -inf where x is, so that of entries that are all -inf it is that, too. What reads entries
(streams) unfolds definitions; equality and counts do not. A definition is lines of a listing; it
is seen by unfolding a box:

>>> from catlearn.arrays import logsumexp
>>> print(logsumexp("[y] -> ").unfold())
x1[y]: R
a1[]: R = max(x1[y]) as "max of logsumexp"
a2[y]: R = shifted(x1[y], a1[]) as "shifted of logsumexp"
a3[y]: R = exp(a2[y]) as "exp of logsumexp"
a4[]: R = contraction(a3[y]) as "contraction of logsumexp"
a5[]: R = log(a4[]) as "log of logsumexp"
a6[]: R = add(a1[], a5[]) as "add of logsumexp"
return a6
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from catlearn.arrays.boxes import ArrayHypergraph, BoxRow, Draft
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.listing import read_listing
from catlearn.arrays.sizes import ONE

DEFINITIONS: dict[str, str | dict[str, str]] = {
    "softmax": """
        m[{kept}]: R = max(x[{given}])
        n[{kept}]: R = neg(m[{kept}])
        d[{all}]: R = add(x[{given}], n[{kept}])
        e[{all}]: R = exp(d[{all}])
        s[{kept}]: R = contraction(e[{all}])
        r[{kept}]: R = reciprocal(s[{kept}])
        y[{all}]: R = mul(e[{all}], r[{kept}])
    """,
    "logsumexp": """
        m[{kept}]: R = max(x[{given}])
        d[{all}]: R = shifted(x[{given}], m[{kept}])
        e[{all}]: R = exp(d[{all}])
        s[{kept}]: R = contraction(e[{all}])
        l[{kept}]: R = log(s[{kept}])
        y[{kept}]: R = add(m[{kept}], l[{kept}])
    """,
    "norm": {
        "layer": """
            m[{kept}]: R = contraction(x[{given}]) scale {mean}
            n[{kept}]: R = neg(m[{kept}])
            c[{all}]: R = add(x[{given}], n[{kept}])
            s[{all}]: R = square(c[{all}])
            v[{kept}]: R = contraction(s[{all}]) scale {mean}
            e[]: R = constant(value={eps})
            w[{kept}]: R = add(v[{kept}], e[])
            r[{kept}]: R = sqrt(w[{kept}])
            i[{kept}]: R = reciprocal(r[{kept}])
            y[{all}]: R = mul(c[{all}], i[{kept}])
        """,
        "rms": """
            s[{all}]: R = square(x[{given}])
            v[{kept}]: R = contraction(s[{all}]) scale {mean}
            e[]: R = constant(value={eps})
            w[{kept}]: R = add(v[{kept}], e[])
            r[{kept}]: R = sqrt(w[{kept}])
            i[{kept}]: R = reciprocal(r[{kept}])
            y[{all}]: R = mul(x[{given}], i[{kept}])
        """,
    },
    "silu": """
        s[{all}]: R = sigmoid(x[{given}])
        y[{all}]: R = mul(x[{given}], s[{all}])
    """,
    "gelu": {
        "erf": f"""
            a[]: R = constant(value={math.sqrt(0.5)!r})
            u[{{all}}]: R = mul(x[{{given}}], a[])
            e[{{all}}]: R = erf(u[{{all}}])
            h[]: R = constant(value=0.5)
            o[]: R = constant(value=1.0)
            v[{{all}}]: R = add(o[], e[{{all}}])
            y[{{all}}]: R = mul(h[], x[{{given}}], v[{{all}}])
        """,
        "tanh": f"""
            a[]: R = constant(value={2 * math.sqrt(2 / math.pi)!r})
            b[]: R = constant(value={0.044715 * 2 * math.sqrt(2 / math.pi)!r})
            s[{{all}}]: R = square(x[{{given}}])
            u[{{all}}]: R = mul(b[], s[{{all}}])
            v[{{all}}]: R = add(a[], u[{{all}}])
            w[{{all}}]: R = mul(x[{{given}}], v[{{all}}])
            e[{{all}}]: R = sigmoid(w[{{all}}])
            y[{{all}}]: R = mul(x[{{given}}], e[{{all}}])
        """,
    },
    "cumsum": """
        m[{all} t]: R = view(x[{earlier}] where t <= {whole}) for {all} t:{whole} as "mask"
        y[{all}]: R = contraction(m[{all} t]) for {all} t:{whole}
    """,
}
"""The kernels that have a definition: the lines of its boxes, by the value of an option or not.

``{given}`` are the axes of what is read, ``{all}`` those of the box, ``{whole}`` what it takes
whole, and ``{kept}`` the others; ``{mean}`` is one over the sizes of the former.
"""


def unfolded(H: ArrayHypergraph, names: Sequence[str]) -> Draft:
    """Return the rows of a circuit where kernels of these names are replaced by their definition.

    See :meth:`Circuit.unfold <catlearn.Circuit.unfold>`.
    """
    draft = Draft.of(H)
    rows, draft.boxes = draft.boxes, []
    for row in rows:
        one = row.operation
        if one.kernel.name not in names:
            draft.boxes.append(row)
            continue
        (writes, *_), (out, *_) = one.writes, row.outs
        every = (*writes, *(v for v in range(len(row.vars)) if v not in writes))
        source, given = _read(draft, row, every)
        found = DEFINITIONS[one.kernel.name]
        lines = found if isinstance(found, str) else found[str(one.kernel.options[0][1])]
        inner, last = _rows(lines, one.kernel.options, given, every, one.targets)
        variables = [int(letter or 0) for letter, _ in inner.axes]
        numbers, _ = draft.types[draft.wires[out].type]
        wires = {0: source, last: out}
        for box in inner.boxes:
            (wire,), own = box.outs, [variables[axis] for axis in box.vars]
            if wire != last:
                axes = [row.vars[variables[axis]] for axis in inner.wires[wire].axes]
                wires[wire] = draft.wire(axes, draft.type(numbers))
            made = replace(
                box.operation, title=f"{box.operation.title or box.operation.kernel.name} of {one}",
                letters=tuple(one.letters[v] if v < len(one.letters) else "" for v in own),
            )  # fmt: skip
            ins, outs = ([wires[w] for w in some] for some in (box.ins, box.outs))
            draft.boxes.append(BoxRow(
                ins, outs, [row.vars[v] for v in own], [], made, row.within
            ))  # fmt: skip
    return draft


@lru_cache(maxsize=256)
def _rows(
    lines: str, options: tuple[tuple[str, Any], ...], given: tuple[int, ...],
    every: tuple[int, ...], targets: tuple[int, ...],
) -> tuple[Draft, int]:  # fmt: skip
    """Return the rows of a definition, whose axes are called by variables, and what it returns.

    Parameters
    ----------
    lines, options
        The lines of its boxes, and the options of the kernel.
    given
        The variables of the positions of what is read, which is the array 0.
    every, targets
        The variables of the box in order, and those that it takes whole.
    """
    kept = [v for v in every if v not in targets]
    words = {"given": given, "all": every, "whole": targets, "kept": kept}
    axes = {word: " ".join(f'"{v}"' for v in some) for word, some in words.items()}
    axes["earlier"] = " ".join("t" if v in targets else f'"{v}"' for v in given)
    axes["mean"] = "*".join(f'"{v}"**(-1)' for v in targets)
    text = lines.format(**axes, **dict(options))
    H, _, (last,) = read_listing(f"x[{axes['given']}]: R\n{text}\nreturn y")
    return Draft.of(H), last


def _read(draft: Draft, row: BoxRow, every: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return an array that a box reads with all its variables, as it is or by a view, and these."""
    old = row.operation
    (place,) = (k for k, one in enumerate(old.readings) if one is not None)
    reading = old.readings[place]
    assert reading is not None
    wired = tuple(v for form in reading.forms if (v := form.wiring) is not None)
    plain = len(wired) == len(reading.forms) and not reading.conditions and not old.relations
    if plain and {*wired} == {*every}:
        return row.ins[place], wired
    made = replace(
        old, kernel=Kernel("view"), writes=(every,), targets=(), scale=ONE, title=f"view of {old}"
    )  # fmt: skip
    out = draft.wire([row.vars[v] for v in every], draft.wires[row.ins[place]].type)
    draft.boxes.append(row._replace(outs=[out], operation=made))
    return out, every
