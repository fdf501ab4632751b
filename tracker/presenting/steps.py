"""Motion from each frame to the next, forth and back, and where both agree."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tracker.presenting.motion import Field, Grey, Motion, grid, read
from tracker.presenting.params import DEFAULTS, PresentingParams

CELLS = 128  # of the longer side of the maps that leave this package
COARSER = 2  # times smaller than the small picture is what motion is found on: the same motion for two thirds of it
LEAST = 24  # pixels a side of that: OpenCV reads beyond the end of smaller ones
FINEST = 1  # halvings of it at which the search ends
STRIDE = 5  # pixels from patch to patch of 8: 4 costs twice as much and is a thousandth better


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """
    Two frames that follow each other, their small pictures of one size (H, W).

    ``forth`` (h, w, 2): the way of each place of ``before``, x and y in pixels of these pictures; ``trusted``: whether
    motion back from there agrees with it. Both are on coarser grids. ``motion``: that motion back, for others.
    """

    before: int
    now: int
    grey: Grey  # of ``now``
    forth: Field
    trusted: npt.NDArray[np.bool_]
    motion: Motion

    def way(self, places: Field) -> tuple[Field, Field]:
        """Of (2, N) pixels of ``before``: their way, (2, N), and (N,) 0 or 1 whether that is trusted."""
        way = read(self.forth, rescaled(places, self.grey.shape, self.forth.shape))
        cell = rescaled(places, self.grey.shape, self.trusted.shape)
        return way, read(self.trusted.view(np.uint8), cell, nearest=True)


class Stepper:
    """Finds the motion to each next frame. It begins with the last one, so that fast motion that goes on is found."""

    def __init__(self, params: PresentingParams = DEFAULTS) -> None:
        self.params = params
        self._flow = _searcher()
        self._last: tuple[Field, Field] | None = None

    def step(self, before: Grey, now: Grey, first: int, then: int) -> Step:
        """The motion from one small picture to the next, of the same size; ``first`` and ``then`` are their indices."""
        height, width = now.shape
        coarse = (max(width // COARSER, LEAST), max(height // COARSER, LEAST))
        one, other = (
            np.asarray(cv2.resize(each, coarse, interpolation=cv2.INTER_AREA), np.uint8) for each in (before, now)
        )
        if self._last is not None and self._last[0].shape[:2] != one.shape:
            self.forget()
        forth, back = self._last or (None, None)
        forth, back = self._found(one, other, forth), self._found(other, one, back)
        self._last = forth, back
        middles = grid(*cells(height, width))
        to, fro = (_read_at(each, middles) for each in (forth, back))
        places = np.asarray(middles + fro / np.array(coarse, np.float32), np.float32)
        motion = Motion(first, then, places, self._agree(fro, forth, width))
        scale = np.array((width / coarse[0], height / coarse[1]), np.float32)
        return Step(first, then, now, forth * scale, self._agree(to, back, width), motion)

    def forget(self) -> None:
        """What comes next is another scene, or of another size: OpenCV's object keeps buffers, and would crash."""
        self._flow, self._last = _searcher(), None

    def _found(self, one: Grey, other: Grey, guess: Field | None) -> Field:
        start = None if guess is None else guess.copy()  # it is written upon
        return np.asarray(self._flow.calc(one, other, start), np.float32)  # type: ignore[arg-type]

    def _agree(self, there: Field, here: Field, wide: int) -> npt.NDArray[np.bool_]:
        """Whether motion ``there``, on the coarsest grid, is undone by motion ``here``, of pictures ``wide`` across."""
        height, width = here.shape[:2]
        at = grid(*there.shape[:2]) * np.array((width, height), np.float32) - np.float32(0.5) + there
        x, y = at[..., 0], at[..., 1]
        again = there + cv2.remap(here, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        astray, long = (cv2.magnitude(each[..., 0], each[..., 1]) for each in (again, there))
        inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
        return np.asarray(
            (astray <= self.params.astray * width / wide + self.params.astray_share * long) & inside, np.bool_
        )


def _searcher() -> cv2.DISOpticalFlow:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    flow.setFinestScale(FINEST)
    flow.setPatchStride(STRIDE)
    return flow


def _read_at(field: Field, middles: Field) -> Field:
    height, width = field.shape[:2]
    x, y = middles[..., 0] * width - np.float32(0.5), middles[..., 1] * height - np.float32(0.5)
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def cells(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the map of a picture."""
    scale = CELLS / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def rescaled(places: Field, shape: tuple[int, ...], other: tuple[int, ...]) -> Field:
    """Pixels (2, N) of a picture of one shape (height, width, ...) as pixels of the same picture at another one."""
    factor = np.array([[other[1] / shape[1]], [other[0] / shape[0]]], np.float32)
    return (places + np.float32(0.5)) * factor - np.float32(0.5)
