"""
Masks moved along with the picture, without a pass of the encoder.

Dense optical flow between two frames on a small grey picture (DIS, Kroeger et al. 2016) says where each place came
from, and mask logits are read from there. It costs a millisecond, knows nothing of objects, and decays: over two frames
of moving worlds masks keep 0.82 IoU where standing still would leave 0.69, over eight 0.66 and 0.37.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

WIDTH = 320  # pixels of the grey picture: over two frames 256 loses a hundredth of IoU, 448 gains one and costs thrice
HEIGHTS = (48, 960)  # pixels, whatever its shape: OpenCV 5 reads beyond the end of lower ones, and crashes
SOFT = 1.2  # sigma of its blur: noise looks like motion

Grey = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]


class Flow:
    """The motion from each looked-at frame to the next."""

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._now: Grey | None = None
        self._field: Field | None = None

    def look(self, image: npt.NDArray[np.uint8]) -> None:
        """Take the next frame, (height, width, 3) RGB. Its motion is found when it is asked for."""
        self._before, self._now, self._field = self._now, _small(image), None

    def clear(self) -> None:
        """Forget every frame: what comes next is another scene."""
        self._before = self._now = self._field = None

    @property
    def known(self) -> bool:
        """Whether there are two frames of one size to compare."""
        return self._before is not None and self._now is not None and self._before.shape == self._now.shape

    @property
    def grey(self) -> Grey | None:
        """The present frame, small and grey, for :func:`motion`."""
        return self._now

    def warp(self, logits: Tensor, outside: float) -> Tensor:
        """Move (N, S, S) logits of the frame before to the present one; what comes in from outside is ``outside``."""
        if not self.known or not len(logits):
            return logits
        assert self._before is not None
        assert self._now is not None
        if self._field is None:
            self._field = motion(self._before, self._now)
        return moved(logits, self._field, outside)


def motion(before: Grey, now: Grey) -> Field:
    """From where each place of ``now`` came: (height, width, 2) pixels of these two small pictures of one size."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    return np.asarray(dis.calc(now, before, None), np.float32)  # type: ignore[call-overload]


def moved(logits: Tensor, field: Field, outside: float) -> Tensor:
    """Move (N, S, S) logits along; what comes in from outside is ``outside``."""
    height, width = field.shape[:2]
    side = logits.shape[-1]
    came = cv2.resize(field, (side, side), interpolation=cv2.INTER_AREA) / (width, height)
    place = (np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1) + 0.5) / side
    grid = torch.from_numpy(((place + came) * 2 - 1).astype(np.float32)).to(logits.device)[None]
    return (
        F.grid_sample(logits[None] - outside, grid, align_corners=False)[0] + outside
    )  # one field for all: N as channels


def _small(image: npt.NDArray[np.uint8]) -> Grey:
    height, width = image.shape[:2]
    size = (WIDTH, int(np.clip(round(height * WIDTH / width), *HEIGHTS)))
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), SOFT), np.uint8)
