"""The pictures that pages refer to, drawn by the package.

    python docs/pictures.py

writes each of them anew, the same bytes every time; a test compares them with the files.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

import catlearn as cl
from catlearn.drawing import to_svg
from catlearn.drawing.scene import Node, Scene, SceneArrow
from catlearn.drawing.svg import to_svg as scene_to_svg

FOLDER = Path(__file__).parent / "_static"
PACKAGE = Path(cl.__file__).parent


def square() -> cl.LearningDiagram:
    """Data and a model, glued along their spaces."""
    image, feature, digit = cl.Space("X", 64), cl.Space("F", 32), cl.Categorical("Y", 10)
    data = cl.LearningDiagram(cl.Dataset("digits", X=image, Y=digit))
    encoder = cl.Model("encoder", image, feature, "mlp")
    head = cl.Model("head", feature, digit, "linear")
    return cl.glue(data, cl.LearningDiagram(encoder, head)).instantiate("all")


def rooms() -> Scene:
    """The order of the rooms: lines lead up to a room from those that it imports.

    The files of the ground floor are one room. Whatever follows from other lines is left out.
    """
    graph = nx.DiGraph()
    for file in sorted(PACKAGE.rglob("*.py")):
        room = _room(file.relative_to(PACKAGE).parts[0])
        graph.add_edges_from((room, _room(name)) for name in _imports(file) if room != _room(name))
    graph.remove_nodes_from([room for room in graph if room.startswith("__")])
    lines = sorted(nx.transitive_reduction(graph).edges)
    return Scene(
        "The rooms, each above those that it imports",
        nodes=tuple(Node(room) for room in sorted(graph)),
        arrows=tuple(
            SceneArrow(f"{a} imports {b}", b, a, kind="order", label="") for a, b in lines
        ),
        upward=True,
    )


def _room(name: str) -> str:
    if name.startswith("__"):
        return name
    return name if (PACKAGE / name).is_dir() else "ground"


def _imports(file: Path) -> Iterator[str]:
    """What a file imports of the package, by the first name after the package's."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, *rest = name.split(".")
            if package == "catlearn" and rest:
                yield rest[0]


def reading() -> dict[str, cl.Circuit]:
    """Five circuits, from a matrix product to attention."""
    a = cl.arrays
    Q, K, V = (a.linear(name, "m -> h d") for name in "QKV")
    scores = a.einsum("x h d, y h d -> h x y", scale="d**-0.5")
    weights = a.where("x y", "y <= x") >> a.softmax("[y]")
    mixed = a.einsum("h x y, y h d -> x h d") >> a.linear("O", "h d -> m")
    attention = a.copy(3) >> Q @ K @ V >> (scores >> weights) @ a.idle >> mixed
    return {
        "product": a.einsum("a b, b c -> a c"),
        "linear": a.lift(Q, "x"),
        "scores": a.copy(2) >> Q @ K >> scores,
        "weights": a.lift(weights, "h"),
        "attention": a.residual(a.norm("ln", "[m]") >> attention.block("attention")),
    }


def pictures() -> dict[str, str]:
    """Each picture's file name and content."""
    layer = cl.zoo.architectures.gpt2_layer()
    return {
        **{f"reading-{name}.svg": to_svg(circuit) for name, circuit in reading().items()},
        "square.svg": to_svg(square()),
        "rooms.svg": scene_to_svg(rooms()),
        "circuit.svg": to_svg(layer),
    }


if __name__ == "__main__":
    for name, text in pictures().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {FOLDER / name}")
