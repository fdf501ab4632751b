"""Whether a frame shows another scene than the one before it."""

from __future__ import annotations

import cv2
import numpy as np

from tracker.presenting.motion import Grey, brightness
from tracker.presenting.params import DEFAULTS, PresentingParams
from tracker.presenting.steps import Step

COARSE = (32, 24)  # pixels across and down of what is compared: things that move hardly change it
SEARCHED = (80, 60)  # the same where a part of the picture is searched in another one
CORNERS = ((20, 15), (0, 15), (40, 15), (20, 0), (20, 30))  # left and top of such parts, each half as wide and high


class Cuts:
    """
    Tells a cut from movement and from light.

    At a cut nothing moves from the one picture to the other, they are not alike, and no part of the one is in the
    other. Correlation knows nothing of brightness and contrast: lights that go out or come on are no cut. A picture
    without contrast says nothing: what comes after it is compared with what was before.
    """

    def __init__(self, params: PresentingParams = DEFAULTS) -> None:
        self.params = params
        self._seen: Grey | None = None  # the newest picture that said something
        self._blind = False  # whether one that said nothing came after it: nothing is known of motion since

    def cut(self, now: Grey, step: Step | None) -> bool:
        """Take the next small picture and the motion to it, None where there is no frame before; whether it is one."""
        blind, self._blind = self._blind, brightness(now)[1] < self.params.blind
        if self._blind:
            return False
        before, self._seen = self._seen, now
        if before is None or step is None:
            return False
        if not blind and float(step.trusted.mean()) >= self.params.cut_trusted:
            return False
        if _alike(_little(before, COARSE), _little(now, COARSE)) >= self.params.cut_alike:
            return False
        return self._found_again(_little(before, SEARCHED), _little(now, SEARCHED)) < self.params.cut_panned

    def _found_again(self, before: Grey, now: Grey) -> float:
        width, height = SEARCHED[0] // 2, SEARCHED[1] // 2
        parts = [before[top : top + height, left : left + width] for left, top in CORNERS]
        found = [
            float(cv2.matchTemplate(now, part, cv2.TM_CCOEFF_NORMED).max())
            for part in parts
            if float(part.std()) >= self.params.blind
        ]
        return max(found, default=-1.0)


def _little(grey: Grey, size: tuple[int, int]) -> Grey:
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _alike(one: Grey, other: Grey) -> float:
    """Their correlation, -1 to 1."""
    a, b = (each.astype(np.float64) - each.mean() for each in (one, other))
    return float((a * b).sum() / max(1e-6, float(np.sqrt((a * a).sum() * (b * b).sum()))))
