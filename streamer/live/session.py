"""One stream: its source, its tracker, its readers, and the loop between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import replace

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.frame import NONE_LEFT_OUT, Frame
from streamer.latest import Closed, Latest
from streamer.live.jpegs import Pictures
from streamer.live.keeping import Keeping
from streamer.live.looks import Looks
from streamer.live.preparing import Preparing
from streamer.live.presenters import Worker
from streamer.live.presenting import Candidate, Moved, Presenting
from streamer.live.publisher import Publisher, Write
from streamer.live.reader_options import Options
from streamer.live.recent_frames import RecentFrames
from streamer.live.standing import Standing
from streamer.live.subscription import Subscription
from streamer.live.tracking import Look, Tracking, in_words
from streamer.result import FrameInfo, Result
from streamer.sources.base import Source, State
from streamer.video.viewers import Playback
from tracker import MotionPath, Prompt, Snapshot

# Seconds without a new frame after which the newest is told again, with the masks of its own look. A camera that gives
# more than two pictures a second has each of its frames told once.
STANDS = 0.5

log = logging.getLogger(__name__)


class Session:
    """
    A stream from its source to its readers. ``run`` is all its life; cancel it to stop.

    Every frame of a live source is presented: it gets the masks of the newest look, moved along with the picture, at
    once. Then it waits in one slot for the session's turn on the model thread, and is taken at the last moment, so what
    is looked at is always the newest. With ``present: looked`` only what was looked at gets a result. So it is with
    recordings, whose source waits until the slot is empty, and whose loop waits for ``write`` if there is one, so every
    frame gets its result.

    Shutting down: cancelling ``run`` cancels the source (which returns at once, its thread ends by itself) and the
    loop. A step that is running on the model thread runs to its end; the tracker's state is freed behind it. Readers
    are told the state and closed.
    """

    def __init__(
        self,
        id: str,  # noqa: A002
        source: Source,
        prompts: Sequence[Prompt],
        *,
        engine: Engine,
        executor: Executor,
        presenters: Executor,
        worker: Worker,
        config: Config,
        counters: Counters,
        write: Write | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        self.id = id
        self.source = source
        self.standing = Standing(self._tell_state, discreet=source.kind == "url")
        self.pictures = Pictures(executor, config.pictures_bytes)
        self.publisher = Publisher(self.pictures, counters, config)
        self.recent = RecentFrames()
        self.tracking = Tracking(id, prompts, engine, config, live=source.live, ordered=self._ordered, keeping=keeping)
        self.keeping = keeping  # None: it ends with the process
        self.playback = Playback(config.max_viewers)
        self.presenting = Presenting(id, presenters, worker) if source.live and config.present == "frames" else None
        self.looked = 0  # frames that were looked at
        self.decoded = 0  # frames that the source gave
        self.told = 0  # frames that have a result
        self._newest_told = -1  # the index of the newest of them
        self.dropped = 0  # frames decoded before the last one that has a result, and without one themselves
        self.lost = NONE_LEFT_OUT  # frames that the source left out
        self.engine = engine  # for its life
        self._counters = counters
        self._write = write
        self._candidates: Latest[Candidate] = Latest()
        self._preparing = Preparing(self._candidates, engine)
        self._looks = Looks()
        self._removed: dict[int, int] = {}  # ids by the order that removed them; bound: the tracker's objects
        self._orders = 0  # carried out
        self._end = ""

    # What is known about it

    @property
    def state(self) -> State:
        """How it is doing."""
        return self.standing.state

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self.standing.reason

    @property
    def age(self) -> float | None:
        """How old the newest result is, in seconds; None before the first. While the model hangs: the newest look."""
        return self._looks.age if self.state is State.STALLED else self.publisher.age(ended=self.state is State.ENDED)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What is being looked for."""
        return self.tracking.prompts

    @property
    def last(self) -> Result | None:
        """The newest result."""
        return self.publisher.last

    @property
    def fps(self) -> float:
        """Results a second, over the last 30; 0 when the last is older than 2 s."""
        return self.publisher.fps

    @property
    def looks(self) -> float:
        """Looks a second, over the last 30; 0 when the last is older than 10 s."""
        return self._looks.rate

    @property
    def look_seconds(self) -> float:
        """What a look of it takes; 0: not known."""
        return self._looks.seconds

    @property
    def subscribers(self) -> int:
        """Readers at the moment."""
        return self.publisher.subscribers

    @property
    def missed(self) -> int:
        """Results that the present readers missed, all together."""
        return self.publisher.missed

    def path(self, index: int) -> MotionPath | None:
        """The ways from a frame that was presented of late to others; None where there are none."""
        return None if self.presenting is None else self.presenting.history.path(index)

    # Its life

    async def run(self) -> None:
        """Live: from opening the source to freeing the model's state. Whatever goes wrong becomes the final reason."""
        async with self.playback:
            await self._run()

    async def _run(self) -> None:
        end = "It was stopped."
        try:
            await self.tracking.start()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive())
                tasks.create_task(self._look())
                if self.presenting is not None:
                    tasks.create_task(self._present(self.presenting))
                if self._write is not None and self.source.live:
                    tasks.create_task(self.publisher.record(self._write))
            end = self._end or "The source has ended."
        except Exception as error:
            log.exception("session %s failed", self.id)
            end = f"It failed inside: {in_words(error)}"
        finally:
            self.finish(end)
            await asyncio.shield(self.tracking.free())

    def finish(self, reason: str) -> None:
        """Tell everybody that it has ended, and let go of what it held. Does nothing the second time."""
        if self.state is State.ENDED:
            return
        self._candidates.close()
        self._candidates.clear()
        self._preparing.clear()
        if self.presenting is not None:
            self.presenting.free()
        self.playback.close()
        self.standing.end(reason)
        self.tracking.end(reason)
        self.publisher.close()

    async def _receive(self) -> None:
        try:
            await self.source.run(self._accept, self._hear)
        finally:
            (self.presenting or self._candidates).close()

    async def _accept(self, frame: Frame) -> None:
        """Take a frame from the source: at once from a live one, when the slot is empty from a recording."""
        if not self.source.live:
            await self._candidates.room()
            frame.arrived = time.monotonic()  # decoded ahead, it waited for its turn and not in ours
            frame.received = None if frame.received is None else frame.arrived
        self._counters.decoded.inc(frame.index + 1 - self.decoded)
        self.decoded = frame.index + 1
        self.lost = self._counters.lost(frame.lost, self.lost)
        seconds = self.recent.decoded(frame)
        if self.presenting is not None:
            self.presenting.put(frame, seconds)
        else:
            self.playback.show(frame, self.publisher.last)
            self._candidates.put(Candidate(frame))

    async def _present(self, presenting: Presenting) -> None:
        try:
            await presenting.run(self._moved, lambda: self.publisher.wants_ahead)
        finally:
            self._candidates.close()

    def _moved(self, moved: Moved) -> None:
        """A frame was presented: tell it, and let it be looked at."""
        frame, presented = moved.frame, moved.presented
        if presented is None:
            self._candidates.put(Candidate(frame))
            return
        self._candidates.put(Candidate(frame, presented.motion, presented.scene))
        snapshot = presented.snapshot
        if snapshot is None and not self.looked:
            self.playback.show(frame, None)
            return
        if snapshot is not None:
            self._removed = {each: order for each, order in self._removed.items() if order > snapshot.order}
        behind = self._looks.behind(snapshot)
        self._publish(frame, Result.moved(self.id, frame, presented, self.prompts, moved.seconds, self.dropped, behind))

    async def _look(self) -> None:
        while True:
            try:
                await self._candidates.ready()
            except Closed:
                self.publisher.written()
                return
            async with self.engine.turns.take(self._preparing.run):
                frame = (candidate := self._candidates.take()).frame
                if self.presenting is not None:
                    self.presenting.began(frame.index)
                look, result = await self._step(candidate)
            await asyncio.to_thread(look.pack)
            if candidate.scene is None or result.step is None:  # not presented, or there is an error to tell
                self._tell_look(frame, result)
            if self.presenting is None:
                self._removed.clear()  # the look knew of all of them
            elif look.snapshot is not None:
                self.presenting.take(look.snapshot)
                await self._tell_again(frame, result)
            if self._write is not None and not self.source.live:
                await self._write(frame, result)

    def _tell_look(self, frame: Frame, result: Result) -> None:
        """Tell what a look made of its own frame; nobody goes back to it where newer ones were presented meanwhile."""
        last = self.publisher.last
        if last is None or frame.index > self._newest_told:
            self._publish(frame, result)
        elif result.step is None:
            age = time.monotonic() - last.frame.arrived
            self.publisher.warn(replace(result, frame=last.frame, age=age, dropped=self.dropped))

    async def _tell_again(self, frame: Frame, result: Result) -> None:
        """Tell the first frame, and where no new one comes the newest once more, with the masks of its own look."""
        if frame.index + 1 != self.decoded or result.step is None:
            return
        orders = self._orders
        if frame.index <= self._newest_told and not await self._stands(frame):
            return
        if frame.index + 1 == self.decoded and self.state is State.LIVE and orders == self._orders:
            now = time.monotonic()
            self._publish(frame, replace(result, age=now - frame.arrived))

    async def _stands(self, frame: Frame) -> bool:
        """Wait until the newest frame is ``STANDS`` old; whether none came after it."""
        with contextlib.suppress(TimeoutError, Closed):
            async with asyncio.timeout(max(0.0, frame.arrived + STANDS - time.monotonic())):
                await self._candidates.ready()
                return False
        return True

    async def _step(self, candidate: Candidate) -> tuple[Look, Result]:
        """One step on the model thread, in the session's turn."""
        began, frame = time.monotonic(), candidate.frame
        self._looks.began(frame)
        info = FrameInfo.of(frame)
        picture = self._preparing.of(frame)
        look = await self.tracking.look(candidate, picture, self.recent.find(frame.index).seconds)
        self.looked += 1
        now = time.monotonic()
        self._looks.done(now, now - began)
        age = now - frame.arrived
        result = Result(self.id, info, look.prompts, look.step, look.error, age, now - began, self.dropped)
        self._counters.looked_at(result)
        return look, result

    def _publish(self, frame: Frame, result: Result) -> None:
        if frame.index > self._newest_told:
            self._newest_told = frame.index
            self.told += 1
            dropped = frame.index + 1 - self.told
            self._counters.dropped.inc(dropped - self.dropped)
            self.dropped = dropped
            self.recent.told(frame.index)
        result = replace(result, dropped=self.dropped, lost=self.lost).revised(self.prompts, self._removed)
        if self.presenting is not None:
            self.playback.show(frame, result)
        self.publisher.publish(frame, result)

    def _ordered(self, snapshot: Snapshot | None, removed: int | None) -> None:
        """An order was carried out: from now on nothing that is told contradicts it."""
        self._orders += 1
        if snapshot is not None and removed is not None:
            self._removed[removed] = snapshot.order
        if snapshot is not None and self.presenting is not None:
            self.presenting.take(snapshot)
        self.publisher.revise(self.prompts, self._removed)
        self.playback.revise(lambda result: result.revised(self.prompts, self._removed))

    def _hear(self, state: State, reason: str) -> None:
        """What the source says of itself. Its end is told when the last frame has been looked at."""
        if state is State.ENDED:
            self._end = reason
        else:
            self.standing.hear(state, reason)

    def _tell_state(self, state: State, reason: str) -> None:
        log.info("session %s (%s): %s%s", self.id, self.source.name, state, f": {reason}" if reason else "")
        self.publisher.tell(self.standing.message(general=False), self.standing.message(general=True))

    # Its readers

    def subscribe(
        self, *, pictures: bool = False, options: Options | None = None, general: bool = False, limit: int | None = None
    ) -> AbstractContextManager[Subscription]:
        """Read along as ``Publisher.subscribe`` says; the first message is the state, ``why`` in general."""
        told = {"ended": self.state is State.ENDED, "pictures": pictures, "general": general}
        return self.publisher.subscribe(self.standing.message(general=general), options=options, limit=limit, **told)

    async def picture(self, index: int | None = None) -> tuple[int, bytes]:
        """Index and JPEG of a frame that has a result, None for the newest. Raises NotFound, FrameGone."""
        return await self.publisher.picture(index)
