"""What people see while a command runs: log lines, and below them a status that changes in place."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from streamer.live.session import Session

SLOW = 5.0  # seconds between prints where lines cannot be rewritten


class Screen:
    """
    Print lines, and keep the newest status below them.

    On a terminal the status is rewritten in place; elsewhere (a log file, a container) it is printed every ``SLOW``
    seconds. Leaving the screen leaves the last status where it stands, and gives the terminal its cursor back.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = _Console(file=out, force_terminal=out.isatty(), markup=False, emoji=False, highlight=False)
        # What others print stays where they print it: standard output may be the results of a run.
        self._live = Live(console=self._out, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._rewrites = out.isatty() and not self._out.is_dumb_terminal
        self._printed = -SLOW

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above the status."""
        try:
            self._out.print(Text(text), soft_wrap=True)  # as long as it is: a broken line cannot be searched for
        except BaseException:
            self._out.begin_capture()  # rich would keep what could not be written, and more each time
            self._out.end_capture()
            raise

    def show(self, status: Sequence[str], drawn: RenderableType | None = None) -> None:
        """Replace the status: these lines, for which a terminal is shown ``drawn`` where there is something."""
        if self._rewrites:
            lines = Text("\n".join(status), no_wrap=True, overflow="ellipsis")
            self._live.update(lines if drawn is None else drawn, refresh=self._live.is_started)
            self._live.start(refresh=True)
        elif status and time.monotonic() >= self._printed + SLOW:
            self._printed = time.monotonic()
            self.say("\n".join(status))


class _Console(Console):
    """A console that leaves it to its user what a closed pipe means; rich would end the process."""

    def on_broken_pipe(self) -> None:
        raise  # the error at hand: rich calls this where it was caught


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


class Bar:
    """How far a run has come through ``total`` frames (None: nobody knows), with some words beside it."""

    def __init__(self, screen: Screen, total: int | None) -> None:
        self._screen = screen
        self._total = total
        self._progress = Progress(
            MofNCompleteColumn(),
            TextColumn("frames"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
        )
        self._task = self._progress.add_task("", total=total, words="")

    def show(self, done: int, words: str) -> None:
        """Say how far it is now."""
        self._progress.update(self._task, completed=done, words=words)
        of = "" if self._total is None else f" of {self._total}"
        self._screen.show([f"{done}{of} frames  {words}".rstrip()], self._progress.get_renderable())


def status_line(session: Session) -> str:
    """A session in one line: what people look at to see that it lives."""
    words = [f"{session.id}  {session.source.name}  {session.state}"]
    last = session.last
    if last is not None:
        objects = 0 if last.step is None else len(last.step.tracks)
        words.append(f"{session.fps:4.1f} fps  age {last.age * 1000:3.0f} ms  {session.looks:4.1f} looks a second")
        words.append(f"objects {objects}")
        words.append(f"dropped {session.dropped}")
    if session.reason:
        words.append(f"({session.reason})")
    return "  ".join(words)
