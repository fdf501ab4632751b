"""Masks and boxes as the losses want them: on the network's grid, relative to the picture."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tracker.training.recipe import MODEL
from tracker.worlds.objects import Binary, box_around

MASK_SIDE = MODEL.grid * 4  # side of the logits the network gives, pixels

RelativeBox = tuple[float, float, float, float]  # cx, cy, w, h; 0 to 1


def shrink(mask: Binary) -> npt.NDArray[np.float32]:
    """The share of each cell of a MASK_SIDE grid that the mask covers."""
    small = cv2.resize(mask.astype(np.uint8) * 255, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small / 255, np.float32)


def box_of(mask: Binary) -> RelativeBox:
    """Box around a mask that is not empty: cx, cy, w, h relative to the picture."""
    around, (height, width) = box_around(mask), mask.shape
    x0, x1, y0, y1 = around.x0 / width, around.x1 / width, around.y0 / height, around.y1 / height
    return (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0


def shaken(rng: np.random.Generator, box: RelativeBox, amount: float) -> RelativeBox:
    """The box as somebody draws it in a hurry: off by up to ``amount`` of its sides."""
    cx, cy, w, h = box
    dx, dy, dw, dh = rng.uniform(-amount, amount, 4)
    return cx + dx * w, cy + dy * h, w * (1 + dw), h * (1 + dh)
