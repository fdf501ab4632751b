"""Where an object is going, by the boxes it was seen in. Places are shares of the picture, 0 to 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tracker.stream.geometry import Share, middle, size
from tracker.stream.params import DEFAULTS, TrackingParams


@dataclass(slots=True, eq=False)
class Motion:
    """
    The velocity and size of one object, learnt on frames where its box is surely its own.

    ``sure``: its box on the last of those frames; ``seconds``: when that was, by the stream's clock.
    """

    sure: Share
    params: TrackingParams = DEFAULTS
    seconds: float = -math.inf
    velocity: tuple[float, float] = (0.0, 0.0)  # of its centre, shares of the picture a second
    extent: float = 0.0  # its side when all of it was to be seen, a share of the picture's
    off_course: tuple[float, float] | None = None  # from where the picture's motion put it to where its own should have

    def __post_init__(self) -> None:
        self.extent = size(self.sure)

    def known(self, seconds: float) -> bool:
        """Whether it was surely seen lately enough to say anything of where it is at ``seconds``."""
        return seconds - self.seconds <= self.params.stale

    def learn(self, box: Share, seconds: float) -> None:
        """Take a box that is surely its own."""
        elapsed = seconds - self.seconds
        if 0 < elapsed <= self.params.stale:
            newest = 1 - math.exp(-elapsed / self.params.smoothing)
            x, y = ((middle(box, axis) - middle(self.sure, axis)) / elapsed for axis in (0, 1))
            self.velocity = (
                newest * x + (1 - newest) * self.velocity[0],
                newest * y + (1 - newest) * self.velocity[1],
            )
        elif elapsed > self.params.stale:
            self.velocity = (0.0, 0.0)
        self.sure, self.seconds = box, seconds
        self.extent = max(size(box), self.params.shrink * self.extent)

    def expected(self, seconds: float) -> Share:
        """Its box where it should be by ``seconds``."""
        elapsed = self._elapsed(seconds)
        x, y = self.velocity[0] * elapsed, self.velocity[1] * elapsed
        return self.sure[0] + x, self.sure[1] + y, self.sure[2] + x, self.sure[3] + y

    def within(self, elapsed: float) -> tuple[float, float]:
        """How far it probably moves in so many seconds, in shares of the picture."""
        if not 0 < elapsed <= self.params.stale:
            return 0.0, 0.0
        most = self.params.farthest_guess
        x, y = (max(-most, min(most, speed * elapsed)) for speed in self.velocity)
        return x, y

    def compare(self, box: Share, seconds: float, *, sure: bool) -> None:
        """Note where its own motion disagrees with the ``box`` that the picture's motion gives; only if ``sure``."""
        self.off_course = None
        if sure and 0 < seconds - self.seconds <= self.params.own_motion:
            expected = self.expected(seconds)
            x, y = (middle(expected, axis) - middle(box, axis) for axis in (0, 1))
            if math.hypot(x, y) > self.params.off_course * self.extent:
                self.off_course = x, y

    def nearness(self, box: Share, seconds: float) -> float:
        """1 where it should be at ``seconds``, 0 at the farthest that it may be, or where it cannot be ``box``."""
        largest = max(self.extent, size(box))
        if largest > self.params.resized * self.extent:  # smaller it may well be: half of it is still hidden
            return 0.0
        expected = self.expected(seconds)
        x, y = (middle(box, axis) - middle(expected, axis) for axis in (0, 1))
        farthest = self.params.reach * largest + self.params.wander * self._elapsed(seconds)
        return max(0.0, 1 - math.hypot(x, y) / farthest)

    def _elapsed(self, seconds: float) -> float:
        return min(max(0.0, seconds - self.seconds), self.params.stale)
