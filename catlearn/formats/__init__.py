"""Formats: files that other programs, and other days, can read.

``save`` and ``load`` keep diagrams, presentations, graphs and C-sets as ACSet JSON, the form in
which AlgebraicJulia writes them, with parameters beside as safetensors. A file is data: loading
executes nothing, is bounded in size and time, and refuses a bad file with one error that lists
everything wrong with it.

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

from catlearn.formats.acset import read_tables, write_plain, write_tables
from catlearn.formats.codecs import Codec, decode, encode, register_codec
from catlearn.formats.documents import from_json, load, save, to_json

__all__ = [
    "Codec",
    "decode",
    "encode",
    "from_json",
    "load",
    "read_tables",
    "register_codec",
    "save",
    "to_json",
    "write_plain",
    "write_tables",
]
