"""What of an object is hidden on the present frame: there the picture is not what it was on the look's."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tracker.presenting.motion import Grey
from tracker.presenting.params import DEFAULTS, PresentingParams
from tracker.presenting.placing import Part
from tracker.presenting.similarity import Poses
from tracker.presenting.snapshot import Logits
from tracker.presenting.template import Light

BLOCK = np.ones((3, 3), np.uint8)  # what is hidden in fewer pixels is noise; around it they are half hidden

Hidden = npt.NDArray[np.uint8]


def hidden(
    part: Part,
    grey: Grey,
    pose: Poses,
    now: npt.NDArray[np.float32],
    light: Light,
    params: PresentingParams = DEFAULTS,
) -> Hidden | None:
    """
    What of an object is hidden, 0 or 1 over its look's small picture; None if too little is left, or in pieces.

    ``part``: the object on that picture, ``grey``; ``pose`` (2, 3): from its pixels to those of the present one,
    ``now`` (H, W); ``light``: what became of its brightness.
    """
    high, wide = part.logits.shape
    inside = np.asarray(part.logits > 0, np.uint8)
    back = pose @ np.array([[1, 0, part.left], [0, 1, part.top], [0, 0, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    there = cv2.warpAffine(now, back, (wide, high), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    then = grey[part.top : part.top + high, part.left : part.left + wide].astype(np.float32)
    off = np.abs(there - light.mean - light.gain * (then - light.mean) - light.offset)
    covered = np.asarray(cv2.blur(off, (3, 3)) > light.tolerance, np.uint8) & inside
    covered = np.asarray(cv2.dilate(cv2.morphologyEx(covered, cv2.MORPH_OPEN, BLOCK), BLOCK), np.uint8)
    left = inside & (1 - covered)
    whole, count = int(inside.sum()), int(left.sum())
    made = np.zeros(grey.shape, np.uint8)
    if whole - count <= params.hidden * whole:
        return made
    if count < params.least_seen * whole or _largest(left) < params.torn * count:
        return None
    made[part.top : part.top + high, part.left : part.left + wide] = covered
    return made


def without(logits: Logits, covered: Hidden) -> Logits:
    """Framed logits, negative where that is hidden."""
    side = logits.shape[0] - 2
    share = cv2.resize(covered * 255, (side, side), interpolation=cv2.INTER_AREA)
    cut = cv2.copyMakeBorder(share, 1, 1, 1, 1, cv2.BORDER_REPLICATE) > 127
    return np.where(cut, -np.abs(logits) - 1, logits).astype(np.float32)


def _largest(mask: Hidden) -> int:
    """The pixels of its largest piece."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))
