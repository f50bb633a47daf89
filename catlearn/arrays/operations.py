"""The operations: circuits of one box or a few, from patterns.

Names on the left of a pattern take the sizes that come. Names on the right alone are *declared*:
they are symbols of the circuit, and equal names in two operations are one size. ``sizes=``, or
keywords as a shorthand, gives sizes. Axes that a pattern does not name are broadcast, by lifting.

>>> Q, K, V = (linear(name, "m -> h d") for name in "QKV")
>>> core = einsum("x h d, y h d -> h x y", scale="d**-0.5") >> softmax("[y]")
>>> attention = copy(3) >> Q @ K @ V >> core @ idle >> einsum("h x y, y h d -> x h d")
>>> (attention >> linear("O", "h d -> m")).at(m=8, h=2, d=4)
Circuit(R[x m#2] -> R[x m])
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

from catlearn.arrays.boxes import Draft, Operation
from catlearn.arrays.circuit import Circuit, compose, expect_circuits, tensor
from catlearn.arrays.forms import Form, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.making import (
    LearnedArray,
    PatternBox,
    Sizes,
    Type,
    axis_named,
    box_of,
    each_once,
    is_called,
    only_names,
    read_sides,
    sizes_of,
    titled,
)
from catlearn.arrays.patterns import Array, Item, Pattern, read_conditions, read_pattern
from catlearn.arrays.sizes import Scalar, Size, SizeRelation
from catlearn.errors import CatlearnError, did_you_mean, expect


def linear(
    name: str,
    pattern: str,
    bias: bool = False,
    *,
    init: str | None = None,
    transpose: bool = False,
    at: str | None = None,
    sizes: Sizes | None = None,
    **more: Any,
) -> Circuit:
    """Return a learned linear map: a contraction with a parameter.

    Parameters
    ----------
    name
        What the parameter is called; its bias is called ``name.bias``.
    pattern
        ``"m -> h d"``: the last axes of the input, then those of the output. The parameter has the
        axes of the left, then those that are on the right alone; an axis on both sides is not
        summed.
    bias
        Whether an array of the axes on the right alone is added; with ``at``, one for each index.
    init
        What the parameter starts from; ``"lecun"`` unless another operation that has it says.
    transpose
        Whether the parameter has the axes of the right first: a table that is used a second time.
    at
        An axis of the parameter that is read at chosen indices, which are the first array of the
        pattern: ``linear("w", "k, k m -> k f", at="e")``.
    sizes, more
        Sizes by name.

    Raises
    ------
    PathSyntaxError, InvalidStructure
        If the pattern cannot be read, or is not one of a linear map.

    Examples
    --------
    >>> linear("Q", "m -> h d", bias=True).parameters
    {'Q': (Size('m'), Size('h'), Size('d')), 'Q.bias': (Size('h'), Size('d'))}
    >>> linear("w", "k, k m -> k f", at="e", e=8)
    Circuit(N<e>[k], R[k m] -> R[k f])
    """
    is_called(name, "linear")
    chosen = () if at is None else (axis_named(at),)
    read = read_sides(pattern, 1 if at is None else 2, 1)
    only_names(read, (*read.left, *read.right))
    if at in {item.name for array in (*read.left, *read.right) for item in array}:
        raise read.error(f"at={at!r} is an axis of the parameter alone")
    given = sizes_of(read, sizes, more, () if at is None else (at,))
    source, (target,) = read.left[-1], read.right
    left = [item.name for item in source]
    new = [item for item in target if item.name not in left]
    reads = [source, (*new, *source) if transpose else (*source, *new)]
    title = titled("linear", name)
    parameters, lookups = {1: LearnedArray(name, init)}, {}
    index = read.left[0]
    if at is not None:
        kept = [item for item in reads[1] if item.name not in {one.name for one in index}]
        reads = [index, source, (*chosen, *kept)]
        parameters, lookups = {2: LearnedArray(name, init)}, {0: at}
    made = box_of(
        Kernel("contraction"), title, read, reads, [target], given, parameters=parameters,
        lookups=lookups,
    )  # fmt: skip
    if not bias:
        return made
    if at is None:
        return made >> added(f"{name}.bias", new, target, title)
    lost = [item for item in index if item.name not in {one.name for one in target}]
    if lost:
        raise read.error(f"{lost[0]} is summed; a bias for each index keeps it", lost[0])
    biased = box_of(
        Kernel("add"), title, read, [index, target, (*chosen, *new)], [target],
        {}, free={*lookups.values()}, parameters={2: LearnedArray(f"{name}.bias", "zeros")},
        lookups=lookups,
    )  # fmt: skip
    return compose(copy(2) @ idle, idle @ made, biased)


def added(
    name: str, own: Iterable[Item], whole: Array, title: str, kernel: str = "add",
    init: str = "zeros",
) -> Circuit:  # fmt: skip
    """Return what adds a parameter to an array, or multiplies it by one."""
    pattern = Pattern("", (whole,), (whole,))
    parameters = {1: LearnedArray(name, init)}
    return box_of(
        Kernel(kernel), title, pattern, [whole, tuple(own)], [whole], {}, parameters=parameters
    )


def einsum(
    pattern: str,
    scale: Scalar | str | float = 1,
    *,
    sizes: Sizes | None = None,
    **more: Any,
) -> Circuit:
    """Return a contraction: products are summed over the axes that the output does not have.

    Parameters
    ----------
    pattern
        ``"x h d, y h d -> h x y"``.
    scale
        A number, or a text over the sizes such as ``"d**-0.5"``.
    sizes, more
        Sizes by name.

    Examples
    --------
    >>> einsum("x h d, y h d -> h x y", scale="d**-0.5")
    Circuit(R[x h d], R[y h d] -> R[h x y])
    """
    read = read_sides(pattern, None, 1)
    only_names(read, read.right)
    only_names(read, [[item for item in array if item.name] for array in read.left])
    arrays = [[item.name for item in array] for array in (*read.left, *read.right)]
    if all(len(names) == 1 for names in arrays):
        (new,), letters = arrays[-1], {letter for names in arrays[:-1] for letter in names[0]}
        if len(new) > 1 and [new] not in arrays[:-1] and letters.issuperset(new):
            raise read.error(
                "axes have spaces between them, as in 'x d, y d -> x y'", read.right[0][0]
            )
    given = sizes_of(read, sizes, more)
    return box_of(Kernel("contraction"), "einsum", read, read.left, read.right, given, scale=scale)


def mean(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return the mean over bracketed axes: the contraction with 1 over their sizes.

    Examples
    --------
    >>> mean("[x] m -> m")
    Circuit(R[x m] -> R[m])
    """
    read, scale = _reduced(pattern), Scalar()
    for item in read.left[0]:
        if item.bracket:
            scale = scale * Scalar.of(Size.of(item.name)) ** -1
    given = sizes_of(read, sizes, more)
    return box_of(Kernel("contraction"), "mean", read, read.left, read.right, given, scale=scale)


