"""Drawing: values of the package as pictures, for screens, papers and other editors.

``draw`` makes a :class:`Picture` of a graph, a presentation, a learning diagram, a C-set, a
morphism, a colimit, a category (posets as Hasse diagrams), a functor or a natural
transformation. Pictures are SVG made without any system package, legible in light and dark and
without colour; they can also be had as tikz-cd, as Graphviz dot and as a link to the quiver
editor. Notebooks show values by what :mod:`catlearn.drawing.picture` registers when it is loaded.

Laws, all tested: drawing is deterministic; boxes do not overlap and edges touch no box but
their ends'; every name is there, escaped; a quiver link decodes to the same graph.

>>> from catlearn.category import Graph
>>> print(to_tikzcd(Graph({"f": ("A", "B"), "g": ("B", "C")})))
\\begin{tikzcd}
    A & B & C
    \\arrow["{f}", from=1-1, to=1-2]
    \\arrow["{g}", from=1-2, to=1-3]
\\end{tikzcd}
"""

import lazy_loader

from catlearn.names import renamed

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "picture": ["Picture", "draw", "to_dot", "to_quiver", "to_svg", "to_tikzcd"],
        "scene": ["Node", "Scene", "SceneArrow", "SceneLaw"],
        "views": ["scene_of"],
    },
)

__getattr__ = renamed(__name__, {"Arrow": "SceneArrow", "Law": "SceneLaw"}, _load)
