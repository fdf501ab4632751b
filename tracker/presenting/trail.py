"""Where the places of a looked-at frame have gone since, whatever will turn out to have been there."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tracker.presenting.motion import Field, Grey, Motion, grid, read
from tracker.presenting.similarity import Places
from tracker.presenting.steps import Step, cells


class Trail:
    """
    One frame, followed to the present one by any number of steps.

    Its places are followed forth, each on its own way, so that nothing smears as the steps become many; ``motion`` is
    the way back. ``grey`` is its small picture.
    """

    def __init__(self, index: int, grey: Grey) -> None:
        self.index = self.now = index
        self.grey = grey
        height, width = grey.shape
        rows, columns = cells(height, width)
        self._size = np.array((width, height), np.float32)  # of the present small picture
        self._at = grid(rows, columns) * self._size - np.float32(0.5)  # its pixels
        self._trusted = np.ones((rows, columns), np.float32)
        self._came = grid(rows, columns)  # shares: where the present one's places were
        self._sure = np.ones((rows, columns), np.bool_)

    def step(self, step: Step) -> None:
        """One more frame."""
        way, trusted = step.way(self._at.reshape(-1, 2).T)
        self._at = np.asarray(self._at + way.T.reshape(self._at.shape), np.float32)
        self._trusted = self._trusted * trusted.reshape(self._trusted.shape)
        places = step.motion.places
        self._came, self._sure = _along(self._came, places), step.motion.trusted & _at(self._sure, places)
        self.now = step.now

    def resize(self, now: Grey) -> None:
        """The present picture has another size from now on."""
        self._at = (self._at + np.float32(0.5)) * (np.array(now.shape[::-1], np.float32) / self._size) - np.float32(0.5)
        self._size = np.array(now.shape[::-1], np.float32)

    @property
    def motion(self) -> Motion:
        """From each place of the present frame back to this one."""
        return Motion(self.index, self.now, self._came, self._sure)

    def followed(self, places: Places) -> tuple[Places, Places]:
        """Where (2, N) pixels of its picture are now, and (N,) 0 or 1 whether that is trusted."""
        rows, columns = self._trusted.shape
        share = (places + np.float32(0.5)) / np.array(self.grey.shape[::-1], np.float32)[:, None]
        cell = share * np.array([[columns], [rows]], np.float32) - np.float32(0.5)
        way = self._at - (grid(rows, columns) * self._size - np.float32(0.5))
        now = share * self._size[:, None] - np.float32(0.5) + read(way, cell)
        return np.asarray(now, np.float32), read(self._trusted, cell, nearest=True)


def _along(came: Field, places: Field) -> Field:
    """One more step back: read where things were, ``came``, at ``places``."""
    height, width = came.shape[:2]
    x, y = places[..., 0] * width - 0.5, places[..., 1] * height - 0.5
    way = cv2.remap(came - grid(height, width), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(places + way, np.float32)


def _at(sure: npt.NDArray[np.bool_], places: Field) -> npt.NDArray[np.bool_]:
    height, width = sure.shape
    x, y = places[..., 0] * width - 0.5, places[..., 1] * height - 0.5
    return cv2.remap(sure.view(np.uint8), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT).astype(np.bool_)
