"""A session's picture with its masks, for people who watch: composed once, and encoded once in each codec needed."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, TypeVar

import av

from streamer.errors import Conflict, NotFound, TooMany
from streamer.frame import Frame
from streamer.latest import Closed, Latest
from streamer.result import Result
from streamer.video.composer import Composer
from streamer.video.encoder import Codec, Coded

UNSENT = 30  # encoded pictures that one viewer may be behind; then it goes on with the next keyframe
STOPPING = 1.0  # seconds that sending a viewer away waits for it to be gone

log = logging.getLogger(__name__)


class Viewer(Protocol):
    """Somebody who watches, as :class:`streamer.webrtc.player.Player` is."""

    async def answer(self, offer: Any) -> str:
        """Take an offer, in whatever form this kind of viewer takes it. Raises BadRequest."""
        ...

    async def live(self) -> None:
        """Until it is gone."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


V = TypeVar("V", bound=Viewer)


class Line:
    """
    The encoded pictures on their way to one viewer, from a keyframe on.

    It holds ``UNSENT`` at most: one that is taken from too slowly is emptied, and goes on with a keyframe.
    ``begin`` is called when the first is asked for; until then ``codec`` may be chosen.
    """

    def __init__(self, begin: Callable[[Line], None]) -> None:
        self.codec: Codec = "vp8"
        self.wants_keyframe = True
        self._begin: Callable[[Line], None] | None = begin
        self._whole = False  # nothing is missing since the last keyframe
        self._packets: deque[av.Packet[Any]] = deque(maxlen=UNSENT)
        self._news = asyncio.Event()
        self._closed = False

    def put(self, coded: Coded) -> None:
        """Add a picture; never waits."""
        if len(self._packets) == UNSENT:
            self._packets.clear()
            self._whole, self.wants_keyframe = False, True
        if coded.keyframe:
            self._whole, self.wants_keyframe = True, False
        if self._whole:
            self._packets.append(coded.packet)
            self._news.set()

    async def next(self) -> av.Packet[Any]:
        """Wait for the next picture. Raises Closed."""
        if self._begin is not None and not self._closed:
            begin, self._begin = self._begin, None
            begin(self)
        while not self._packets:
            if self._closed:
                raise Closed
            self._news.clear()
            await self._news.wait()
        return self._packets.popleft()

    def ask_for_keyframe(self) -> None:
        """The viewer could not decode what it got."""
        self.wants_keyframe = True

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._news.set()


