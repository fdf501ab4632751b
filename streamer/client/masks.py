"""Masks and boxes as answers bring them. Pixels everywhere, x to the right, y down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
import numpy.typing as npt
import rlemasklib

MAX_SIDE = 2**20  # how far outside of a picture a point of a polygon may lie
MAX_PIXELS = 100_000_000  # of a mask, decoded a byte each: twice the largest picture that a server takes
Polygon = Sequence[tuple[float, float]]  # (x, y), at least three


class Box(NamedTuple):
    """A box by its left, top, right and bottom edge in pixels; right and bottom exclusive."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Mask:
    """
    A binary mask of ``height`` × ``width`` pixels, kept as it came and decoded when asked.

    ``data`` holds COCO's compressed run lengths (``counts``; column-major, zeros first), or outer contours. It is not
    the tracker's class of the same name, as importing that imports torch. ``data`` is None where a reader asked for no
    masks: then what needs them raises ValueError.
    """

    height: int
    width: int
    data: bytes | tuple[Polygon, ...] | None
    even_odd: bool = False  # polygons are filled all at once by that rule, which leaves holes out

    @classmethod
    def read(cls, masks: Any, size: tuple[int, int] | None = None, *, even_odd: bool = False) -> Mask:
        """
        Read ``masks`` of an answer: an object with ``size`` and ``counts``, a list of polygons, or None.

        Polygons do not say how large the picture is: they need ``size``, its (height, width). Raises ValueError,
        KeyError or TypeError for anything else. Whether run lengths fill their size is seen when they are decoded,
        which then raises ValueError.
        """
        if isinstance(masks, dict):
            (height, width), counts = masks["size"], masks["counts"]
            if not isinstance(height, int) or not isinstance(width, int) or not isinstance(counts, str | bytes):
                raise TypeError("run lengths need two whole numbers as their size, and a text of counts")
            if height < 0 or width < 0 or height * width > MAX_PIXELS:
                raise ValueError(f"a mask of {height}×{width} pixels")
            return cls(height, width, counts if isinstance(counts, bytes) else counts.encode("ascii"))
        if size is None:
            raise ValueError("polygons in an answer that does not say the picture's size")
        if masks is None:
            return cls(*size, None)
        polygons = tuple([(float(x), float(y)) for x, y in polygon] for polygon in masks)
        if not all(
            polygon and all(abs(x) < MAX_SIDE and abs(y) < MAX_SIDE for x, y in polygon) for polygon in polygons
        ):
            raise ValueError("a polygon without points, or with one that is far outside of any picture")
        return cls(*size, polygons, even_odd)

    def dense(self) -> npt.NDArray[np.bool_]:
        """The mask as bool (height, width), made anew at each call."""
        if isinstance(self.data, bytes):
            return cast(npt.NDArray[np.bool_], rlemasklib.decode(self._coco()).view(np.bool_))
        canvas = np.zeros((self.height, self.width), np.uint8)
        if self.even_odd:
            cv2.fillPoly(canvas, [np.rint(polygon).astype(np.int32) for polygon in self._outlines()], 1)
            return canvas.view(np.bool_)
        for polygon in self._outlines():  # one by one: where two overlap, fillPoly of both would leave a hole
            cv2.fillPoly(canvas, [np.rint(polygon).astype(np.int32)], 1)
        return canvas.view(np.bool_)

    def polygons(self) -> list[Polygon]:
        """The outer contours, largest first, each of at least three (x, y) pixels; with the inner ones if they came."""
        if not isinstance(self.data, bytes):
            return list(self._outlines())
        contours, _ = cv2.findContours(self.dense().view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        large = sorted((contour for contour in contours if len(contour) >= 3), key=cv2.contourArea, reverse=True)
        return [[(float(x), float(y)) for x, y in contour[:, 0]] for contour in large]

    @property
    def area(self) -> int:
        """The number of pixels of the object."""
        return int(rlemasklib.area(self._coco()) if isinstance(self.data, bytes) else self.dense().sum())

    def _outlines(self) -> tuple[Polygon, ...]:
        if self.data is None:
            raise ValueError("This mask was not sent: the session's options ask for results without masks.")
        return cast("tuple[Polygon, ...]", self.data)

    def _coco(self) -> dict[str, Any]:
        return {"size": [self.height, self.width], "counts": self.data}
