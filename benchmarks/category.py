"""Long composites and diagrams of generators: catlearn beside discopy and sympy.

All programs of one row run in turns in one process, and rows are medians. *Compose* makes one arrow
out of a chain of generators, *apply* sends it along a functor that doubles each of them, and
*evaluate* along one into functions, on a number (discopy's functions nest, and so many exceed the
interpreter's recursion limit). The last rows are grids in which all squares commute: sympy lists
every composite; catlearn completes the equations and compares two longest paths.

    python benchmarks/category.py [--quick] [--out table.md]
"""

from __future__ import annotations

from collections.abc import Callable

import _measure

from catlearn.category import Equal, Functions, Functor, Graph, Paths, Presentation

Programs = dict[str, Callable[[], object]]


def chain(steps: int) -> dict[str, Programs]:
    """Return the programs on a chain of generators, by what they do."""
    edges = {f"f{k}": (f"x{k}", f"x{k + 1}") for k in range(steps)}
    graph, names = Graph(edges), list(edges)
    halves = {
        f"{side}{k}": ends
        for k in range(steps)
        for side, ends in (("l", (f"x{k}", f"m{k}")), ("r", (f"m{k}", f"x{k + 1}")))
    }
    doubled = Graph(halves)
    path = graph.path(names)

    def compose() -> object:
        assert len(graph.path(names)) == steps
        return path

    def apply() -> object:
        twice = {f"f{k}": doubled.path([f"l{k}", f"r{k}"]) for k in range(steps)}
        image = Functor(graph, Paths(), arrows=twice)(path)
        assert len(image) == 2 * steps
        return image

    def evaluate() -> object:
        value = Functor(graph, Functions(), arrows=dict.fromkeys(names, _increment))(path)(0)
        assert value == steps
        return value

    found: dict[str, Programs] = {
        "compose": {"catlearn": compose},
        "apply": {"catlearn": apply},
        "evaluate": {"catlearn": evaluate},
    }
    for name, program in discopy_chain(steps).items():
        found[name]["discopy"] = program
    return found


def _increment(x: int) -> int:
    return x + 1


def discopy_chain(steps: int) -> Programs:
    """Return the same programs for discopy, if it is installed."""
    try:
        from discopy import cat
    except ImportError:
        print("discopy is not installed; its column is left out")
        return {}
    obs = [cat.Ob(f"x{k}") for k in range(steps + 1)]
    middle = [cat.Ob(f"m{k}") for k in range(steps)]
    boxes = [cat.Box(f"f{k}", obs[k], obs[k + 1]) for k in range(steps)]
    arrow = cat.Arrow(tuple(boxes), obs[0], obs[-1])
    twice = {
        box: cat.Box(f"l{k}", obs[k], middle[k]) >> cat.Box(f"r{k}", middle[k], obs[k + 1])
        for k, box in enumerate(boxes)
    }
    double = cat.Functor(ob=lambda x: x, ar=twice.__getitem__)

    def compose() -> object:
        composite = cat.Arrow.id(obs[0]).then(*boxes)
        assert len(composite) == steps
        return composite

    def apply() -> object:
        image = double(arrow)
        assert len(image) == 2 * steps
        return image

    return {"compose": compose, "apply": apply}


def grid(size: int) -> Programs:
    """Return the programs on a grid with ``size`` vertices a side."""
    at = {(i, j): f"v{i}.{j}" for i in range(size) for j in range(size)}
    edges: dict[str, tuple[str, str]] = {}
    for (i, j), vertex in at.items():
        for word, other in (("r", (i, j + 1)), ("d", (i + 1, j))):
            if other in at:
                edges[f"{word}{i}.{j}"] = (vertex, at[other])
    squares = [
        f"r{i}.{j} >> d{i}.{j + 1} = d{i}.{j} >> r{i + 1}.{j}"
        for i in range(size - 1)
        for j in range(size - 1)
    ]

    def catlearn() -> object:
        category = Presentation(Graph(edges), squares).category()
        across, down = range(size - 1), range(size - 1)
        one = [f"r0.{j}" for j in across] + [f"d{i}.{size - 1}" for i in down]
        other = [f"d{i}.0" for i in down] + [f"r{size - 1}.{j}" for j in across]
        graph = category.generators
        assert category.equal(graph.path(one), graph.path(other)) == Equal
        return category

    def sympy() -> object:
        from sympy.categories import Diagram, NamedMorphism, Object

        objects = {vertex: Object(vertex) for vertex in at.values()}
        arrows = [NamedMorphism(objects[s], objects[t], name) for name, (s, t) in edges.items()]
        return Diagram(arrows)

    return {"catlearn": catlearn, "sympy": sympy}


def main() -> None:
    """Measure, print the table, and write it if asked to."""
    options = _measure.parser(__doc__, "small sizes, 3 rounds").parse_args()
    steps, sides, rounds = (500, (3,), 3) if options.quick else (10_000, (4, 5, 8), 5)
    table = _measure.Table(
        ("what", "catlearn, ms", "peer", "peer, ms", "peer / catlearn"), options=options
    )
    rows = {f"{name}, {steps:,} steps": found for name, found in chain(steps).items()}
    rows |= {f"grid of {2 * side * (side - 1)} arrows": grid(side) for side in sides}
    for what, programs in rows.items():
        slow = steps == 10_000 and ("sympy" in programs or what.startswith("apply"))
        times = _measure.in_turns(programs, 1 if slow else rounds)
        (_, mine), *peers = _measure.medians(times).items()
        row = [what, f"{1e3 * mine:.1f}"]
        for peer, theirs in peers:
            ratio = _measure.ratio(times, peer, "catlearn").median
            row += [peer, f"{1e3 * theirs:.1f}", f"{ratio:.1f}"]
        table.row(row if peers else [*row, "-", "-", "-"])
    table.write(options.out)


if __name__ == "__main__":
    main()
