"""What becomes of the model's device: memory that runs out for one step, and a device that answers nothing any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracker import Fault, fault, free_memory

MOST = 5  # steps in a row without room: what fills the memory does not leave by itself

log = logging.getLogger(__name__)


def _nothing() -> None:
    """Nobody counts."""


class Faults:
    """
    Told of every error on the model's thread.

    ``broken``: in words why nothing will work in this process any more, or None. ``counted`` hears of each step that
    was dropped because there was no room for it.
    """

    def __init__(self) -> None:
        self.broken: str | None = None
        self.counted: Callable[[], None] = _nothing
        self._short = 0  # steps in a row

    def note(self, error: BaseException) -> None:
        """Judge an error that something on the model's thread ended with."""
        kind, words = fault(error), str(error).strip().partition("\n")[0]
        if kind is Fault.MEMORY:
            self._short += 1
            self.counted()
            log.warning("There was no room on the device, %d in a row: %s", self._short, words)
            if self._short >= MOST:
                self.broken = f"The device's memory stays full: {words}"
        elif kind is Fault.BROKEN:
            self.broken = f"The device broke: {words}"
        if self.broken is not None:
            log.critical("%s. The server ends.", self.broken)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what a ``with`` block ends with. After there was no room, unused memory of the device is freed first."""
        if self._short:
            free_memory()
        try:
            yield
        except Exception as error:
            self.note(error)
            raise

    def well(self) -> None:
        """A step had room."""
        self._short = 0
