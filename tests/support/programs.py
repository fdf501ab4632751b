"""Programs that tests start, listen to, and end as a person would: with Ctrl+C."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.documents import ROOT

SECONDS = 60.0  # for anything to happen on a busy machine


@dataclass
class Program:
    """A running program; what it printed is kept line by line."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _coming: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def listen(self) -> None:
        """Take its lines in until it ends. Runs on a thread of its own."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def until(self, pattern: str, times: int = 1) -> str:
        """Wait until so many lines have matched; the last of them."""
        while times:
            line = self._next()
            assert line is not None, f"It ended without {pattern!r}: {self.lines}"
            times -= re.search(pattern, line) is not None
        return self.lines[-1]

    def interrupt(self) -> list[str]:
        """Press Ctrl+C; it must end well. All its lines."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self, code: int = 0) -> list[str]:
        """Wait until it ends with that exit status, and without a traceback; all its lines."""
        while self._next() is not None:
            pass
        assert self.process.wait(SECONDS) == code, self.lines
        assert not any(line.startswith("Traceback") for line in self.lines), self.lines
        return self.lines

    def _next(self) -> str | None:
        try:
            line = self._coming.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"It says nothing more: {self.lines}") from None
        if line is not None:
            self.lines.append(line)
        return line


@contextlib.contextmanager
def program(path: Path, *arguments: str | Path, python: str | Path = sys.executable) -> Iterator[Program]:
    """Start a Python program of the project; standard error is read along with its output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [str(python), str(path), *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        running = Program(process)
        listening = threading.Thread(target=running.listen)
        listening.start()
        try:
            yield running
        finally:
            process.kill()
            listening.join()
