"""Ctrl-C, counted instead of raised, so that a step of training is never cut in two."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interrupts:
    """Count Ctrl-C inside a ``with``; the second one raises ``KeyboardInterrupt``.

    Signals reach only the main thread; elsewhere nothing is changed.

    Attributes
    ----------
    count
        How often Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Interrupts:
        self.active = threading.current_thread() is threading.main_thread()
        if self.active:
            self.before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt

    def __exit__(self, *exception: object) -> None:
        if self.active:
            signal.signal(signal.SIGINT, self.before)
