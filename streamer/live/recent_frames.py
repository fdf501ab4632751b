"""Which frames went by lately, so that a click can name the one it saw."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from streamer.errors import FrameGone
from streamer.frame import Frame
from streamer.timeline import CLOCK, Timeline

LENGTH = 256  # decoded frames remembered, without their pictures, and as many that have a result
NEAR = 0.1  # seconds from an RTP timestamp that is named to one that is known


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame that came in, and when it was by the stream's clock."""

    index: int
    seconds: float
    rtp_timestamp: int | None


class RecentFrames:
    """The last ``LENGTH`` frames that were decoded, each with its time by the stream's one clock."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._decoded: deque[Decoded] = deque(maxlen=LENGTH)
        self._told: deque[int] = deque(maxlen=LENGTH)

    def decoded(self, frame: Frame) -> float:
        """Remember a frame that came in; returns its time in seconds."""
        seconds = self._timeline.tick(frame) / CLOCK
        self._decoded.append(Decoded(frame.index, seconds, frame.rtp_timestamp))
        return seconds

    def told(self, index: int) -> None:
        """Remember that a frame has a result."""
        self._told.append(index)

    def available(self) -> tuple[int, int] | None:
        """Oldest and newest index of those that have a result, or None."""
        return (self._told[0], self._told[-1]) if self._told else None

    def find(self, index: int | None = None, rtp_timestamp: int | None = None) -> Decoded:
        """The decoded frame with that index, or nearest to that RTP timestamp. Raises FrameGone."""
        if rtp_timestamp is not None:
            return self._at(rtp_timestamp)
        for frame in reversed(self._decoded):
            if frame.index == index:
                return frame
        words = f"Frame {index} is not known, or not any more."
        raise FrameGone(words, self.available(), field="frame_index")

    def _at(self, rtp_timestamp: int) -> Decoded:
        near: tuple[int, Decoded] | None = None
        for frame in reversed(self._decoded):  # the newest first: timestamps start again with each connection
            if frame.rtp_timestamp is None:
                continue
            ticks = _ticks(frame.rtp_timestamp, rtp_timestamp)
            if near is None or ticks < near[0]:
                near = ticks, frame
        if near is None or near[0] > NEAR * CLOCK:
            words = f"No frame with RTP timestamp {rtp_timestamp} is known."
            raise FrameGone(words, self.available(), field="rtp_timestamp")
        return near[1]


def _ticks(one: int, other: int) -> int:
    """Distance of two RTP timestamps, which wrap around at 32 bits."""
    ahead = (one - other) % 2**32
    return min(ahead, 2**32 - ahead)
