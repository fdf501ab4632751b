"""Where each object goes next: as far as its motion of late shows that it goes on at all."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from tracker.presenting.params import DEFAULTS, PresentingParams

LENGTH = 12  # frames of motion that are kept of an object: 0.4 s of a camera

Way = npt.NDArray[np.float64]  # (2,): pixels a frame


class Course:
    """One object's motion of late, of at most LENGTH frames."""

    def __init__(self, params: PresentingParams = DEFAULTS) -> None:
        self.params = params
        self._ways: deque[Way] = deque(maxlen=LENGTH)

    def add(self, way: Way) -> None:
        """How it moved from the last frame to this one, in pixels of the small picture."""
        self._ways.append(way)

    @property
    def last(self) -> Way:
        """How it moved last."""
        return self._ways[-1] if self._ways else np.zeros(2)

    @property
    def goes_on(self) -> float:
        """
        The factor of the last motion that the next one is expected to be: 1 as before, 0 not at all, below 0 back.

        An autoregression of first order over what is kept, the newest frames counting most; 1 as long as little is
        known.
        """
        ways = np.array(self._ways)
        if len(ways) < 3:
            return 1.0
        weights = self.params.memory ** np.arange(len(ways) - 2, -1, -1)
        both = float(weights @ (ways[1:] * ways[:-1]).sum(1)) + self.params.steady
        square = float(weights @ np.square(ways[:-1]).sum(1)) + self.params.steady
        return float(np.clip(both / square, self.params.most_turned, self.params.most_grown))
