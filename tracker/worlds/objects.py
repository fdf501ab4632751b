"""What is true of one object on one frame: its mask, its names, and what is asked about it in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracker.model.vocabulary import ANYTHING, PLACES, SIZES, words
from tracker.types import Box

Binary = npt.NDArray[np.bool_]  # (height, width)

# An object with less than this to be seen is no longer asked for: neither finding nor missing it is an error.
MIN_VISIBLE_AREA = 0.0004  # of the picture; a star 3 % as wide as a picture of 4 to 3 has 0.0005
MIN_VISIBLE_SHARE = 0.2  # of the object

# "big" and "small" by the square root of the share of the picture, "left" and "top" by the middle of the box: yes, no,
# and between them doubt.
_BIG, _NOT_BIG = 0.25, 0.19
_SMALL, _NOT_SMALL = 0.085, 0.125
_SIDE = 0.07  # from the middle


@dataclass(frozen=True, slots=True)
class WorldObject:
    """
    One object on one frame. ``mask`` is what can be seen of it; ``visible`` is that share of the whole object.

    ``color`` is empty for a thing, ``shape`` is its name or empty for a shape that has none; ``more`` are patterns,
    categories and a thing's colour; about ``doubtful`` words people would not agree.
    """

    id: int
    color: str
    shape: str
    mask: Binary
    visible: float
    more: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in full, such as "red circle"."""
        return f"{self.color} {self.shape or 'thing'}".strip()

    @property
    def countable(self) -> bool:
        """Whether enough of it can be seen to ask for it."""
        return bool(self.visible >= MIN_VISIBLE_SHARE and self.mask.sum() >= MIN_VISIBLE_AREA * self.mask.size)

    def matches(self, text: str) -> bool:
        """Whether ``text``, in nano's words, names this object."""
        return self.answers(text) is True

    def answers(self, text: str) -> bool | None:
        """Whether ``text`` names this object; None where people would not agree, such as "big" of a middling one."""
        found = [self._answers(word) for word in words(text)]
        return False if False in found else None if None in found else bool(found)

    def _answers(self, word: str) -> bool | None:
        if word in SIZES:
            size = math.sqrt(self.mask.mean())
            yes, no = (size > _BIG, size < _NOT_BIG) if word == "big" else (size < _SMALL, size > _NOT_SMALL)
            return True if yes else False if no else None
        if word in PLACES:
            return self._lies(word)
        if word == "shape":
            return bool(self.color)
        return None if word in self.doubtful else word in (self.color, self.shape, *self.more, *ANYTHING)

    def _lies(self, word: str) -> bool | None:
        axis = 0 if word in ("left", "right") else 1
        there = np.flatnonzero(self.mask.any(axis))
        if not len(there):
            return False
        middle = (there[0] + there[-1] + 1) / 2 / self.mask.shape[1 - axis] - 0.5
        beyond = -middle if word in ("left", "top") else middle
        return True if beyond > _SIDE else False if beyond < -_SIDE else None


def iou(one: Binary, other: Binary) -> float:
    """Intersection over union of two masks of one size; 0 if both are empty."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def box_around(mask: Binary) -> Box:
    """The smallest box around a mask that is not empty, pixels."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
