"""The regimes of the zoo, and the same losses as one would write them by hand in plain JAX.

Each module makes one regime at some size, and has its loss by hand, with the same names of
parameters, data and terms. Tests compare them at small sizes, the benchmarks at larger ones. The
options of a loss by hand make it another one, which the tests see rejected.

Every loss by hand reads ``(params, state, batch, key)`` and returns the value and the terms, so
that both sides are differentiated, compiled and called in one way.
"""
