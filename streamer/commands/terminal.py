"""A terminal with a few lines at its end that change while others are printed above them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TextIO

from streamer.live.session import Session

SLOW = 5.0  # seconds between prints where lines cannot be rewritten


class Screen:
    """
    Print lines, and keep the newest status below them.

    On a terminal the status is rewritten in place; elsewhere (a log file, a container) it is printed every ``SLOW``
    seconds.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._rewrites = out.isatty()
        self._status: list[str] = []
        self._printed = -SLOW

    def say(self, text: str) -> None:
        """Print a line above the status."""
        self._erase()
        print(text, file=self._out)
        self._draw()

    def show(self, status: Sequence[str]) -> None:
        """Replace the status."""
        if self._rewrites:
            self._erase()
            self._status = list(status)
            self._draw()
        elif time.monotonic() >= self._printed + SLOW and status:
            self._printed = time.monotonic()
            print(*status, sep="\n", file=self._out, flush=True)

    def _erase(self) -> None:
        if self._status:
            self._out.write(f"\x1b[{len(self._status)}F\x1b[J")  # up so many lines, then clear to the end

    def _draw(self) -> None:
        for line in self._status:
            self._out.write(f"\x1b[?7l{line}\x1b[?7h\n")  # cut off at the right edge: a wrapped line is two to erase
        self._out.flush()


class ScreenHandler(logging.Handler):
    """Log lines, above the status."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record. A terminal that is gone must not end what logs."""
        try:
            self._screen.say(self.format(record))
        except Exception:  # logging's own way: told on standard error, if that can be
            self.handleError(record)


def status_line(session: Session) -> str:
    """A session in one line: what people look at to see that it lives."""
    words = [f"{session.id}  {session.source.name}  {session.state}"]
    last = session.last
    if last is not None:
        objects = 0 if last.step is None else len(last.step.tracks)
        words.append(f"{session.fps:4.1f} fps  age {last.age * 1000:3.0f} ms  objects {objects}")
        words.append(f"dropped {session.dropped}")
    if session.reason:
        words.append(f"({session.reason})")
    return "  ".join(words)
