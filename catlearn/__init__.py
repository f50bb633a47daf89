"""catlearn: training regimes as diagrams.

A training regime is drawn as a diagram: vertices are spaces and data sets, edges are models
and projections, equations between parallel paths are what training should make true. Diagrams
are composed by colimits, a diagram's loss is a symbolic object of the category Cost, and
lowering turns the loss into one jitted JAX function.

Every name is loaded when it is first used, so that ``import catlearn`` costs next to nothing.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
