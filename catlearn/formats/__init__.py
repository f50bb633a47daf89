"""Formats: files that other programs, and other days, can read.

``save`` and ``load`` keep diagrams, presentations, graphs and C-sets as ACSet JSON, the form in
which AlgebraicJulia writes them, with parameters beside as safetensors. A file is data: loading
executes nothing, is bounded in size and time, and refuses a bad file with one error that lists
everything wrong with it.

Other people's values come and go by ``from_...`` and ``to_...``: quiver links, tikz-cd, CSV
folders, networkx (:meth:`Graph.from_networkx <catlearn.category.Graph.from_networkx>`), sympy's
categories, discopy's arrows and hypergraphs, and py-acsets. What pictures write is in
:mod:`catlearn.drawing`.

Laws, all tested: ``load(save(x)) == x``; writing is all or nothing; a damaged file is refused,
never misread in silence or answered by another exception.

>>> import catlearn as cl
>>> from catlearn.formats import from_json, to_json
>>> G = cl.Graph({"f": ("A", "B")})
>>> print(to_json(G, plain=True), end="")
{
"V": [
  {"_id": 1},
  {"_id": 2}
],
"E": [
  {"_id": 1, "src": 1, "tgt": 2}
]
}
>>> from_json(to_json(G)) == G
True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "acset": ["from_acset", "read_tables", "to_acset", "write_plain", "write_tables"],
        "codecs": ["Codec", "decode", "encode", "register_codec"],
        "csv_tables": ["from_csv", "to_csv"],
        "discopy": [
            "from_discopy",
            "from_discopy_hypergraph",
            "to_discopy",
            "to_discopy_hypergraph",
        ],
        "documents": ["from_json", "load", "save", "to_json"],
        "drawings": ["from_quiver", "from_tikzcd"],
        "sympy_categories": ["from_sympy", "to_sympy"],
    },
)
