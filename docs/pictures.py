"""The pictures that pages refer to, drawn by the package.

    python docs/pictures.py

writes each of them anew, the same bytes every time; a test compares them with the files.
"""

from pathlib import Path

import catlearn as cl
from catlearn.drawing import to_svg

FOLDER = Path(__file__).parent / "_static"


def square() -> cl.LearningDiagram:
    """Data and a model, glued along their spaces."""
    image, feature, digit = cl.Space("X", 64), cl.Space("F", 32), cl.Categorical("Y", 10)
    data = cl.LearningDiagram(cl.Dataset("digits", X=image, Y=digit))
    encoder = cl.Model("encoder", image, feature, "mlp")
    head = cl.Model("head", feature, digit, "linear")
    return cl.glue(data, cl.LearningDiagram(encoder, head)).instantiate("all")


def pictures() -> dict[str, str]:
    """Each picture's file name and content."""
    return {"square.svg": to_svg(square())}


if __name__ == "__main__":
    for name, text in pictures().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {FOLDER / name}")