def maximum(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return the greatest entry over bracketed axes.

    Examples
    --------
    >>> maximum("[x] m -> m")
    Circuit(R[x m] -> R[m])
    """
    return _reduction("max", "maximum", pattern, sizes, more)


def minimum(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return the least entry over bracketed axes.

    Examples
    --------
    >>> minimum("[x] m -> m")
    Circuit(R[x m] -> R[m])
    """
    return _reduction("min", "minimum", pattern, sizes, more)


def argmax(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return where the greatest entry along a bracketed axis is; of equal ones the first.

    Examples
    --------
    >>> argmax("m [x] -> m")
    Circuit(R[m x] -> N<x>[m])
    >>> argmax("[v] -> ") >> embed("wte", "v -> m")
    Circuit(R[v] -> R[m])
    """
    return _place("argmax", pattern, sizes, more)


def argmin(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return where the least entry along a bracketed axis is; of equal ones the first.

    Examples
    --------
    >>> argmin("p [k] -> p")
    Circuit(R[p k] -> N<k>[p])
    """
    return _place("argmin", pattern, sizes, more)


def logsumexp(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return the logarithm of the sum of the exponentials over bracketed axes.

    Where all entries are minus infinity it is that, and its definition is NaN.

    Examples
    --------
    >>> logsumexp("b [y] -> b")
    Circuit(R[b y] -> R[b])
    """
    return _reduction("logsumexp", "logsumexp", pattern, sizes, more)


def variance(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return the mean of the squares of what is left of the mean, over bracketed axes.

    Examples
    --------
    >>> variance("[x] m -> m").counts().operations
    Size('4*m*x + m')
    """
    read = _reduced(pattern)
    only_names(read, read.left, brackets=True)
    whole, kept = (" ".join(item.name for item in side[0]) for side in (read.left, read.right))
    centre = mean(pattern, sizes=sizes, **more)
    moved = elementwise("add", pattern=f"{kept}, {whole} -> {whole}")
    return compose(copy(2), (centre >> neg) @ idle, moved, square, centre).block("variance")


def cross_entropy(pattern: str) -> Circuit:
    """Return the cross-entropy of scores and labels: minus the logarithm of the softmax there.

    Parameters
    ----------
    pattern
        The last axes of the scores, with the one of the classes in brackets; labels have the
        others.

    Examples
    --------
    >>> cross_entropy("[v]")
    Circuit(R[v], N<v>[] -> R[])
    >>> cross_entropy("t [v]") >> mean("[t] -> ")
    Circuit(R[t v], N<v>[t] -> R[])
    """
    read = read_sides(pattern, 1, 0)
    only_names(read, read.left, brackets=True)
    classes = [item.name for item in read.left[0] if item.bracket]
    if len(classes) != 1:
        raise read.error("one axis, that of the classes, is in brackets, as in '[v]'")
    shown = " ".join(f"[{i.name}]" if i.bracket else i.name for i in read.left[0])
    whole = " ".join(item.name for item in read.left[0])
    kept = " ".join(item.name for item in read.left[0] if not item.bracket)
    score = swap() >> take(f"{kept}, {whole} -> {kept}", at=classes[0]) >> neg
    total = logsumexp(f"{shown} -> {kept}")
    made = compose(copy(2) @ idle, total @ score, add)
    return made.block("cross-entropy")


def attention(pattern: str, condition: str | None = None, *,
              scale: Scalar | str | float | None = None) -> Circuit:  # fmt: skip
    """Return attention: values weighted by the softmax of products of queries and keys.

    Parameters
    ----------
    pattern
        Queries, keys and values: ``"x h d, y h d, y h e -> x h e"``. The softmax is over the axes
        that keys and values have, and the output does not.
    condition
        Which are read, as for :func:`where`: ``"y <= x"``.
    scale
        By what products are multiplied; one over the root of the sizes that are summed, unless
        said.

    Examples
    --------
    >>> attention("x d, y d, y e -> x e", "y <= x")
    Circuit(R[x d], R[y d], R[y e] -> R[x e])
    >>> grouped = attention("x g q d, y g d, y g e -> x g q e")
    >>> [str(operation) for operation in grouped.apex.operations]
    ['einsum', 'softmax', 'einsum']
    """
    read = read_sides(pattern, 3, 1)
    only_names(read, (*read.left, *read.right))
    queries, keys, values = ([item.name for item in array] for array in read.left)
    out = [item.name for item in read.right[0]]
    over = [name for name in keys if name in values and name not in out]
    summed = [name for name in queries if name in keys and name not in (*values, *out)]
    both = [name for name in queries if name in keys and name not in summed]
    scores = [*both, *(name for name in (*queries, *keys) if name not in (*both, *summed))]
    lost = [name for name in scores if name not in (*over, *out)]
    if not over or not summed or lost:
        raise read.error(
            f"{lost[0]} is neither weighted by nor kept" if lost else
            "queries and keys share an axis that values lack, and keys and values one that is "
            "lost, as d and y in 'x d, y d, y e -> x e'"
        )  # fmt: skip
    sizes = (Scalar.of(Size.of(name)) ** Fraction(-1, 2) for name in summed)
    texts = [" ".join(one) for one in (queries, keys, scores, values, out)]
    factor = reduce(operator.mul, sizes, Scalar()) if scale is None else scale
    core = einsum(f"{texts[0]}, {texts[1]} -> {texts[2]}", scale=factor)
    if condition is not None:
        core = core >> where(texts[2], condition)
    core = core >> softmax(" ".join(f"[{n}]" if n in over else n for n in scores))
    weighted = einsum(f"{texts[2]}, {texts[3]} -> {texts[4]}")
    return (core @ idle >> weighted).block("attention")


def _reduction(kernel: str, title: str, pattern: str, sizes: Sizes | None, more: Sizes,
               read: Pattern | None = None, results: Sequence[Type] = ()) -> Circuit:  # fmt: skip
    """Return a kernel that takes bracketed axes whole, which are lost."""
    read = read or _reduced(pattern)
    given = sizes_of(read, sizes, more)
    return box_of(
        Kernel(kernel), title, read, read.left, read.right, given, results=results or ["R"]
    )


def _place(kernel: str, pattern: str, sizes: Sizes | None, more: Sizes) -> Circuit:
    """Return a kernel that says where along the bracketed axis an entry stands."""
    read = _reduced(pattern)
    axes = [item.name for item in read.left[0] if item.bracket]
    if len(axes) != 1:
        raise read.error("one axis is in brackets: that of the indices")
    return _reduction(kernel, kernel, pattern, sizes, more, read, [("N", axes[0])])


def _reduced(pattern: str) -> Pattern:
    """Read a pattern whose axes in brackets, and no others, are lost."""
    read = read_sides(pattern, 1, 1)
    only_names(read, (*read.left, *read.right), brackets=True)
    right = {name for item in read.right[0] for name in item.names}
    for item in read.left[0]:
        if item.bracket != right.isdisjoint(item.names):
            raise read.error(
                "axes in brackets, and no others, are summed up; see '[x] m -> m'", item
            )
    return read


def view(
    pattern: str,
    *,
    outside: float | None = None,
    pad: tuple[int, int] | None = None,
    sizes: Sizes | None = None,
    **more: Any,
) -> Circuit:
    """Return a reading: permuted, repeated, split, joined, shifted axes and windows of them.

    Parameters
    ----------
    pattern
        ``"m -> k m"`` repeats, ``"(h d) -> h d"`` splits, ``"h d -> (h d)"`` joins,
        ``"2*y+a-1 c -> y a c"`` has windows, ``"0 m -> m"`` is what stands first.
    outside
        The value of what is read outside of its axis; 0 unless said.
    pad
        By how much a window may reach over the beginning and the end; (0, 0) unless said. The size
        of its axis is the largest one; with ``outside`` and no ``pad``, ``"m+1 -> m"`` keeps it.
    sizes, more
        Sizes by name.

    Examples
    --------
    >>> view("(h d) -> h d", h=12).axes["hd"]
    Size('12*d')
    >>> view("2*y+a-1 c -> y a c", a=3, pad=(1, 1)).at_dom((7, 2))
    Circuit(?[a#2 c] -> ?[y a c])
    >>> [str(one) for one in view("2 m -> m").relations]
    ['3 <= a']
    """
    read = read_sides(pattern, 1, 1)
    given = sizes_of(read, sizes, more)
    right = [name for item in read.right[0] for name in item.names]
    only_names(read, [[item for item in array if item.name] for array in (*read.left, *read.right)])
    for item in read.right[0]:
        again = [name for name in item.names if right.count(name) > 1]
        if again:
            raise read.error(
                f"{again[0]} is on the right twice; each axis there is one index", item
            )
    lost = [item for item in read.left[0] for name in item.names if name not in right]
    if lost:
        raise read.error(f"{lost[0]} is not on the right; a view keeps what it reads", lost[0])
    return box_of(
        Kernel("view"), "view", read, read.left, read.right, given,
        outside=0.0 if outside is None else outside, keeps=outside is not None, pad=pad,
        types=[None], results=[0],
    )  # fmt: skip


def permute(pattern: str) -> Circuit:
    """Return the view that puts the axes of an array in another order.

    Examples
    --------
    >>> permute("x h d -> h x d")
    Circuit(?[x h d] -> ?[h x d])
    """
    read = read_sides(pattern, 1, 1)
    only_names(read, (*read.left, *read.right))
    one, other = (sorted(item.name for item in side[0]) for side in (read.left, read.right))
    if one != other:
        raise read.error("both sides of a permutation have the same axes; view() takes others")
    return view(pattern)


def where(
    pattern: str,
    condition: str | None = None,
    *,
    outside: float = float("-inf"),
    sizes: Sizes | None = None,
    **more: Any,
) -> Circuit:
    """Return a mask.

    Parameters
    ----------
    pattern
        The last axes, in order, ``"x y"``.
    condition
        An affine condition on them, ``"y <= x"``. Without one the first input is an array of
        booleans, of the same axes or, in ``"y, h x y"``, of some of them.
    outside
        The value where it does not hold; -inf unless said.

    Examples
    --------
    >>> where("x y", "y <= x")
    Circuit(R[x y] -> R[x y])
    >>> where("x y")
    Circuit(B[x y], R[x y] -> R[x y])
    >>> where("y, h x y")
    Circuit(B[y], R[h x y] -> R[h x y])
    """
    two = condition is None and isinstance(pattern, str) and "," in pattern
    read = read_sides(pattern, 1 + two, 0)
    only_names(read, read.left)
    (*masks, array), given = read.left, sizes_of(read, sizes, more)
    if condition is None:
        mask = masks[0] if masks else array
        lost = [item for item in mask if item.name not in {one.name for one in array}]
        if lost:
            raise read.error(f"{lost[0]} is an axis of the mask alone", lost[0])
        kernel = Kernel("where", (("outside", float(outside)),))
        return box_of(kernel, "where", read, [mask, array], [array], given, types=["B", "R"])
    found = read_conditions(condition)
    names = {item.name for item in array}
    wrong = sorted({name for one in found for name in one.generators} - names)
    if wrong:
        raise read.error(f"the condition speaks of {wrong[0]!r}; {did_you_mean(wrong[0], names)}")
    return box_of(
        Kernel("view"), f"where {condition}", read, [array], [array], given, outside=float(outside),
        conditions=found,
    )  # fmt: skip


def softmax(pattern: str) -> Circuit:
    """Return the softmax over bracketed axes.

    Examples
    --------
    >>> softmax("[y]")
    Circuit(R[y] -> R[y])
    """
    return _whole(Kernel("softmax"), "softmax", read_sides(pattern, 1, 0))


def cumsum(pattern: str) -> Circuit:
    """Return the sums of the entries up to each along a bracketed axis, with it.

    Its definition is the contraction over the entries that are not later.

    Examples
    --------
    >>> cumsum("[x] m")
    Circuit(R[x m] -> R[x m])
    """
    read = read_sides(pattern, 1, 0)
    if sum(item.bracket for item in read.left[0]) > 1:
        raise read.error("sums go along one axis")
    return _whole(Kernel("cumsum"), "cumsum", read)


def _whole(kernel: Kernel, title: str, read: Pattern) -> Circuit:
    """Return a kernel that takes bracketed axes whole, and keeps them."""
    only_names(read, read.left, brackets=True)
    if not any(item.bracket for item in read.left[0]):
        raise read.error("which axes are taken whole? put them in brackets, as in '[y]'")
    return box_of(kernel, title, read, read.left, read.left, sizes_of(read, None, {}))


def norm(name: str, pattern: str, kind: str = "layer", eps: float = 1e-5) -> Circuit:
    """Return a normalisation over bracketed axes, with a learned gain, and a shift if it centres.

    Parameters
    ----------
    name
        The parameters are ``name.gain`` and ``name.shift``.
    pattern
        ``"[m]"``.
    kind
        ``"layer"``, which subtracts the mean, or ``"rms"``.
    eps
        What is added to the variance.

    Examples
    --------
    >>> list(norm("ln", "[m]").parameters), list(norm("ln", "[m]", kind="rms").parameters)
    (['ln.gain', 'ln.shift'], ['ln.gain'])
    """
    is_called(name, "norm")
    read = read_sides(pattern, 1, 0)
    title = titled("norm", name)
    normed = _whole(Kernel("norm", (("kind", kind), ("eps", float(eps)))), title, read)
    whole = tuple(Item(item.names, item.size) for item in read.left[0])
    own = [item for item, one in zip(whole, read.left[0], strict=True) if one.bracket]
    scaled = added(f"{name}.gain", own, whole, title, "mul", "ones")
    shifted = [added(f"{name}.shift", own, whole, title)] if kind == "layer" else []
    return compose(normed, scaled, *shifted)


def gain(name: str, pattern: str, *, init: str = "ones", sizes: Sizes | None = None,
         **more: Any) -> Circuit:  # fmt: skip
    """Return what multiplies an array by a learned one over its last axes.

    Examples
    --------
    >>> batch_norm = gain("bn.gain", "c") >> bias("bn.shift", "c")
    >>> batch_norm.at(c=64).counts().parameters
    128
    """
    return _joined("mul", name, pattern, init, sizes, more)


def bias(name: str, pattern: str, *, init: str = "zeros", sizes: Sizes | None = None,
         **more: Any) -> Circuit:  # fmt: skip
    """Return what adds a learned array over the last axes to an array.

    Examples
    --------
    >>> bias("router.bias", "e").parameters
    {'router.bias': (Size('e'),)}
    """
    return _joined("add", name, pattern, init, sizes, more)


def _joined(
    kernel: str, name: str, pattern: str, init: str, sizes: Sizes | None, more: Sizes
) -> Circuit:
    """Return what adds a parameter over the last axes, or multiplies by it."""
    what = "gain" if kernel == "mul" else "bias"
    is_called(name, what)
    read = read_sides(pattern, 1, 0)
    only_names(read, read.left)
    given = sizes_of(read, sizes, more)
    made = added(name, read.left[0], read.left[0], titled(what, name), kernel, init)
    return made.at(given) if given else made


def parameter(name: str, pattern: str, *, init: str = "normal", sizes: Sizes | None = None,
              **more: Any) -> Circuit:  # fmt: skip
    """Return a learned array by itself; its axes are declared.

    Examples
    --------
    >>> parameter("class", "t m", t=1)
    Circuit(() -> R[t m])
    >>> parameter("class", "t m", t=1) @ idle >> concat("[t] m, [x] m -> [y] m")
    Circuit(R[x m] -> R[y m])
    """
    is_called(name, "parameter")
    read = read_sides(pattern, 1, 0)
    only_names(read, read.left)
    given, draft = sizes_of(read, sizes, more), Draft()
    each_once(read, read.left[0])
    names = [item.name for item in read.left[0]]
    axes = [draft.axis(one, draft.size(given.get(one, Size.of(one)))) for one in names]
    return Circuit.of(draft, [], [draft.wire(axes, None, name, init)])


def unit(pattern: str, eps: float = 1e-24) -> Circuit:
    """Return arrays of Euclidean norm 1 over bracketed axes: directions.

    Parameters
    ----------
    pattern
        ``"[m]"``.
    eps
        What is added to the mean of the squares.

    Examples
    --------
    >>> unit("[m]")
    Circuit(R[m] -> R[m])
    """
    read = read_sides(pattern, 1, 0)
    normed = _whole(Kernel("norm", (("kind", "rms"), ("eps", float(eps)))), "unit", read)
    whole = tuple(Item(item.names, item.size) for item in read.left[0])
    scale = Scalar()
    for item in read.left[0]:
        scale = scale * Scalar.of(Size.of(item.name)) ** Fraction(-item.bracket, 2)
    scaled = box_of(Kernel("contraction"), "unit", read, [whole], [whole], {}, scale=scale)
    return normed >> scaled


def embed(name: str, pattern: str, *, init: str = "normal", sizes: Sizes | None = None,
          **more: Any) -> Circuit:  # fmt: skip
    """Return the looked-up rows of a learned table.

    Parameters
    ----------
    name
        What the table is called.
    pattern
        ``"V -> m"``: the axis that the input points to, and those of a row.

    Examples
    --------
    >>> embed("wte", "V -> m")
    Circuit(N<V>[] -> R[m])
    """
    is_called(name, "embed")
    read = read_sides(pattern, 1, 1)
    only_names(read, (*read.left, *read.right))
    given = sizes_of(read, sizes, more)
    (source,), (target,) = read.left, read.right
    if len(source) != 1:
        raise read.error("one axis is looked up")
    return box_of(
        Kernel("contraction"), titled("embed", name), read, [(), (*source, *target)], [target],
        given, parameters={1: LearnedArray(name, init)}, lookups={0: source[0].name},
    )  # fmt: skip


def shift(name: str, pattern: str, at: str, *, init: str = "normal", sizes: Sizes | None = None,
          **more: Any) -> Circuit:  # fmt: skip
    """Return what adds the rows of a learned table of positions: row x at index x.

    Parameters
    ----------
    name
        What the table is called.
    pattern
        Its axes, ``"c m"``; the first one has the positions.
    at
        The axis of the input whose indices are positions; there are at most as many.

    Examples
    --------
    >>> f = shift("wpe", "c m", at="x")
    >>> f, [str(one) for one in f.relations]
    (Circuit(R[x m] -> R[x m]), ['x <= c'])
    """
    is_called(name, "shift")
    row_of, read = axis_named(at), read_sides(pattern, 1, 0)
    only_names(read, read.left)
    if not read.left[0] or at in {item.name for item in read.left[0]}:
        raise read.error(f"the axes of the table come first, and at={at!r} is none of them")
    given = sizes_of(read, sizes, more, (at,))
    table, row = read.left[0], read.left[0][1:]
    each_once(read, table)
    letters, rows = [row_of.name, *(item.name for item in row)], table[0].name
    box = PatternBox(read, given, {*letters})
    draft, whole = box.draft, [*map(box.variable, letters)]
    length = box.length(rows)
    ins = (
        draft.wire(map(box.axis, letters)),
        draft.wire((box.axis(item.name) for item in table), None, name, init),
    )
    out = draft.wire(map(box.axis, letters))
    box.relations.append(SizeRelation("<=", Size.generator(0), length))
    box.finish()
    operation = Operation(
        Kernel("add"), (Reading.wiring(whole), Reading.wiring(whole)), (tuple(whole),),
        relations=tuple(box.relations), letters=tuple(letters), title=titled("shift", name),
    )  # fmt: skip
    draft.box(operation, ins, [out], map(box.axis, letters), box.mentions)
    return Circuit.of(draft, [ins[0]], [out])


def top_k(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return the greatest entries, in order, and where they are; of equal ones the first.

    Examples
    --------
    >>> top_k("[e -> k]", k=2)
    Circuit(R[e] -> R[k], N<e>[k])
    """
    read = read_pattern(pattern)
    array = read.left[0] if len(read.left) == 1 and not read.right else []
    if [bool(item.changed) for item in array] != [True] or len(array[0].names) != 1:
        raise read.error('it takes one axis and makes another, as in "[e -> k]"')
    if array[0].names[0] == array[0].changed:
        raise read.error("what is chosen has a name of its own, as in '[e -> k]'", array[0])
    given, (old,), new = sizes_of(read, sizes, more), array[0].names, array[0].changed
    chosen = (Item((new,), Size.of(new), True),)
    return box_of(
        Kernel("top_k"), "top_k", read, [(Item((old,), Size.of(old), True),)], [chosen] * 2, given,
        relations=[("<=", Size.of(new), Size.of(old))], results=["R", ("N", old)],
    )  # fmt: skip


def sort(pattern: str) -> Circuit:
    """Return the entries along a bracketed axis from the least on, and where they were.

    Of equal ones the first stays before the others.

    Examples
    --------
    >>> sort("[x] m")
    Circuit(R[x m] -> R[x m], N<x>[x m])
    """
    read = read_sides(pattern, 1, 0)
    only_names(read, read.left, brackets=True)
    places = [item.name for item in read.left[0] if item.bracket]
    if len(places) != 1:
        raise read.error("entries are sorted along one axis, in brackets, as in '[x] m'")
    return box_of(
        Kernel("sort"), "sort", read, read.left, [*read.left] * 2, sizes_of(read, None, {}),
        results=["R", ("N", places[0])],
    )  # fmt: skip


def take(pattern: str, at: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return entries of an array at given indices.

    Parameters
    ----------
    pattern
        ``"k, e m -> k m"``: the indices, the array that is read, and what is made.
    at
        The axis that the indices point to.

    Examples
    --------
    >>> take("k, e -> k", at="e")
    Circuit(N<e>[k], R[e] -> R[k])
    """
    read = read_sides(pattern, 2, 1)
    only_names(read, (*read.left, *read.right))
    index, source = read.left
    if at not in {item.name for item in source} or at in {item.name for item in index}:
        raise read.error(f"at={at!r} is an axis of the second array, and none of the first")
    right = {item.name for item in read.right[0]}
    lost = [item for item in (*index, *source) if item.name not in {at, *right}]
    if lost:
        raise read.error(f"{lost[0]} is not on the right; take keeps what it reads", lost[0])
    return box_of(
        Kernel("view"), "take", read, read.left, read.right, sizes_of(read, sizes, more),
        lookups={0: at},
    )  # fmt: skip


def concat(pattern: str, *, sizes: Sizes | None = None, **more: Any) -> Circuit:
    """Return arrays one after the other along their bracketed axes.

    Parameters
    ----------
    pattern
        ``"[x] m, [y] m -> [z] m"``; z is x + y.

    Examples
    --------
    >>> concat("[x] m, [y] m -> [z] m").relations
    ()
    >>> print(concat("[x] m, [y] m -> [z] m").axes["z"])
    x + y
    """
    read = read_sides(pattern, None, 1)
    only_names(read, (*read.left, *read.right), brackets=True)
    for array in (*read.left, *read.right):
        names = sorted(item.name for item in array if not item.bracket)
        if names != sorted({item.name for item in read.right[0] if not item.bracket}):
            raise read.error("all arrays have the same axes, each once, besides those in brackets")
    marked = [[item for item in array if item.bracket] for array in (*read.left, *read.right)]
    if any(len(items) != 1 for items in marked):
        raise read.error("each array has one axis in brackets, along which they are put together")
    for array in (*read.left, *read.right):
        each_once(read, array)
    olds, new = [items[0].name for items in marked[:-1]], marked[-1][0].name
    if len({*olds, new}) != len(olds) + 1:
        raise read.error("the axes in brackets have different names")
    given = sizes_of(read, sizes, more)
    target = read.right[0]
    names = [item.name for item in target]
    others = {item.name for array in read.left for item in array if not item.bracket}
    wrong = [item for item in target if item.name != new and item.name not in others]
    if wrong:
        raise read.error(f"{wrong[0]} is in none of the arrays on the left", wrong[0])
    box = PatternBox(read, given, {*names, *others, *olds})
    draft, whole = box.draft, [*map(box.variable, names)]
    start, ins, readings = Size.of(0), [], []
    for array, old in zip(read.left, olds, strict=True):
        for item in array:
            if item.name not in names and not item.bracket:
                raise read.error(f"{item} is not on the right", item)
        ins.append(draft.wire(box.axis(item.name) for item in array))
        place = Form.variable(names.index(new)) + Form.number(-start)
        readings.append(Reading(tuple(
            place if item.bracket else Form.variable(names.index(item.name)) for item in array
        )))  # fmt: skip
        start = start + box.length(old)
    out = draft.wire(map(box.axis, names))
    box.relations.append(SizeRelation("=", box.length(new), start))
    box.finish()
    operation = Operation(
        Kernel("concat"), tuple(readings), (tuple(whole),), relations=tuple(box.relations),
        letters=tuple(names), title="concat",
    )  # fmt: skip
    draft.box(operation, ins, [out], map(box.axis, names), box.mentions)
    return Circuit.of(draft, ins, [out])


Pad = int | tuple[int, int]
"""By how much windows reach over both ends, or over each."""


def _windows(
    read: Pattern, window: int, stride: int, pad: Pad, outside: float | None
) -> tuple[Circuit, list[str], list[str], list[str]]:
    """Return windows along bracketed axes, and the names that slide, are inside, and are kept."""
    low, high = pad if isinstance(pad, tuple) else (pad, pad)
    numbers = (window, "window", 1), (stride, "stride", 1), (low, "pad", 0), (high, "pad", 0)
    for value, what, least in numbers:
        expect(value, int, what, "an integer")
        if value < least:
            raise CatlearnError(f"{what} is {value}; it is at least {least}")
    slid = [item.name for item in read.left[0] if item.bracket]
    kept = [item.name for item in read.left[0] if not item.bracket]
    inside = {axis: f"{axis}'" for axis in slid}
    source = " ".join(
        f"{stride}*{item.name}+{inside[item.name]}-{low}" if item.bracket else item.name
        for item in read.left[0]
    )
    found = view(
        f"{source} -> {' '.join([*slid, *inside.values(), *kept])}", pad=(low, high),
        outside=outside, sizes=dict.fromkeys(inside.values(), window),
    )  # fmt: skip
    return found, slid, [*inside.values()], kept


def conv(
    name: str,
    pattern: str,
    window: int,
    *,
    stride: int = 1,
    pad: Pad = 0,
    bias: bool = False,
    init: str | None = None,
    sizes: Sizes | None = None,
    **more: Any,
) -> Circuit:
    """Return a convolution: windows along bracketed axes, then a linear map of what is in them.

    Parameters
    ----------
    pattern
        ``"[y z] i -> [y z] o"``: bracketed axes slide, and are new on the right. An axis on both
        sides, as in ``"[x] c -> [x] c"``, has windows of its own for each of its entries.
    window, stride, pad
        The length of a window, by how much it moves, and by how much it reaches over each end;
        ``(3, 0)`` is over the beginning alone.

    Examples
    --------
    >>> conv("c1", "[y z] i -> [y z] o", window=3, pad=1).parameters["c1"]
    (Size('3'), Size('3'), Size('i'), Size('o'))
    """
    is_called(name, "conv")
    read = read_sides(pattern, 1, 1)
    only_names(read, (*read.left, *read.right), brackets=True)
    if [i.name for i in read.left[0] if i.bracket] != [i.name for i in read.right[0] if i.bracket]:
        raise read.error("the axes in brackets are the same on both sides")
    given = sizes_of(read, sizes, more)
    windows, slid, inside, kept = _windows(read, window, stride, pad, None)
    target = " ".join(item.name for item in read.right[0])
    new = [item.name for item in read.right[0] if item.name not in (*slid, *kept)]
    whole = " ".join([*slid, *inside, *kept])
    own = " ".join([*inside, *kept, *new])
    weights = read_pattern(f"{whole} -> {target}")
    operands = [weights.left[0], read_pattern(own).left[0]]
    mapped = box_of(
        Kernel("contraction"), titled("conv", name), weights, operands, weights.right,
        {n: s for n, s in given.items() if n not in slid}, parameters={1: LearnedArray(name, init)},
    )  # fmt: skip
    found = windows >> mapped
    if bias:
        out = weights.right[0]
        mine = [item for item in out if item.name not in slid]
        found = found >> added(f"{name}.bias", mine, out, titled("conv", name))
    return found.at({n: s for n, s in given.items() if n in slid}) if slid and given else found


def pool(kind: str, pattern: str, window: int, *, stride: int | None = None,
         pad: Pad = 0) -> Circuit:  # fmt: skip
    """Return the greatest entries, or the means, of windows along bracketed axes.

    Parameters
    ----------
    kind
        ``"max"`` or ``"mean"``; what windows read outside is less than all, or 0 and counted.
    pattern
        The last axes, ``"[y z] c"``.
    window, stride, pad
        As for :func:`conv`; the stride is the length of a window unless said.

    Examples
    --------
    >>> str(pool("max", "[y] c", window=3, stride=2, pad=1).at_dom((112, 64)).axes["y"])
    '56'
    """
    if kind not in ("max", "mean"):
        raise CatlearnError(f"pool is 'max' or 'mean', not {kind!r}")
    read = read_sides(pattern, 1, 0)
    only_names(read, read.left, brackets=True)
    outside = float("-inf") if kind == "max" else None
    step = window if stride is None else stride
    windows, slid, inside, kept = _windows(read, window, step, pad, outside)
    left, right = [*slid, *(f"[{one}]" for one in inside), *kept], [*slid, *kept]
    reduced = maximum if kind == "max" else mean
    return windows >> reduced(f"{' '.join(left)} -> {' '.join(right)}")


def elementwise(
    kernel: Kernel | str, dtype: str | None = "R", *, pattern: str | None = None
) -> Circuit:
    """Return a kernel that is applied to each number.

    Parameters
    ----------
    kernel
        The kernel, or the name of one without options.
    dtype
        What it is applied to.
    pattern
        The axes of arrays, where some are repeated over axes of others: ``"x y, x -> x y"``. They
        have none unless said, and take those that come, all the same.

    Examples
    --------
    >>> elementwise("add"), elementwise("add", pattern="x y, x -> x y")
    (Circuit(R[], R[] -> R[]), Circuit(R[x y], R[x] -> R[x y]))
    """
    kernel = Kernel(kernel) if isinstance(kernel, str) else kernel
    if pattern is not None:
        read = read_sides(pattern, None, 1)
        only_names(read, (*read.left, *read.right))
        right = {item.name for item in read.right[0]}
        lost = [item for array in read.left for item in array if item.name not in right]
        if lost:
            raise read.error(f"{lost[0]} is not on the right; see einsum() for sums", lost[0])
        least, most = kernel.entry.operands
        if len(read.left) < least or (most is not None and len(read.left) > most):
            raise read.error(f"{kernel} reads {least} arrays, found {len(read.left)}")
        return box_of(
            kernel, str(kernel), read, read.left, read.right, {}, types=[dtype] * len(read.left)
        )
    draft = Draft()
    ins = [draft.wire((), draft.type(dtype)) for _ in range(kernel.entry.operands[0])]
    out = draft.wire(())
    reading = tuple(Reading(()) for _ in ins)
    draft.box(Operation(kernel, reading, ((),), title=str(kernel)), ins, [out], ())
    return Circuit.of(draft, ins, [out])


relu, silu, exp, exp2, log, tanh, erf, sigmoid, neg, square, absolute = (
    elementwise(Kernel(name))
    for name in (
        "relu",
        "silu",
        "exp",
        "exp2",
        "log",
        "tanh",
        "erf",
        "sigmoid",
        "neg",
        "square",
        "abs",
    )
)
reciprocal, sqrt, sin, cos, softplus = (
    elementwise(Kernel(name)) for name in ("reciprocal", "sqrt", "sin", "cos", "softplus")
)
add, mul = elementwise(Kernel("add")), elementwise(Kernel("mul"))
indicator = elementwise(Kernel("indicator"), "B")
"""1 where a boolean is true, and 0 elsewhere."""


def constant(value: float) -> Circuit:
    """Return a number, as a circuit without inputs.

    Examples
    --------
    >>> idle @ constant(1.0) >> add
    Circuit(R[] -> R[])
    """
    expect(value, (int, float), "constant", "of a number")
    return elementwise(Kernel("constant", (("value", float(value)),)))


def gelu(approximation: str = "erf") -> Circuit:
    """Return x times the normal distribution function at x: with erf, or approximated by tanh.

    Examples
    --------
    >>> gelu("tanh") == gelu()
    False
    """
    expect(approximation, str, "approximation", "'erf' or 'tanh'; arrays come after it, gelu()(x)")
    return elementwise(Kernel("gelu", (("approximation", approximation),)))


def dropout(rate: float = 0.1, *, by: str | None = None) -> Circuit:
    """Return the random map that puts 0 for some entries, and divides the others by 1 - rate.

    Parameters
    ----------
    rate
        The share of entries that are dropped, when a key is given.
    by
        The axes of an array, such as ``"h q x"``. What is dropped then follows from a seed, an
        integer that is read besides the array, and from the indices of an entry: it is no random
        map, and blocks of an array drop what the whole drops. A negative seed drops nothing. On an
        edge of a learning diagram seeds are no part of an example: each example gets its own, drawn
        with the key of the edge.

    Examples
    --------
    >>> dropout(0.5, by="q x")
    Circuit(R[q x], ?[] -> R[q x])
    >>> copy(2) >> dropout(0.5) @ dropout(0.5) == dropout(0.5) >> copy(2)
    False
    """
    expect(rate, (int, float), "rate", "a number; arrays come after it, dropout(0.1)(x)")
    expect(by, (str, type(None)), "by", "the axes of an array, such as 'q x'")
    options = (("rate", float(rate)),)
    if by is None:
        return elementwise(Kernel("dropout", options))
    read = read_pattern(by)
    if len(read.left) != 1 or read.right:
        raise read.error("the axes of one array are expected")
    names = [item.name for item in read.left[0]]
    pattern = read_sides(", ".join([by, " ", *names]) + f" -> {by}", None, 1)
    dropped = box_of(
        Kernel("dropped", options), f"dropout({rate})", pattern, pattern.left, pattern.right, {},
        types=["R", *(None for _ in (*names, ""))],
    )  # fmt: skip
    return compose(tensor(idle, idle, *map(_index, names)), dropped)


def _index(name: str) -> Circuit:
    """Return the indices of an axis."""
    draft = Draft()
    axis = draft.axis(name)
    out = draft.wire([axis], draft.type("N", axis))
    made = Operation(Kernel("index"), (), ((0,),), (0,), letters=(name,), title=f"index of {name}")
    draft.box(made, [], [out], [axis])
    return Circuit.of(draft, [], [out])


def _identity() -> Circuit:
    draft = Draft()
    row = draft.wire((), draft.type(None))
    return Circuit.of(draft, [row], [row])


idle = _identity()
"""The identity on one array of any rank and type."""


def stop() -> Circuit:
    """Return the identity on values of which no gradient passes.

    Examples
    --------
    >>> stop() == idle
    False
    """
    draft = Draft()
    kind = draft.type(None)
    row, out = draft.wire((), kind), draft.wire((), kind)
    draft.box(Operation(Kernel("stop"), (Reading(()),), ((),), title="stop"), [row], [out], ())
    return Circuit.of(draft, [row], [out])


def copy(number: int = 2) -> Circuit:
    """Return the copies of one array of any rank and type.

    Examples
    --------
    >>> copy(3)
    Circuit(?[] -> ?[], ?[], ?[])
    """
    expect(number, int, "copy", "called with a number of copies")
    if number < 0:
        raise CatlearnError(f"copy({number}): there are at least 0 copies")
    return Circuit.of(idle.apex, idle.dom, idle.cod * number)


discard = Circuit.of(idle.apex, idle.dom, ())
"""The map from one array of any rank and type to no arrays."""


def swap(*order: int) -> Circuit:
    """Return arrays in another order: ``swap()`` exchanges two, ``swap(2, 0, 1)`` moves three.

    Examples
    --------
    >>> swap() >> swap() == idle @ idle
    True
    """
    places = order or (1, 0)
    if sorted(places) != list(range(len(places))):
        raise CatlearnError(f"swap{places} is no order of {len(places)} arrays, counted from 0")
    whole = tensor(*[idle] * len(places))
    return Circuit.of(whole.apex, whole.dom, (whole.cod[k] for k in places))


def residual(circuit: Circuit) -> Circuit:
    """Return what adds the result of a circuit to its argument: ``copy(2) >> f @ idle >> add``.

    Examples
    --------
    >>> residual(linear("A", "m -> n"))
    Circuit(R[n] -> R[n])
    """
    expect_circuits("residual", circuit)
    return compose(copy(2), circuit @ idle, add)
