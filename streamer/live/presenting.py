"""The path of every frame of a live source: the newest masks moved along, off the model's thread."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace

from streamer.frame import Frame
from streamer.latest import Closed, Latest
from streamer.live.presenters import PresentingFailed, Worker
from tracker import History, Job, Motion, News, Presented, Snapshot, shrunk

NEWS = 8  # begun looks and answers that a frame finds at most: two of each, but where frames failed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame that can be looked at, and what is known of it: how it moved since the last look, and its scene."""

    frame: Frame
    motion: Motion | None = None
    scene: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A frame with its masks moved there, None where that failed. ``seconds``: what it took."""

    frame: Frame
    presented: Presented | None
    seconds: float = 0.0


class Presenting:
    """
    A session's presenter, which lives in ``worker``. One frame waits in a slot, one job at a time runs on ``executor``.

    What looking has to say to it lies in line until the next frame; nothing else is shared between the two. ``history``
    is what was presented of late, for who points at it.
    """

    def __init__(self, stream: str, executor: Executor, worker: Worker) -> None:
        self.history = History()
        self._stream = stream
        self._executor = executor
        self._worker = worker
        self._snapshots: dict[int, Snapshot] = {}  # by number; bound: NEWS and the one that is shown
        self._number = 0
        self._frames: Latest[tuple[Frame, float]] = Latest()
        self._news: deque[int | Snapshot] = deque(maxlen=NEWS)  # begun looks by their frame's index, and answers
        self._epoch: int | None = None
        self._cut = False  # no frame was presented since it was connected again
        self._failures = 0
        self._job: Future[Moved] | None = None  # the newest
        worker.streams += 1

    def put(self, frame: Frame, seconds: float) -> None:
        """Take the newest frame, and its time by the stream's clock; never waits."""
        self._frames.put((frame, seconds))

    def close(self) -> None:
        """No more frames will come."""
        self._frames.close()

    def free(self) -> None:
        """Close, and let go of what is held, here and, behind a job that is still to be done, in the worker."""
        self.close()
        self._frames.clear()
        self._news.clear()
        self.history, self._snapshots = History(), {}
        self._worker.streams -= 1
        job, self._job = self._job, None
        if job is not None:
            job.add_done_callback(lambda _: self._forget())

    def _forget(self) -> None:
        with suppress(RuntimeError):  # everything is being closed
            self._executor.submit(self._worker.forget, self._stream)

    def began(self, index: int) -> None:
        """A look began on a frame that was presented."""
        self._news.append(index)

    def take(self, snapshot: Snapshot) -> None:
        """A look was done, or an order carried out: show this from the next frame on."""
        if self._news and isinstance(self._news[-1], Snapshot) and self._news[-1].index == snapshot.index:
            self._news.pop()  # of orders on one frame, however many come before the next, the last says all
        self._news.append(snapshot)

    async def run(self, out: Callable[[Moved], None], ahead: Callable[[], bool]) -> None:
        """
        Present frames until there are no more; ``ahead`` says whether anybody wants masks that are moved on.

        A frame that fails can still be looked at, and the log says so.
        """
        while True:
            try:
                await self._frames.ready()
            except Closed:
                return
            frame, seconds = self._frames.take()
            news = tuple(self._news)
            self._news.clear()
            self._cut |= self._epoch not in (None, frame.epoch)  # it was connected again
            self._epoch = frame.epoch
            try:
                self._job = self._executor.submit(self._present, frame, seconds, news, ahead())
                moved = await asyncio.wrap_future(self._job)
                self._cut = False
            except Exception as error:
                self._failures += 1
                if self._failures.bit_count() == 1:  # 1, 2, 4, 8, …: thirty a second would bury the log
                    words = (frame.index, self._failures, error)
                    surprise = None if isinstance(error, PresentingFailed) else error
                    log.error("frame %d could not be presented, %d by now: %s", *words, exc_info=surprise)
                moved = Moved(frame, None)
            if moved.presented is not None:
                self.history.add(moved.presented, seconds, (frame.height, frame.width))
            out(moved)

    def _present(self, frame: Frame, seconds: float, news: tuple[int | Snapshot, ...], ahead: bool) -> Moved:
        """Runs on the executor."""
        began, size = time.monotonic(), (frame.height, frame.width)
        numbered: list[News] = []
        for each in news:
            if isinstance(each, Snapshot):
                self._number += 1
                self._snapshots[self._number] = each
                numbered.append((self._number, each))
            else:
                numbered.append(each)
        luma = shrunk(frame.luma())
        job = Job(self._stream, tuple(numbered), luma, size, frame.index, seconds, self._cut, ahead)
        done = self._worker.present(job)
        self._snapshots = {number: each for number, each in self._snapshots.items() if number == done.shown}
        presented = replace(done.presented, snapshot=self._snapshots.get(done.shown or 0))
        return Moved(frame, presented, time.monotonic() - began)
