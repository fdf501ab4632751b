"""Play pictures by their own clock, where they come faster than that."""

from __future__ import annotations

LATE = 0.5  # seconds behind which there is no catching up: the clock is set anew
AHEAD = 10.0  # seconds that nobody is made to wait: media time has jumped


class Pace:
    """
    The moments at which pictures are due; ``speed`` is 1 for their own clock, more to catch up slowly.

    It holds two numbers, whatever the stream does.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._first = 0.0  # media time, in seconds, of the picture that was shown at _began
        self._began = -float("inf")

    def wait(self, seconds: float, now: float) -> float:
        """How long a picture of that media time has to wait, both in seconds; 0 for one that is due or late."""
        due = self._began + (seconds - self._first) / self._speed
        if not now - LATE <= due <= now + AHEAD or seconds < self._first:
            self._first, self._began = seconds, now
            return 0.0
        return max(0.0, due - now)
