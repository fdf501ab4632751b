"""Processes that present frames: what runs in this one waits for its interpreter, with the model and the cameras."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from tracker import Done, Failed, Forget, Job, Streams, receive, send

LEAVING = 1.0  # seconds that a process has to end by itself
HANGS = 10.0  # seconds after which a job that takes milliseconds hangs, as watch counts them
STARTS = 60.0  # seconds after which the first job of a process hangs: it imports, on a machine that may be busy
LONGEST_WAIT = 60.0  # seconds between two starts of a process that is lost again and again
# The package's own file would import torch: a bare package stands for it in that process.
PROGRAM = """
import sys, types
package = types.ModuleType("tracker")
package.__path__ = [sys.argv[1]]
sys.modules["tracker"] = package
from tracker.presenting.worker import main
main()
"""

log = logging.getLogger(__name__)


class PresentingFailed(RuntimeError):
    """A frame could not be presented; the message says why."""


class Worker(Protocol):
    """Does the jobs of some streams."""

    streams: int  # how many

    def present(self, job: Job) -> Done:
        """Do one job. Raises PresentingFailed."""
        ...

    def forget(self, stream: str) -> None:
        """A stream has ended."""
        ...

    def watch(self, seconds: float) -> None:
        """So many seconds have passed since the last call: end what hangs, if it can be ended. Never waits."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class Here:
    """Does them in the thread that asks: for who wants no other process. What hangs here cannot be ended."""

    def __init__(self) -> None:
        self.streams = 0
        self._presenting = Streams()

    def present(self, job: Job) -> Done:
        """Do one job. Raises PresentingFailed."""
        try:
            return self._presenting.present(job)
        except Exception as error:
            raise PresentingFailed(f"{type(error).__name__}: {error}") from error

    def forget(self, stream: str) -> None:
        """A stream has ended."""
        self._presenting.forget(stream)

    def watch(self, seconds: float) -> None:
        """Nothing that could be ended."""

    def close(self) -> None:
        """Nothing to end."""


class Process:
    """
    Does them in a process of its own, started with the first job, and again where it was lost.

    One job at a time, from any thread: the others wait. What a lost process knew is known again with the next look. One
    that hangs is killed. One that is lost before it did a job is started again after a pause, which doubles from 1 s to
    ``LONGEST_WAIT``. ``lost`` hears of each.
    """

    def __init__(self, lost: Callable[[], None] = lambda: None) -> None:
        self.streams = 0
        self._lost = lost
        self._losses = 0  # in a row, without a job done between them
        self._not_before = 0.0  # when the next process may be started
        self._job = 0  # counts them
        self._busy = False  # with the job of that number
        self._seen: tuple[int, float] = (0, 0.0)  # by watch: that job, and for how many seconds
        self._answered = False  # the present process has done a job
        self._process: subprocess.Popen[bytes] | None = None
        self._one = threading.Lock()
        self._closed = False

    def present(self, job: Job) -> Done:
        """Do one job. Raises PresentingFailed, also where the process was lost in the middle of it."""
        with self._one:
            jobs, answers = self._started()
            self._job, self._busy = self._job + 1, True
            try:
                send(jobs, job)
                answer = receive(answers)
            except (OSError, EOFError) as error:
                raise self._gone() from error
            finally:
                self._busy = False
            self._answered, self._losses = True, 0
        if isinstance(answer, Failed):
            raise PresentingFailed(answer.words)
        assert isinstance(answer, Done)
        return answer

    def forget(self, stream: str) -> None:
        """A stream has ended."""
        with self._one, suppress(OSError):
            if self._process is not None and self._process.stdin is not None:
                send(cast(BinaryIO, self._process.stdin), Forget(stream))

    def watch(self, seconds: float) -> None:
        """So many seconds have passed: kill the process whose job hangs. They are counted: a pause of ours is none."""
        job, waited = self._seen
        self._seen = (self._job, waited + seconds if self._busy and job == self._job else 0.0)
        process = self._process
        if self._seen[1] > (HANGS if self._answered else STARTS) and process is not None:
            log.error("The process that presents frames hangs; it is killed, and started again.")
            process.kill()  # who waits for its answer hears of it
            self._seen = (self._job, 0.0)

    def close(self) -> None:
        """End the process, behind what runs in it, which has ``LEAVING`` seconds."""
        self._closed = True
        if not self._one.acquire(timeout=LEAVING):
            if (process := self._process) is not None:
                process.kill()
            self._one.acquire()
        try:
            self._end()
        finally:
            self._one.release()

    def _gone(self) -> PresentingFailed:
        """The process was lost, in the middle of a job or after it."""
        self._end()
        if self._closed:
            return PresentingFailed("The server is being stopped.")
        self._losses = self._losses + 1 if not self._answered else 1
        pause = 0.0 if self._losses == 1 else min(LONGEST_WAIT, 2.0 ** (self._losses - 2))
        self._not_before = time.monotonic() + pause
        self._lost()
        again = f"in {pause:.0f} s" if pause else "at once"
        log.warning("The process that presents frames was lost; it is started again %s.", again)
        return PresentingFailed(f"The process that presents frames was lost; it is started again {again}.")

    def _started(self) -> tuple[BinaryIO, BinaryIO]:
        """Its pipes. Raises PresentingFailed where it was closed, is not to be started yet, or cannot be."""
        if self._closed:
            raise PresentingFailed("The server is being stopped.")
        if self._process is not None and self._process.poll() is not None:
            self._gone()
        if self._process is None:
            if time.monotonic() < self._not_before:
                raise PresentingFailed("The process that presents frames is not started again yet.")
            self._process, self._answered = self._start(), False
        assert self._process.stdin is not None and self._process.stdout is not None
        return cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        found = importlib.util.find_spec("tracker")
        assert found is not None and found.origin is not None
        try:
            # -P: what lies in the folder that the server was started in is not taken for a module.
            return subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-P", "-c", PROGRAM, str(Path(found.origin).parent)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        except OSError as error:  # no descriptor, no memory, no process left
            raise PresentingFailed(f"No process can be started to present frames: {error.strerror}.") from error

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(LEAVING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def workers(count: int, lost: Callable[[], None] = lambda: None) -> list[Worker]:
    """So many processes, ``lost`` hears when one was lost; with 0 the threads of this one."""
    return [Process(lost) for _ in range(count)] or [Here()]
