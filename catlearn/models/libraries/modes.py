"""Arguments by which a call says whether it trains, found in its signature.

>>> modes = Modes.of(lambda x, train, deterministic=None: x)
>>> modes.call.spread((1, 2)), modes.arguments(True)
(((1, 2),), {'train': True, 'deterministic': False})
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from catlearn.models.calls import Call, call_of
from catlearn.models.options import signature_of

#: Names of such arguments, with their value in training.
NAMES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "inference": False,
    "use_running_average": False,
}


class Modes(NamedTuple):
    """How a function is called on a batch, and by which arguments it is told the mode."""

    call: Call
    names: tuple[str, ...]

    @classmethod
    def of(cls, fn: Callable, leading: int = 0, optional: bool = True) -> Modes:
        """Read a signature, whose first ``leading`` arguments are no inputs.

        With ``optional`` False, arguments that are None by default are left alone.
        """
        signature = signature_of(fn)
        parameters = {} if signature is None else signature.parameters
        names = [
            name for name in parameters if name in NAMES and (optional or _asks(parameters[name]))
        ]
        call = call_of(fn, leading, told=tuple(NAMES))
        return cls(call, tuple(names))

    def arguments(self, train: bool) -> dict[str, bool]:
        """Return the arguments that say the mode."""
        return {name: NAMES[name] == train for name in self.names}


def _asks(parameter: Any) -> bool:
    return parameter.default is not None
