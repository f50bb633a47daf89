"""How a user's function wants to be called, read from its signature.

>>> call = call_of(lambda x, y, key=None: (x, y, key))
>>> call(lambda x, y, key=None: (x, y, key), (), (1, 2), "a key")
(1, 2, 'a key')
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from catlearn.models.options import signature_of


class Call(NamedTuple):
    """How to call a user's function: does it take a key, how many inputs, is it told the mode?"""

    key: bool
    inputs: int
    train: bool = False

    def __call__(
        self, fn: Callable, leading: tuple, x: Any, key: Any, train: bool = False, **more: Any
    ) -> Any:
        if self.key and key is not None:
            more["key"] = key
        if self.train:
            more["train"] = train
        return fn(*leading, *self.spread(x), **more)

    def spread(self, x: Any) -> tuple:
        """Return what stands for x among the arguments.

        A function with as many required arguments as the product has factors gets them spread;
        any other function gets the tuple.
        """
        return x if isinstance(x, tuple) and self.inputs == len(x) > 1 else (x,)


def call_of(fn: Callable, leading: int = 0, told: Collection[str] = ("key", "train")) -> Call:
    """Read from a signature how a function wants to be called.

    Parameters
    ----------
    fn
        The function.
    leading
        How many arguments come before its inputs.
    told
        Names of arguments that are given by name and are no inputs.

    Examples
    --------
    >>> call_of(lambda params, x, y, train, key=None: x, leading=1)
    Call(key=True, inputs=2, train=True)
    """
    signature = signature_of(fn)
    if signature is None:
        return Call(False, 1)
    parameters = signature.parameters
    positional = [
        p
        for p in parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        and p.default is p.empty
        and p.name not in told
    ]
    by_name = {p.name for p in parameters.values() if p.kind is not p.POSITIONAL_ONLY}
    return Call("key" in by_name, len(positional) - leading, "train" in by_name)
