"""Marks on a ground that are nothing: lines, scribbles, letters, grey polygons, blurred patches."""

from __future__ import annotations

import string

import cv2
import numpy as np
import numpy.typing as npt

from tracker.worlds.looks import Picture, dull
from tracker.worlds.palette import from_hsv

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
_LETTERS = tuple(
    letter for letter in string.ascii_letters + string.digits if letter not in "oO0xX"
)  # no ring, no cross


def mark(rng: np.random.Generator, picture: Picture) -> None:
    """A few marks of one or two kinds, drawn into the picture."""
    for kind in rng.choice(len(_KINDS), int(rng.integers(1, 3))).tolist():
        for _ in range(int(rng.integers(1, 8))):
            _KINDS[kind](rng, picture)


def _color(rng: np.random.Generator) -> list[float]:
    """Any colour; more often a dull one. Thin marks may be strong in colour: what is solid and strong is an object."""
    strong = rng.random() < 0.4
    color = from_hsv(rng.uniform(0, 180), rng.uniform(60, 255), rng.uniform(40, 255)) if strong else dull(rng)
    return [float(each) for each in color]


def _place(rng: np.random.Generator, picture: Picture, number: int) -> npt.NDArray[np.int32]:
    height, width = picture.shape[:2]
    return np.asarray(rng.integers(0, (width, height), (number, 2)), np.int32)


def _thickness(rng: np.random.Generator, picture: Picture) -> int:
    return int(rng.integers(1, max(2, min(picture.shape[:2]) // 60) + 1))


def _line(rng: np.random.Generator, picture: Picture) -> None:
    start, end = _place(rng, picture, 2).tolist()
    cv2.line(picture, start, end, _color(rng), _thickness(rng, picture), cv2.LINE_AA)


def _scribble(rng: np.random.Generator, picture: Picture) -> None:
    """A walk that wanders about, as a pen does."""
    unit = min(picture.shape[:2])
    steps = np.cumsum(rng.normal(0, unit * 0.015, (int(rng.integers(8, 40)), 2)), 0)
    walk = np.cumsum(steps, 0) * 0.3 + _place(rng, picture, 1)
    cv2.polylines(picture, [walk.astype(np.int32)], False, _color(rng), _thickness(rng, picture), cv2.LINE_AA)


def _text(rng: np.random.Generator, picture: Picture) -> None:
    letters = "".join(rng.choice(_LETTERS, int(rng.integers(2, 14))))
    size, font = rng.uniform(0.25, 1.3) * min(picture.shape[:2]) / 300, _FONTS[rng.integers(len(_FONTS))]
    place = (_place(rng, picture, 1)[0] - (int(20 * size), 0)).tolist()
    cv2.putText(picture, letters, place, font, size, _color(rng), _thickness(rng, picture), cv2.LINE_AA)


def _polygon(rng: np.random.Generator, picture: Picture) -> None:
    """Of no name and no colour."""
    cv2.fillPoly(picture, [_corners(rng, picture)], dull(rng).tolist(), cv2.LINE_AA)


def _frame(rng: np.random.Generator, picture: Picture) -> None:
    """The outline of a polygon with nothing in it."""
    cv2.polylines(picture, [_corners(rng, picture)], True, _color(rng), _thickness(rng, picture), cv2.LINE_AA)


def _corners(rng: np.random.Generator, picture: Picture) -> npt.NDArray[np.int32]:
    """Five to eight corners at uneven angles and distances: neither a triangle nor a square."""
    number = int(rng.integers(5, 9))
    angles = (np.arange(number) + rng.uniform(-0.3, 0.3, number)) * (2 * np.pi / number)
    reach = min(picture.shape[:2]) * rng.uniform(0.03, 0.15) * rng.uniform(0.45, 1, number)
    around = np.stack([np.cos(angles) * reach * rng.uniform(0.5, 1), np.sin(angles) * reach], 1)
    return np.asarray(around + _place(rng, picture, 1), np.int32)


def _blur(rng: np.random.Generator, picture: Picture) -> None:
    """A soft patch of another colour, without an edge."""
    height, width = picture.shape[:2]
    reach = int(rng.uniform(0.06, 0.25) * min(height, width))
    x, y = _place(rng, picture, 1)[0].tolist()
    left, right, top, bottom = max(0, x - reach), min(width, x + reach), max(0, y - reach), min(height, y + reach)
    across = (np.arange(left, right, dtype=np.float32) - x) / reach
    down = (np.arange(top, bottom, dtype=np.float32) - y) / reach
    share = np.clip(1 - across**2 - (down**2)[:, None], 0, 1) ** 2 * np.float32(rng.uniform(0.2, 0.6))
    part = picture[top:bottom, left:right]
    part[:] = part + (np.array(_color(rng), np.float32) - part) * share[..., None]


_KINDS = (_line, _scribble, _text, _polygon, _frame, _blur)
