"""The colours that each colour word stands for, dark, pale and strong ones, and which colours can be told apart."""

from __future__ import annotations

import colorsys
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Range = tuple[float, float]
Shade = tuple[
    Range, Range, Range
]  # hue in OpenCV's degrees/2 (below 0: from the other end), saturation, value: 0 to 255

# Each word's ranges. Between two words lies a margin of hues that people name differently; brown, olive and beige,
# which are dark or pale orange and yellow, lie outside of all.
SHADES: dict[str, tuple[Shade, ...]] = {
    "red": (((-4, 4), (165, 255), (125, 255)), ((-2, 3), (200, 255), (160, 255))),
    "orange": (((9.5, 17), (165, 255), (210, 255)),),
    "yellow": (((25.5, 32), (120, 255), (195, 255)),),
    "green": (((46, 76), (110, 255), (85, 235)), ((48, 70), (75, 170), (140, 240)), ((54, 66), (180, 255), (110, 255))),
    "cyan": (((86, 97), (150, 255), (160, 255)), ((86, 96), (85, 150), (200, 255))),
    "blue": (((106, 121), (150, 255), (120, 255)), ((106, 118), (105, 170), (150, 255))),
    "purple": (((132, 144), (100, 255), (105, 235)), ((144, 148), (110, 255), (105, 175))),
    "pink": (((158, 170), (95, 225), (205, 255)), ((164, 177), (60, 115), (225, 255))),
}
NEAR = 20.0  # CIELAB units: colours nearer than this are hard to tell apart where an edge is soft or small
_CROWDED = 0.12  # of the ground may be that near to an object's colour
_CELLS, _STEP = 120, 5  # places along the shorter side of a ground; every so many of them are compared with colours


def shade(rng: np.random.Generator, word: str) -> npt.NDArray[np.float64]:
    """One of the colours (3,) RGB, 0 to 255, that a word stands for."""
    ranges = SHADES[word][rng.integers(len(SHADES[word]))]
    return from_hsv(*(float(rng.uniform(*each)) for each in ranges))


def from_hsv(hue: float, saturation: float, value: float) -> npt.NDArray[np.float64]:
    """Hue in degrees/2, saturation and value 0 to 255, as RGB."""
    return 255 * np.array(colorsys.hsv_to_rgb(hue % 180 / 180, saturation / 255, value / 255))


def lab(colors: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Colours (…, 3) RGB, 0 to 255, in CIELAB."""
    row = (np.asarray(colors, np.float32) / 255).reshape(1, -1, 3)
    return np.asarray(cv2.cvtColor(row, cv2.COLOR_RGB2LAB).reshape(colors.shape), np.float32)


class Ground:
    """What lies behind objects, by its colours: whether an object of some colour is seen on it."""

    def __init__(self, picture: npt.NDArray[np.uint8]) -> None:
        scale = _CELLS / min(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self._lab = lab(np.ascontiguousarray(small[::_STEP, ::_STEP]).reshape(-1, 3))

    def alike(self, color: npt.NDArray[Any]) -> float:
        """The share of the ground that is too near to a colour (3,), RGB, to see it there."""
        return float((np.linalg.norm(self._lab - lab(np.clip(color, 0, 255)), axis=1) < NEAR).mean())

    def hides(self, color: npt.NDArray[Any]) -> bool:
        """Whether an object of that colour could not be told from much of the ground."""
        return self.alike(color) > _CROWDED
