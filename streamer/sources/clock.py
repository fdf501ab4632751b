"""Which of a stream's times to believe, and when its clock has begun anew."""

from __future__ import annotations

import time
from datetime import UTC, datetime

BACKWARDS = 0.5  # seconds that a time must fall by to have begun anew: less is a picture out of order
AHEAD = 0.5  # seconds that a live stream's time may run ahead of the pictures' arrival, to be believed at once
LEAP = 10.0  # seconds that it may run ahead without having begun anew: a server that left some out


class Clock:
    """
    Follows the times of one stream's pictures, in seconds.

    Cameras with a fault send single pictures whose time is seconds or hours off. Such a time is not believed: the epoch
    stays, and the next picture goes on from the one before. ``epoch`` rises with each connection, and where the clock
    begins anew. It holds two times, whatever the stream does.
    """

    def __init__(self) -> None:
        self.epoch = -1
        self._last: tuple[float, float] | None = None  # time and arrival of the newest picture that was believed
        self._other: tuple[float, float] | None = None  # of the newest one, where that was not believed

    def connected(self) -> None:
        """Another connection: its times have nothing to do with those before."""
        self.epoch += 1
        self._last = self._other = None

    def believes_live(self, seconds: float, now: float, ahead: float = AHEAD) -> bool:
        """
        Whether the time of a live picture is believed; one that leaps away is, when the next one goes on from it.

        ``now`` is when the picture's packet came: decoded it may be later, and after others that were left out. It may
        run so many seconds ``ahead``: ``LEAP`` for what comes in bursts, whose arrival says little.
        """
        if self._last is not None and not _follows(self._last, seconds, now, ahead):
            if self._other is None or not _follows(self._other, seconds, now, LEAP):
                self._other = seconds, now
                return False
            self.epoch += not _follows(self._last, seconds, now, LEAP)
        self._last, self._other = (seconds, now), None
        return True

    def believes(self, seconds: float, following: float | None) -> bool:
        """Whether the time of a recording's picture is believed, by that of the picture behind it."""
        if self._last is not None:
            last, _ = self._last
            away = seconds < last - BACKWARDS or seconds > last + LEAP
            if following is not None and last - BACKWARDS <= following:
                goes_back = following < seconds - BACKWARDS
                if goes_back or (away and following <= last + LEAP):
                    return False
            self.epoch += seconds < last - BACKWARDS
        self._last = seconds, 0.0
        return True


def utc(moment: float) -> str:
    """The time of day of a moment of ``time.monotonic()``."""
    return f"{datetime.fromtimestamp(time.time() - time.monotonic() + moment, UTC):%H:%M:%S} UTC"


def _follows(before: tuple[float, float], seconds: float, now: float, ahead: float) -> bool:
    """Whether a time follows a picture's time and arrival, which is later where pictures are decoded out of order."""
    return before[0] - BACKWARDS <= seconds <= before[0] + max(0.0, now - before[1]) + ahead