class Playback:
    """
    Everybody who watches a session, at most ``limit``, and what they are shown.

    Each frame of a live source is shown with its own masks, presented; where only looked-at frames have results, with
    the newest ones there are. How old the look behind them is stands in the picture. One frame waits in a slot. While
    nobody watches nothing is composed.

    Enter it with ``async with``; leaving it hangs up on everybody.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: Latest[tuple[Frame, Result | None]] = Latest()
        self._lines: set[Line] = set()  # of those who are connected; bound: limit
        self._viewers: dict[str, tuple[Viewer, Line]] = {}  # bound: limit
        self._watches: list[tuple[int | None, Latest[bytes]]] = []  # of Motion JPEG, by their width; bound: limit
        self._following: dict[str, asyncio.Task[None]] = {}
        self._tasks = asyncio.TaskGroup()
        self._composer: Composer | None = None
        self._closed = True
        self._failures = 0

    async def __aenter__(self) -> Playback:
        await self._tasks.__aenter__()
        self._closed = False
        self._composing = self._tasks.create_task(self._compose())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        # Not told of the error: the group would cancel those that are hanging up already.
        await self._tasks.__aexit__(None, None, None)

    @property
    def viewers(self) -> int:
        """Those who watch or are about to."""
        return len(self._viewers) + len(self._watches)

    def show(self, frame: Frame, result: Result | None) -> None:
        """Take a frame of the source and the masks to draw on it, None for no masks yet; never waits."""
        if self._lines or self._watches:
            self._frames.put((frame, result))

    def revise(self, change: Callable[[Result], Result]) -> None:
        """Change the masks of the frame that lies in the slot, so that they do not contradict what is acknowledged."""
        self._frames.revise(lambda shown: (shown[0], None if shown[1] is None else change(shown[1])))

    async def admit(self, make: Callable[[Line], V], offer: Any) -> tuple[str, V, str]:
        """Let somebody in: id, viewer and SDP answer. Raises Conflict, TooMany, and what the viewer's answer raises."""
        self._check_room()
        line = Line(self._begin)
        viewer = make(line)
        id = secrets.token_hex(6)  # noqa: A001
        self._viewers[id] = viewer, line  # from here on it has its place
        try:
            answer = await viewer.answer(offer)
            self._check_open()
        except BaseException:
            await self._hang_up(id)
            raise
        task = self._following[id] = self._tasks.create_task(self._follow(id))
        await asyncio.sleep(0)
        if task.cancelled():  # before its first step: the session ended in this very moment
            await self._hang_up(id)
            self._check_open()
        return id, viewer, answer

    @contextmanager
    def watch(self, width: int | None) -> Iterator[Latest[bytes]]:
        """
        Let somebody in who is shown JPEGs, at most ``width`` pixels across: the newest lies in the slot.

        The slot is closed when the session ends. Raises Conflict, TooMany.
        """
        self._check_room()
        place = width, Latest[bytes]()
        self._watches.append(place)
        self._need_composer()
        try:
            yield place[1]
        finally:
            self._watches = [each for each in self._watches if each is not place]
            self._rest()

    def find(self, id: str) -> Viewer:  # noqa: A002
        """Raises NotFound."""
        if id not in self._following:
            raise NotFound(f"Nobody watches under the name {id:.64}.")
        return self._viewers[id][0]

    async def dismiss(self, id: str) -> None:  # noqa: A002
        """Hang up on somebody. Raises NotFound."""
        self.find(id)
        task = self._following[id]
        task.cancel()
        await asyncio.wait([task], timeout=STOPPING)

    def close(self) -> None:
        """Let nobody in any more, and hang up on everybody soon."""
        if self._closed:
            return
        self._closed = True
        self._frames.close()
        for task in (self._composing, *self._following.values()):
            task.cancel()
        for _, pictures in self._watches:
            pictures.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Conflict("This session has ended; there is nothing to watch.")

    def _check_room(self) -> None:
        self._check_open()
        if self.viewers >= self._limit:
            raise TooMany(f"{self._limit} viewers watch this session, which is the limit.")

    def _begin(self, line: Line) -> None:
        """Somebody is connected and waits for pictures."""
        self._lines.add(line)
        self._need_composer()

    def _need_composer(self) -> None:
        if self._composer is None:
            self._composer = Composer()

    def _leave(self, line: Line) -> None:
        line.close()
        self._lines.discard(line)
        self._rest()

    def _rest(self) -> None:
        """Compose nothing while nobody watches."""
        if not self._lines and not self._watches and self._composer is not None:
            self._composer.close()
            self._composer = None

    async def _follow(self, id: str) -> None:  # noqa: A002
        viewer, _ = self._viewers[id]
        try:
            await viewer.live()
        except Exception:
            log.exception("A viewer's connection failed; the session goes on.")
        finally:
            await self._hang_up(id)

    async def _hang_up(self, id: str) -> None:  # noqa: A002
        """Let go of a viewer, whatever its connection says to that."""
        viewer, line = self._viewers.pop(id)
        self._following.pop(id, None)
        self._leave(line)
        try:
            await viewer.close()
        except Exception:
            log.exception("A viewer's connection could not be closed.")

    async def _compose(self) -> None:
        while True:
            await self._frames.ready()
            try:
                await self._compose_one(*self._frames.take())
            except Exception:
                self._failures += 1
                if self._failures.bit_count() == 1:  # 1, 2, 4, 8, …: thirty a second would bury the log
                    log.exception("A picture could not be composed, %d by now.", self._failures)

    async def _compose_one(self, frame: Frame, result: Result | None) -> None:
        """Encode a frame in each way that somebody waits for; who came or went meanwhile is taken as it is then."""
        composer = self._composer
        if composer is not None and self._lines:
            keyframes: dict[Codec, bool] = {}
            for line in self._lines:
                keyframes[line.codec] = line.wants_keyframe or keyframes.get(line.codec, False)
            coded = await composer.make(frame, result, keyframes)
            for line in self._lines:
                if line.codec in coded:  # one who came meanwhile begins with the next frame
                    line.put(coded[line.codec])
        for width in {width for width, _ in self._watches}:
            if composer is None or composer is not self._composer:  # the last viewer has gone meanwhile
                return
            jpeg = await composer.jpeg(frame, result, width)
            for wanted, pictures in self._watches:
                if wanted == width:
                    pictures.put(jpeg)
