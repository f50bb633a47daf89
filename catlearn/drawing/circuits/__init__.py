"""Pictures of circuits of arrays, by the conventions of neural circuit diagrams.

Boxes become glyphs, glyphs a scene (columns, orders, states and steps), a scene places (heights by
a linear program, rows), and places ink.

>>> from catlearn.arrays import linear
>>> scene = circuit_scene(linear("A", "m -> n"))
>>> [stand.glyph.kind for stand in scene.stands], len(placed(scene))
(['linear'], 1)
"""

import lazy_loader

from catlearn.names import renamed

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "glyphs": ["Glyph", "Link", "glyphs_of"],
        "ink": ["circuit_svg", "circuit_tikz"],
        "placing": ["Placed", "placed"],
        "scene": [
            "CircuitScene",
            "Frame",
            "Line",
            "Sign",
            "Stand",
            "State",
            "Transition",
            "circuit_scene",
        ],
    },
)

__getattr__ = renamed(__name__, {"Row": "Line", "Step": "Transition"}, _load)
