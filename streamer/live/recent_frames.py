"""Which frames went by lately, so that a click can name the one it saw."""

from __future__ import annotations

from collections import deque

from streamer.errors import FrameGone
from streamer.result import FrameInfo

LENGTH = 256  # decoded frames remembered, without their pictures, and as many that were looked at
NEAR = 0.1  # seconds from the frame that is named to one that is known
RTP_CLOCK = 90_000  # ticks a second of every video payload


class History:
    """The last frames that were decoded and the last that were looked at, ``LENGTH`` of each."""

    def __init__(self) -> None:
        self._decoded: deque[FrameInfo] = deque(maxlen=LENGTH)
        self._looked: deque[FrameInfo] = deque(maxlen=LENGTH)

    def decoded(self, frame: FrameInfo) -> None:
        """Remember a frame that came in."""
        self._decoded.append(frame)

    def looked_at(self, frame: FrameInfo) -> None:
        """Remember a frame that a result was made of."""
        self._looked.append(frame)

    def available(self) -> tuple[int, int] | None:
        """Oldest and newest index of those looked at, or None."""
        return (self._looked[0].index, self._looked[-1].index) if self._looked else None

    def find(self, index: int | None = None, rtp_timestamp: int | None = None) -> FrameInfo:
        """The decoded frame with that index, or nearest to that RTP timestamp. Raises FrameGone."""
        if rtp_timestamp is not None:
            return self._at(rtp_timestamp)
        for frame in reversed(self._decoded):
            if frame.index == index:
                return frame
        words = f"Frame {index} is not known, or not any more."
        raise FrameGone(words, self.available(), field="frame_index")

    def seen(self, frame: FrameInfo) -> int:
        """Index of the looked-at frame nearest in time to a decoded one. Raises FrameGone when none is near."""
        near = min(self._looked, key=lambda other: abs(other.arrived - frame.arrived), default=None)
        if near is None or abs(near.arrived - frame.arrived) > NEAR:
            words = f"No frame near frame {frame.index} was looked at."
            raise FrameGone(words, self.available(), field="frame_index")
        return near.index

    def _at(self, rtp_timestamp: int) -> FrameInfo:
        near: tuple[int, FrameInfo] | None = None
        for frame in reversed(self._decoded):  # the newest first: timestamps start anew with each connection
            if frame.rtp_timestamp is None:
                continue
            ticks = _ticks(frame.rtp_timestamp, rtp_timestamp)
            if near is None or ticks < near[0]:
                near = ticks, frame
        if near is None or near[0] > NEAR * RTP_CLOCK:
            words = f"No frame with RTP timestamp {rtp_timestamp} is known."
            raise FrameGone(words, self.available(), field="rtp_timestamp")
        return near[1]


def _ticks(one: int, other: int) -> int:
    """Distance of two RTP timestamps, which wrap around at 32 bits."""
    ahead = (one - other) % 2**32
    return min(ahead, 2**32 - ahead)
