"""
Presenters in a process of their own.

What a model does between its kernels and what a presenter does between its own calls would wait for each other in one
interpreter. :func:`main` reads jobs from standard input and writes answers to standard output, pickled, each behind its
length; both ends are one program's. It ends when its input does.
"""

from __future__ import annotations

import pickle
import signal
import sys
import time
import traceback
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from tracker.presenting.motion import Grey
from tracker.presenting.presenter import Presented, Presenter
from tracker.presenting.snapshot import Snapshot

LENGTH = 8  # bytes before each message

News = int | tuple[int, Snapshot]  # the frame on which a look began; or what is shown from now on, and its number


@dataclass(frozen=True, slots=True)
class Job:
    """The next frame of a stream, as :meth:`Presenter.present` takes it, and what happened since the one before."""

    stream: str
    news: tuple[News, ...]
    luma: Grey
    size: tuple[int, int]
    index: int
    seconds: float
    cut: bool
    ahead: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it: without its snapshot, but with that one's number. ``seconds``: what it took."""

    presented: Presented
    shown: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """It raised."""

    words: str


@dataclass(frozen=True, slots=True)
class Forget:
    """A stream has ended. There is no answer."""

    stream: str


class Streams:
    """The presenters of streams by name."""

    def __init__(self) -> None:
        self._presenters: dict[str, Presenter] = {}  # bound: those that run; each is forgotten at its end
        self._shown: dict[str, list[tuple[int, Snapshot]]] = {}  # of each, the one it shows

    def __len__(self) -> int:
        return len(self._presenters)

    def forget(self, stream: str) -> None:
        """Let go of a stream."""
        self._presenters.pop(stream, None)
        self._shown.pop(stream, None)

    def present(self, job: Job) -> Done:
        """Do one job."""
        began = time.monotonic()
        presenter = self._presenters.setdefault(job.stream, Presenter())
        shown = self._shown.setdefault(job.stream, [])
        for news in job.news:
            if isinstance(news, int):
                presenter.begin(news)
            else:
                presenter.take(news[1])
                shown.append(news)
        presented = presenter.present(job.luma, job.size, job.index, job.seconds, cut=job.cut, ahead=job.ahead)
        shown[:] = [each for each in shown if each[1] is presented.snapshot]
        number = shown[0][0] if shown else None
        return Done(replace(presented, snapshot=None), number, time.monotonic() - began)


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(LENGTH, "little"))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message. Raises EOFError at the end."""
    length = stream.read(LENGTH)
    if len(length) < LENGTH:
        raise EOFError
    size = int.from_bytes(length, "little")
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301  (from our own process)


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Do jobs until there are no more."""
    streams = Streams()
    while True:
        try:
            job = receive(jobs)
        except EOFError:
            return
        if isinstance(job, Forget):
            streams.forget(job.stream)
            continue
        try:
            answer: Done | Failed = streams.present(job)
        except Exception:
            answer = Failed(traceback.format_exc())
        send(answers, answer)


def main() -> None:
    """Serve on the standard streams."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl+C is for who started us
    cv2.setNumThreads(1)
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    serve(sys.stdin.buffer, answers)
