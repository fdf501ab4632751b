"""A live stream's packets, read in a thread of their own: each has the time when it came, and none waits long."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import av
from av.video.stream import VideoStream

Packet: TypeAlias = "av.Packet[VideoStream]"

LATE = 0.6  # seconds that a packet may wait, before everything up to the newest keyframe is left out
LATEST = 10.0  # seconds that a packet may wait where no keyframe comes: then all is left out until one does
MOST_BYTES = 32 * 2**20  # of the packets that wait; ten seconds of 25 Mb/s
MOST = 1200  # packets that wait: ten seconds of 120 pictures a second
POLL = 0.5  # seconds between looks whether anybody still wants them


@dataclass(slots=True)
class Counts:
    """
    What of a source was left out, over all its connections.

    ``damaged``: packets that cannot be decoded; ``corrupt``: damaged pictures; ``left_out`` and ``skipped``: pictures
    never decoded because decoding was behind, in the line and by the decoder. ``left_out`` is the line's, which two
    threads use; the others are the decoding thread's.
    """

    damaged: int = 0
    corrupt: int = 0
    left_out: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """A packet; ``at`` is ``time.monotonic()`` when it came. ``anew``: what was before it was left out."""

    packet: Packet
    at: float
    anew: bool = False


class Line:
    """
    Packets between the thread that reads and the one that decodes; at most ``MOST``, and ``MOST_BYTES``.

    Who decodes too slowly finds the newest keyframe first: late pictures are worth less than none.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._waiting: deque[Arrived] = deque()  # bound: MOST, and MOST_BYTES
        self._bytes = 0
        self._wants_keyframe = False  # what comes before one would build on what was left out
        self._anew = False
        self._over = False
        self._error: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, packet: Packet, now: float) -> bool:
        """Add a packet; whether more are wanted. Never waits."""
        with self._changed:
            if self._wants_keyframe and not packet.is_keyframe and packet.size:
                self._counts.left_out += 1
                return not self._closed
            self._wants_keyframe = False
            self._waiting.append(Arrived(packet, now))
            self._bytes += packet.size
            if len(self._waiting) > MOST or self._bytes > MOST_BYTES or now - self._waiting[0].at > LATEST:
                self._shorten()
            self._changed.notify()
            return not self._closed

    def end(self, error: BaseException | None) -> None:
        """Nothing more comes, because of that error or because it has ended."""
        with self._changed:
            self._over, self._error = True, error
            self._changed.notify()

    def close(self) -> None:
        """Nobody takes any more."""
        with self._changed:
            self._closed = True
            self._waiting.clear()

    def take(self, wanted: Callable[[], None], starves: Callable[[], None]) -> Arrived | None:
        """
        Wait for the packet to decode next; None at the end. Raises what ended it.

        Meanwhile ``wanted`` is called now and then, or ``starves`` while packets come of which none can be decoded;
        raises what these raise.
        """
        wanted()
        with self._changed:
            while not self._waiting:
                if self._error is not None:
                    raise self._error
                if self._over:
                    return None
                before = self._counts.left_out
                self._changed.wait(POLL)
                (wanted if self._counts.left_out == before else starves)()
            if time.monotonic() - self._waiting[0].at > LATE:
                self._skip(self._newest_keyframe())
            first, anew = self._waiting.popleft(), self._anew
            self._bytes -= first.packet.size
            self._anew = False
            return Arrived(first.packet, first.at, anew=anew)

    def _newest_keyframe(self) -> int:
        """The place of the newest keyframe; 0 where there is none."""
        for place in range(len(self._waiting) - 1, 0, -1):
            if self._waiting[place].packet.is_keyframe:
                return place
        return 0

    def _skip(self, count: int) -> None:
        for _ in range(count):
            self._bytes -= self._waiting.popleft().packet.size
        self._counts.left_out += count
        self._anew |= count > 0

    def _shorten(self) -> None:
        """Go to the newest keyframe; where there is none, or it is too much as well, wait for the next."""
        self._skip(self._newest_keyframe())
        if len(self._waiting) > MOST or self._bytes > MOST_BYTES or self._waiting[-1].at - self._waiting[0].at > LATEST:
            self._skip(len(self._waiting) - (1 if self._waiting[-1].packet.is_keyframe else 0))
            self._wants_keyframe = not self._waiting


@contextmanager
def reading(packets: Generator[Packet], counts: Counts, name: str) -> Iterator[Line]:
    """
    Read packets in a thread of their own for a ``with`` block, which waits at its end for that thread.

    The thread ends when FFmpeg has come back with one more packet, or with its time limit.
    """
    line = Line(counts)

    def read() -> None:
        error: BaseException | None = None
        try:
            with closing(packets):
                for packet in packets:
                    if not line.put(packet, time.monotonic()):
                        break
        except BaseException as problem:
            error = problem
        line.end(error)

    thread = threading.Thread(target=read, name=f"packets {name}", daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join()
