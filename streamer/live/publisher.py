"""What a session tells: the newest result, in everybody's slot, and the pictures behind the results."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from streamer.config import Config
from streamer.counters import Counters
from streamer.errors import FrameGone, NotFound, TooMany
from streamer.frame import Frame
from streamer.latest import Closed, Latest
from streamer.live.jpegs import Pictures
from streamer.live.reader_options import Options
from streamer.live.subscription import Subscription
from streamer.result import Result
from tracker import Prompt

WANTED = 10.0  # seconds that pictures are kept for after somebody asked for one
KEPT = 0.1  # seconds from one kept picture to the next where no reader is sent them: for clicks, and who asks later

Write = Callable[[Frame, Result], Awaitable[None]]


class Publisher:
    """
    Who reads a session, at most ``config.max_subscribers``, and what they are told.

    Publishing never waits: each reader has a slot for the newest result, and so has ``write``, where a live source is
    recorded.
    """

    def __init__(self, pictures: Pictures, counters: Counters, config: Config) -> None:
        self.pictures = pictures
        self.last: Result | None = None
        self._counters = counters
        self._config = config
        self._subscriptions: set[Subscription] = set()  # bound: config.max_subscribers
        self._times: deque[float] = deque(maxlen=31)  # of results, for fps
        self._to_write: Latest[tuple[Frame, Result]] = Latest()
        self._recording = False
        self._wanted_until = 0.0
        self._kept = 0.0  # when a picture was kept last

    @property
    def fps(self) -> float:
        """Results a second, over the last 30; 0 when the last is older than 2 s."""
        return rate(self._times, 2.0)

    def age(self, *, ended: bool) -> float | None:
        """Seconds from the arrival of the newest result's frame until now, once it has ended until that result."""
        last = self.last
        if last is None:
            return None
        return last.age if ended else time.monotonic() - last.frame.arrived

    def received(self, age: float | None) -> float | None:
        """The age of the newest result, counted from the arrival of its packet; None where that is not known."""
        decoding = None if self.last is None else self.last.frame.decoding
        return None if age is None or decoding is None else age + decoding

    @property
    def subscribers(self) -> int:
        """Readers at the moment."""
        return len(self._subscriptions)

    @property
    def missed(self) -> int:
        """Results that the present readers missed, all together."""
        return sum(subscription.dropped for subscription in self._subscriptions)

    @property
    def wants_ahead(self) -> bool:
        """Whether a reader wants masks that are moved on by a frame."""
        return any(subscription.options.ahead for subscription in self._subscriptions)

    def publish(self, frame: Frame, result: Result) -> None:
        """Tell everybody what became of a frame; never waits."""
        self.last = result
        self._times.append(time.monotonic())
        self._counters.published(result)
        self.pictures.add(frame, keep=self._wants_picture())
        if self._recording:
            self._to_write.put((frame, result))
        for subscription in self._subscriptions:
            subscription.publish(result)

    def warn(self, result: Result) -> None:
        """Tell every reader of a look that failed; what is shown and what is known stay."""
        for subscription in self._subscriptions:
            subscription.publish(result)

    def revise(self, prompts: Sequence[Prompt], removed: Collection[int]) -> None:
        """An order was carried out: results that are not sent yet do not contradict it."""
        last = self.last
        if last is not None:
            self.last = last.revised(prompts, removed)

        def change(result: Result) -> Result:
            """One result for all whose slot holds the newest, so that it is rendered once for them."""
            return self.last if result is last and self.last is not None else result.revised(prompts, removed)

        for subscription in self._subscriptions:
            subscription.revise(change)

    def tell(self, message: dict[str, Any], general: dict[str, Any] | None = None) -> None:
        """Send everybody a message that is no result; ``general`` to those whom reasons are told in general."""
        for subscription in self._subscriptions:
            subscription.tell(message if general is None or not subscription.general else general)

    def written(self) -> None:
        """No more results will come to be written; the last one still is."""
        self._to_write.close()

    def close(self) -> None:
        """Nothing more will come."""
        self._to_write.close()
        self.pictures.settle()
        for subscription in self._subscriptions:
            subscription.close()

    async def record(self, write: Write) -> None:
        """
        Write results until there are no more, as fast as that goes: nothing waits for it, what it misses is lost.

        Each frame is written once, also where it is told again.
        """
        self._recording, written = True, -1
        try:
            while True:
                await self._to_write.ready()
                frame, result = self._to_write.take()
                if frame.index > written:
                    await write(frame, result)
                    written = frame.index
        except Closed:
            return
        finally:
            self._recording = False
            self._to_write.clear()

    @contextmanager
    def subscribe(
        self,
        first: dict[str, Any],
        *,
        ended: bool,
        pictures: bool = False,
        options: Options | None = None,
        general: bool = False,
        limit: int | None = None,
    ) -> Iterator[Subscription]:
        """
        Read along for the length of a ``with`` block; ``first`` is the first message. Raises TooMany.

        ``limit``: bytes of a message that the reader takes, None for any.
        """
        if len(self._subscriptions) >= self._config.max_subscribers:
            raise TooMany(f"This session already has {self._config.max_subscribers} readers.")
        subscription = Subscription(
            self.pictures.get, self._counters, pictures=pictures, options=options, general=general, limit=limit
        )
        subscription.tell(first)
        if ended:
            subscription.close()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            subscription.close()

    async def picture(self, index: int | None = None) -> tuple[int, bytes]:
        """Index and JPEG of a frame that has a result, None for the newest. Raises NotFound, FrameGone."""
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

    def _wants_picture(self) -> bool:
        now = time.monotonic()
        wanted = now < self._wanted_until or any(each.pictures for each in self._subscriptions)
        if not wanted and (not self._subscriptions or now < self._kept + KEPT):
            return False
        self._kept = now
        return True


def rate(times: Sequence[float], stale: float) -> float:
    """Events a second by when they were; 0 when the last is older than ``stale`` seconds."""
    if len(times) < 2 or time.monotonic() - times[-1] > stale:
        return 0.0
    return (len(times) - 1) / (times[-1] - times[0])
