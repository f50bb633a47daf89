"""Dashboards: a page about a circuit, what it costs and why, that needs nothing else.

:func:`dashboard` makes one HTML page of a circuit, a function or a learning diagram. It shows the
picture of a circuit with its levels, tiles, time and a roofline, computed in the page itself for
the sizes, the fast memory and the device that the reader chooses. Pages load nothing and send
nothing; notebooks show the same as a widget.

>>> from catlearn.arrays import einsum
>>> page = dashboard(einsum("a b, b c -> a c"), sizes=dict(a=4096, b=4096, c=4096))
>>> page
Dashboard('einsum', 2 designs)
>>> [design["name"] for design in page.payload["designs"]][0]
'one island'
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "page": ["Dashboard", "dashboard"],
    },
)
