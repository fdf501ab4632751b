"""When frames were looked at, and what is told of the look behind presented masks."""

from __future__ import annotations

import statistics
import time
from collections import deque

from streamer.frame import Frame
from streamer.live.publisher import rate
from streamer.result import LookedAt
from tracker import Snapshot

STALE = 10.0  # seconds after the last look until there are none


class Looks:
    """The newest looks of a session: their rate, and how old each is."""

    def __init__(self) -> None:
        self._done: deque[float] = deque(maxlen=31)
        self._took: deque[float] = deque(maxlen=31)  # seconds of each
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=8)  # of looked-at frames, by index

    @property
    def rate(self) -> float:
        """Looks a second, over the last 30; 0 when the last is older than ``STALE``."""
        return rate(self._done, STALE)

    @property
    def seconds(self) -> float:
        """What a look takes, its wait for the turn not counted: the mean of the last 31; 0: not known."""
        return statistics.fmean(self._took) if self._took else 0.0

    @property
    def age(self) -> float | None:
        """Seconds since the arrival of the frame that was looked at last, or still is; None before the first."""
        return time.monotonic() - self._arrivals[-1][1] if self._arrivals else None

    def began(self, frame: Frame) -> None:
        """A frame is looked at from now on."""
        self._arrivals.append((frame.index, frame.arrived))

    def done(self, now: float, took: float = 0.0) -> None:
        """It was looked at, and failed or not; ``took`` seconds."""
        self._done.append(now)
        self._took.append(took)

    def behind(self, snapshot: Snapshot | None) -> LookedAt | None:
        """The look that a snapshot came from. None before the first."""
        if snapshot is None:
            return None
        oldest = self._arrivals[0][1]  # where looks fail one after the other it is older than that
        arrived = next((when for index, when in self._arrivals if index == snapshot.index), oldest)
        return LookedAt(snapshot.index, time.monotonic() - arrived, snapshot.stage, snapshot.reason)
