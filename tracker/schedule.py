"""What is done with a frame: a keyframe (concepts are detected) or a refinement (objects are followed), and why."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tracker.types import Stage

CONFIRM_RUN = 3  # keyframes in succession that new objects may ask for before the interval decides again
DOUBT_GAP = 5  # looked-at frames at least between keyframes that objects in doubt ask for
SAMPLES = 32  # points a side of the grid on which two frames are compared
CUT = 45.0  # mean difference of two frames, of 255, that is a cut and not movement
CUT_RATIO = 4.0  # and it is that many times the usual difference


class Schedule:
    """Decides for one stream. ``interval``: looked-at frames from one keyframe to the next."""

    def __init__(self, interval: int) -> None:
        self.interval = max(1, interval)
        self._since = 0  # looked-at frames since the last keyframe
        self._run = 0  # keyframes in succession asked for by new objects
        self._reason: str | None = "start"

    def demand(self, reason: str) -> None:
        """Make the next frame a keyframe; the first reason is the one that is told."""
        self._reason = self._reason or reason

    def next(self, *, detectable: bool, tentative: bool = False, doubt: bool = False) -> tuple[Stage, str]:
        """
        Stage and reason of the frame at hand.

        ``detectable``: some prompt can be detected. ``tentative``: new objects wait to be confirmed.
        ``doubt``: an object was just lost or is followed badly.
        """
        self._since += 1
        reason, self._reason = self._keyframe_reason(tentative, doubt), None
        if reason is None or not detectable:
            return Stage.REFINE, reason or "interval"
        self._run = self._run + 1 if reason == "confirm" else 0
        self._since = 0
        return Stage.KEYFRAME, reason

    def _keyframe_reason(self, tentative: bool, doubt: bool) -> str | None:
        if self._reason:
            return self._reason
        if tentative and self._run < CONFIRM_RUN:
            return "confirm"
        if self._since >= self.interval:
            return "interval"
        return "confidence" if doubt and self._since >= DOUBT_GAP else None


class SceneCut:
    """Tells a cut from movement by a coarse grid of samples: about 30 µs a frame."""

    def __init__(self) -> None:
        self._before: npt.NDArray[np.float32] | None = None
        self._usual = 0.0

    def seen(self, image: npt.NDArray[np.uint8]) -> bool:
        """Whether this (height, width, 3) frame shows another scene than the one before."""
        rows = np.linspace(0, image.shape[0] - 1, SAMPLES).astype(np.intp)
        columns = np.linspace(0, image.shape[1] - 1, SAMPLES).astype(np.intp)
        now = image[rows[:, None], columns].astype(np.float32)
        before, self._before = self._before, now
        if before is None:
            return False
        change = float(np.abs(now - before).mean())
        cut = change > CUT and change > CUT_RATIO * self._usual
        self._usual = change if self._usual == 0 else 0.9 * self._usual + 0.1 * min(change, CUT)
        return cut
