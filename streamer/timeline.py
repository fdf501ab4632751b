"""One clock for the frames of a stream, over reconnects and missing timestamps."""

from __future__ import annotations

from streamer.frame import Frame

CLOCK = 90_000  # ticks a second of every video payload
LEAST_STEP = 1  # tick, from a picture to the next


class Timeline:
    """
    The stream's own clock, as far as it runs forward.

    Where its timestamps start again (an epoch), step back or are missing, the frames' arrival continues it. Frames of a
    recording or of a network that stalls arrive in bursts, so arrival alone says nothing of how long things moved.
    """

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None  # tick and arrival
        self._epoch = -1
        self._offset = 0

    def tick(self, frame: Frame) -> int:
        """The tick of the next frame; always more than the last one's."""
        own = None if frame.pts is None else round(frame.pts * frame.time_base * CLOCK)
        if self._last is None:
            tick = round(frame.arrived * CLOCK) if own is None else own
        elif own is not None and frame.epoch == self._epoch and own + self._offset > self._last[0]:
            tick = own + self._offset
        else:
            last, arrived = self._last
            tick = last + max(LEAST_STEP, round((frame.arrived - arrived) * CLOCK))
            if own is not None:
                self._offset = tick - own
        self._last, self._epoch = (tick, frame.arrived), frame.epoch
        return tick
