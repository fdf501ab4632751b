"""One stream: its source, its tracker, its readers, and the loop between them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.errors import FrameGone, NotFound, TooMany
from streamer.frame import Frame
from streamer.latest import Closed, Latest
from streamer.live.jpegs import Pictures
from streamer.live.reader_options import Options
from streamer.live.recent_frames import RecentFrames
from streamer.live.subscription import Subscription
from streamer.live.tracking import Tracking, in_words
from streamer.result import FrameInfo, Result
from streamer.sources.base import Source, State
from streamer.video.viewers import Playback
from streamer.wire import results
from tracker import Prompt

WANTED = 10.0  # seconds that pictures are kept for after somebody asked for one

Write = Callable[[Frame, Result], Awaitable[None]]
log = logging.getLogger(__name__)


class Session:
    """
    A stream from its source to its readers. ``run`` is all its life; cancel it to stop.

    A frame waits in one slot for the session's turn on the model thread, and is taken at the last moment, so what is
    looked at is always the newest. Recordings are the exception: their source waits until the slot is empty, and the
    loop waits for ``write`` if there is one, so every frame gets its result.

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
        config: Config,
        counters: Counters,
        write: Write | None = None,
    ) -> None:
        self.id = id
        self.source = source
        self.state = State.CONNECTING
        self.reason = ""
        self.since = datetime.now(UTC)
        self.pictures = Pictures(executor, config.pictures_bytes)
        self.recent = RecentFrames()
        self.tracking = Tracking(id, prompts, engine, config)
        self.playback = Playback(lambda: self.last, config.max_viewers)
        self.last: Result | None = None
        self.looked = 0  # frames that were looked at
        self.decoded = 0  # frames that the source gave
        self.dropped = 0  # frames decoded before the last one looked at, and never looked at themselves
        self._engine = engine
        self._config = config
        self._counters = counters
        self._write = write
        self._frames: Latest[Frame] = Latest()
        self._subscriptions: set[Subscription] = set()  # bound: config.max_subscribers
        self._times: deque[float] = deque(maxlen=31)  # of results, for fps
        self._wanted_until = 0.0
        self._end = ""

    # What is known about it

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What is being looked for."""
        return self.tracking.prompts

    @property
    def fps(self) -> float:
        """Results a second, over the last 30; 0 when the last is older than 2 s."""
        now = time.monotonic()
        if len(self._times) < 2 or now - self._times[-1] > 2:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    @property
    def subscribers(self) -> int:
        """Readers at the moment."""
        return len(self._subscriptions)

    @property
    def missed(self) -> int:
        """Results that the present readers missed, all together."""
        return sum(subscription.dropped for subscription in self._subscriptions)

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
        self._frames.close()
        self.playback.close()
        self._set_state(State.ENDED, reason)
        self.tracking.end(reason)
        self.pictures.settle()
        for subscription in self._subscriptions:
            subscription.close()

    async def _receive(self) -> None:
        try:
            await self.source.run(self._accept, self._hear)
        finally:
            self._frames.close()

    async def _accept(self, frame: Frame) -> None:
        """Take a frame from the source: at once from a live one, when the slot is empty from a recording."""
        if not self.source.live:
            await self._frames.room()
            frame.arrived = time.monotonic()  # decoded ahead, it waited for its turn and not in ours
        self._counters.decoded.inc(frame.index + 1 - self.decoded)
        self.decoded = frame.index + 1
        self.recent.decoded(frame)
        self.playback.show(frame)
        self._frames.put(frame)

    async def _look(self) -> None:
        while True:
            try:
                await self._frames.ready()
            except Closed:
                return
            async with self._engine.turn:
                frame = self._frames.take()
                result = await self._step(frame)
            self._publish(frame, result)
            if self._write is not None:
                await self._write(frame, result)

    async def _step(self, frame: Frame) -> Result:
        """One step on the model thread, in the session's turn."""
        began = time.monotonic()
        info = FrameInfo.of(frame)
        look = await self.tracking.look(frame, self.recent.find(frame.index).seconds)
        self.looked += 1
        dropped = frame.index + 1 - self.looked
        self._counters.dropped.inc(dropped - self.dropped)
        self.dropped = dropped
        self.recent.looked_at(frame.index)
        now = time.monotonic()
        result = Result(self.id, info, look.prompts, look.step, look.error, now - frame.arrived, now - began, dropped)
        self._counters.looked_at(result)
        return result

    def _publish(self, frame: Frame, result: Result) -> None:
        self.last = result
        self._times.append(time.monotonic())
        self.pictures.add(frame, keep=bool(self._subscriptions) or time.monotonic() < self._wanted_until)
        for subscription in self._subscriptions:
            subscription.publish(result)

    def _hear(self, state: State, reason: str) -> None:
        """What the source says of itself. Its end is told when the last frame has been looked at."""
        if state is State.ENDED:
            self._end = reason
        elif (state, reason) != (self.state, self.reason):
            self._set_state(state, reason)

    def _set_state(self, state: State, reason: str) -> None:
        log.info("session %s (%s): %s%s", self.id, self.source.name, state, f": {reason}" if reason else "")
        self.state, self.reason, self.since = state, reason, datetime.now(UTC)
        for subscription in self._subscriptions:
            subscription.tell(results.state_message(state, reason))

    # Its readers

    @contextmanager
    def subscribe(self, *, pictures: bool = False, options: Options | None = None) -> Iterator[Subscription]:
        """Read along for the length of a ``with`` block; the first message is the state. Raises TooMany."""
        if len(self._subscriptions) >= self._config.max_subscribers:
            raise TooMany(f"This session already has {self._config.max_subscribers} readers.")
        subscription = Subscription(self.pictures.get, self._counters, pictures=pictures, options=options)
        subscription.tell(results.state_message(self.state, self.reason))
        if self.state is State.ENDED:
            subscription.close()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            subscription.close()

    async def picture(self, index: int | None = None) -> tuple[int, bytes]:
        """Index and JPEG of a looked-at frame, None for the newest. Raises NotFound, FrameGone."""
        self._wanted_until = time.monotonic() + WANTED
        if index is None:
            latest = await self.pictures.latest()
            if latest is None:
                raise NotFound("No frame of this session has been looked at yet.")
            return latest
        data = await self.pictures.get(index)
        if data is None:
            raise FrameGone(f"The picture of frame {index} is not kept.", self.pictures.kept(), field="index")
        return index, data
