"""What the picture itself says: a cut, and how much of it is new."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tracker.stream.geometry import Share
from tracker.stream.params import DEFAULTS, TrackingParams

SAMPLES = 32  # points a side of the grid on which two frames are compared


class View:
    """Tells a cut from movement, and what is new since the last keyframe, by a coarse grid of samples: 50 µs."""

    def __init__(self, params: TrackingParams = DEFAULTS) -> None:
        self.params = params
        self._now: npt.NDArray[np.float32] | None = None
        self._then: npt.NDArray[np.float32] | None = None  # on the last keyframe
        self._there: Sequence[Share] = ()  # what was followed then
        self._usual = 0.0

    def cut(self, image: npt.NDArray[np.uint8]) -> bool:
        """Take a (height, width, 3) frame; whether it shows another scene than the one before."""
        rows = np.linspace(0, image.shape[0] - 1, SAMPLES).astype(np.intp)
        columns = np.linspace(0, image.shape[1] - 1, SAMPLES).astype(np.intp)
        before, self._now = self._now, image[rows[:, None], columns].astype(np.float32)
        if before is None:
            return False
        change = float(np.abs(self._now - before).mean())
        cut = change > self.params.cut and change > self.params.cut_ratio * self._usual
        rate = self.params.usual_rate
        self._usual = change if self._usual == 0 else (1 - rate) * self._usual + rate * min(change, self.params.cut)
        return cut

    def keyframe(self, boxes: Sequence[Share]) -> None:
        """The frame at hand was looked through: ``boxes`` are all that is there."""
        self._then, self._there = self._now, boxes

    def found(self, boxes: Sequence[Share]) -> None:
        """Something more was found since: ``boxes`` are all that is there. What counts as new stays as it is."""
        self._there = boxes

    @property
    def changed(self) -> bool:
        """Whether anything has changed since the last keyframe, the movement of what is followed included."""
        news = self._news()
        return news is not None and float(news.mean()) > self.params.changed

    def uncovered(self, boxes: Sequence[Share]) -> bool:
        """Whether much of the picture, outside of what is and was followed, has changed since the last keyframe."""
        news = self._news()
        if news is None:
            return False
        margin = self.params.news_margin
        for x0, y0, x1, y1 in (*boxes, *self._there):
            wide, high = margin * (x1 - x0) + 1 / SAMPLES, margin * (y1 - y0) + 1 / SAMPLES
            left, right, top, bottom = (
                int(min(max(edge, 0.0), 1.0) * SAMPLES + 0.5) for edge in (x0 - wide, x1 + wide, y0 - high, y1 + high)
            )
            news[top:bottom, left:right] = False
        return float(news.mean()) > self.params.uncovered

    def _news(self) -> npt.NDArray[np.bool_] | None:
        """Which samples are not what they were on the last keyframe; None before there was one."""
        if self._now is None or self._then is None:
            return None
        change = self._now - self._then
        change -= np.median(change, (0, 1))  # light that came or went is no news
        return np.asarray(np.abs(change).mean(-1) > self.params.news)
