"""
Whether a mask is one thing: the thing that was clicked, and not its neighbours with it.

An IoU hides this: a mask of three cups may still have a high one with the cup in the middle. Each limit below is a
share, so that it means the same for small and large things.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

Binary = npt.NDArray[np.bool_]

LEAK = 0.25  # share of a neighbour: a border drawn badly takes less, a neighbour taken along is all of it
EXCESS = 1.6  # times the thing's area: twice is a second thing of its size; half of it more may be a wide border
PIECE = 0.98  # share of the mask in its largest piece: what drawn masks also keep; the rest is specks too small to see

NOTHING, NEIGHBOUR, TOO_LARGE, IN_PIECES = "nothing", "a neighbour too", "too large", "in pieces"
FAULTS = (NOTHING, NEIGHBOUR, TOO_LARGE, IN_PIECES)


def fault(answer: Binary, truth: Binary, others: Iterable[Binary]) -> str | None:
    """
    Why an answer is not one thing, the first of FAULTS that is true; None if it is one thing.

    ``answer``, ``truth`` and ``others``, all other masks of the picture, are (height, width) arrays. What lies within
    the truth is never a fault, so that a thing may hold parts that have masks of their own.
    """
    area = int(answer.sum())
    if not area:
        return NOTHING
    outside = answer & ~truth
    if any((outside & other).sum() >= LEAK * other.sum() for other in others):
        return NEIGHBOUR
    if area > EXCESS * truth.sum():
        return TOO_LARGE
    _, _, stats, _ = cv2.connectedComponentsWithStats(answer.astype(np.uint8))
    return IN_PIECES if stats[1:, cv2.CC_STAT_AREA].max() < PIECE * area else None
