"""
Masks moved along with the picture, without a pass of the encoder.

Dense optical flow between two frames on a small grey picture says where each place came from, and mask logits are read
from there. It costs a millisecond, knows nothing of objects, and decays: over two frames of moving worlds masks keep
0.82 IoU where standing still would leave 0.69, over eight 0.66 and 0.37. Where every frame between was seen, what was
composed of their motions is better than that between the two ends (``tracker.presenting``), and is used instead.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model.compute import uploaded
from tracker.presenting.motion import Field, Grey, Motion, dense, grid, small


class Flow:
    """The motion from each looked-at frame to the next."""

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._now: Grey | None = None
        self._places: Field | None = None

    def look(self, image: npt.NDArray[np.uint8], motion: Motion | None = None, grey: Grey | None = None) -> None:
        """
        Take the next frame, (height, width, 3) RGB, and how it moved since the last one, if that is known.

        Otherwise its motion is found when it is asked for. ``grey``: the frame as ``small`` makes it, if that was done.
        """
        self._before, self._now = self._now, small(image) if grey is None else grey
        self._places = None if motion is None else motion.places

    def clear(self) -> None:
        """Forget every frame: what comes next is another scene."""
        self._before = self._now = self._places = None

    @property
    def known(self) -> bool:
        """Whether there are two frames of one size to compare."""
        return self._before is not None and self._now is not None and self._before.shape == self._now.shape

    @property
    def grey(self) -> Grey | None:
        """The present frame, small and grey, for :func:`between`."""
        return self._now

    def warp(self, logits: Tensor, outside: float) -> Tensor:
        """Move (N, S, S) logits of the frame before to the present one; what comes in from outside is ``outside``."""
        if not self.known or not len(logits):
            return logits
        assert self._before is not None
        assert self._now is not None
        if self._places is None:
            self._places = between(self._before, self._now)
        return moved(logits, self._places, outside)


def between(before: Grey, now: Grey) -> Field:
    """Where each place of ``now`` was on ``before``, (height, width, 2), as shares of the picture."""
    height, width = now.shape
    return np.asarray(grid(height, width) + dense(before, now) / (width, height), np.float32)


def moved(logits: Tensor, places: Field, outside: float) -> Tensor:
    """Move (N, S, S) logits along, to where they were at ``places``; what comes in from outside is ``outside``."""
    side = logits.shape[-1]
    came = cv2.resize(places - grid(*places.shape[:2]), (side, side), interpolation=cv2.INTER_AREA) + grid(side, side)
    at = uploaded(torch.from_numpy((came * 2 - 1).astype(np.float32)), logits.device)[None]
    values = (logits - outside)[None]  # one field for all: N as channels
    cubic = F.grid_sample(values, at, mode="bicubic", align_corners=False)
    # Read linearly, masks that are moved at every look become ever smaller; cubic, they swing beyond what was there.
    around = torch.cat([-F.max_pool2d(-values, 3, 1, 1), F.max_pool2d(values, 3, 1, 1)])
    least, most = F.grid_sample(around, at.expand(2, -1, -1, -1), mode="nearest", align_corners=False)
    return torch.minimum(torch.maximum(cubic[0], least), most) + outside
