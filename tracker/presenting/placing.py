"""Masks of one frame: logits of a look drawn where its objects are now, no pixel twice for one prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tracker.presenting.similarity import Poses, after, inverse
from tracker.presenting.snapshot import Logits, Shown
from tracker.types import Box, Mask, Stage, Track

OUTSIDE = -32.0  # logit of what was not in the picture

Extent = npt.NDArray[np.float64]  # left, top, right, bottom


@dataclass(slots=True, eq=False)
class Part:
    """An object on the present frame: ``logits`` (h, w) of its pixels from (``left``, ``top``) on."""

    shown: Shown
    left: int
    top: int
    logits: Logits


def framed(logits: Logits) -> Logits:
    """(S, S) logits with one cell more on each side, so that what touches the picture's edge still does."""
    return np.asarray(cv2.copyMakeBorder(logits, 1, 1, 1, 1, cv2.BORDER_REPLICATE), np.float32)


def extent(logits: Logits) -> Extent | None:
    """The shares left, top, right, bottom that hold all of a mask, and half a cell more; None if it is empty."""
    left, top, width, height = cv2.boundingRect((logits > 0).view(np.uint8))
    if not width:
        return None
    side = logits.shape[0]
    return np.asarray(np.array((left - 1.0, top - 1.0, left + width + 1.0, top + height + 1.0)) / side, np.float64)


def scaled(size: tuple[int, ...], other: tuple[int, ...]) -> Poses:
    """From pixels of a picture of ``size`` (height, width) to those of the same picture at another size."""
    (height, width), (high, wide) = size, other
    x, y = wide / width, high / height
    return np.array([[x, 0.0, 0.5 * x - 0.5], [0.0, y, 0.5 * y - 0.5]])


def drawn(
    objects: Sequence[tuple[Shown, Logits, Extent]],
    poses: Poses,
    sizes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
) -> list[Part | None]:
    """
    Objects drawn on a frame, None for each of which nothing is in it.

    Each with its framed logits, all of one side, and their extent. ``poses`` (M, 2, 3): from pixels of the look's small
    picture to pixels of the present one; ``sizes`` (height, width): of these two, and of the frame.
    """
    if not objects:
        return []
    then, now, size = sizes
    side = objects[0][1].shape[0] - 2
    forth = after(scaled(now, size), after(poses, scaled((1, 1), then)))  # from shares, less a half
    back = after(scaled(then, (side, side)), after(inverse(poses), scaled(size, now))) + np.array(
        [[0, 0, 1], [0, 0, 1]]
    )
    return [_drawn(*each, there, here, size) for each, there, here in zip(objects, forth, back, strict=True)]


def _drawn(
    shown: Shown, logits: Logits, where: Extent, forth: Poses, back: Poses, size: tuple[int, ...]
) -> Part | None:
    corners = np.array([(where[x] - 0.5, where[y] - 0.5, 1.0) for x in (0, 2) for y in (1, 3)]) @ forth.T
    (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
    left, top = max(math.floor(left), 0), max(math.floor(top), 0)
    right, bottom = min(math.ceil(right) + 1, size[1]), min(math.ceil(bottom) + 1, size[0])
    if left >= right or top >= bottom:
        return None
    back = back.copy()
    back[:, 2] += back[:, 0] * left + back[:, 1] * top
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = (right - left, bottom - top)
    part = cv2.warpAffine(logits, back, crop, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE)
    return Part(shown, left, top, np.asarray(part, np.float32))


def settle(parts: Sequence[Part]) -> None:
    """Give each pixel that two objects of one prompt claim to the one that is surer; the older one if both are."""
    boxes = np.array([(p.left, p.top, p.left + p.logits.shape[1], p.top + p.logits.shape[0]) for p in parts])
    for later in range(1, len(parts)):
        mine = parts[later]
        low = np.maximum(boxes[:later, :2], boxes[later, :2])
        high = np.minimum(boxes[:later, 2:], boxes[later, 2:])
        for earlier in np.flatnonzero((low < high).all(1)).tolist():
            other = parts[earlier]
            if mine.shown.key is None or other.shown.key != mine.shown.key:
                continue
            (left, top), (right, bottom) = low[earlier].tolist(), high[earlier].tolist()
            one, two = (
                each.logits[top - each.top : bottom - each.top, left - each.left : right - each.left]
                for each in (other, mine)
            )
            both = (one > 0) & (two > 0)
            lost = both & (two > one)
            one[lost] = -one[lost]
            two[both & ~lost] *= -1


def tracks(parts: Sequence[Part], size: tuple[int, int]) -> tuple[Track, ...]:
    """The masks of a frame of ``size`` (height, width); an object of which nothing is left is not among them."""
    made = []
    height, width = size
    for each in parts:
        inside = each.logits > 0
        left, top, wide, high = cv2.boundingRect(inside.view(np.uint8))
        if not wide:
            continue
        mask = Mask.from_part(inside, each.top, each.left, height, width)
        x, y, shown = each.left + left, each.top + top, each.shown
        box = Box(x, y, x + wide, y + high)
        made.append(Track(shown.id, shown.key, shown.score, box, mask, shown.age, Stage.FLOW, shown.tentative))
    return tuple(made)
