"""From where each place of a frame came: dense motion between two frames, and along many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

WIDTH = 320  # pixels of the grey picture: over two frames 256 loses a hundredth of IoU, 448 gains one and costs thrice
HEIGHTS = (48, 960)  # pixels, whatever its shape: OpenCV 5 reads beyond the end of lower ones, and crashes
MOST = 30_000  # places that OpenCV reads at once: below its bound of 32767
SOFT = 1.2  # sigma of its blur: noise looks like motion

Grey = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """
    Where the places of frame ``now`` were on frame ``before``.

    ``places`` (H, W, 2): x and y as shares of the picture, at the middles of an even grid of cells over frame ``now``;
    outside of 0 to 1: it came in from outside. ``trusted`` (H, W): whether that can be believed.
    """

    before: int
    now: int
    places: Field
    trusted: npt.NDArray[np.bool_]


def dense(before: Grey, now: Grey) -> Field:
    """
    From where each place of ``now`` came: (height, width, 2) pixels of these two small pictures of one size.

    DIS flow (Kroeger et al. 2016), 2 to 3 ms.
    """
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    return np.asarray(dis.calc(now, before, None), np.float32)  # type: ignore[call-overload]


@lru_cache(maxsize=32)  # sizes: a few are in use at a time
def grid(height: int, width: int) -> Field:
    """The middles of an even grid of cells over a picture: (height, width, 2) x and y as shares of it."""
    across, down = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    middles = np.stack(np.meshgrid(across, down), -1).astype(np.float32)
    middles.flags.writeable = False
    return middles


def shrunk(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture, (height, width) or (height, width, 3), as small as motion is looked for in it."""
    height, width = picture.shape[:2]
    size = (WIDTH, int(np.clip(round(height * WIDTH / width), *HEIGHTS)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def small(picture: npt.NDArray[np.uint8]) -> Grey:
    """A picture made small and soft: (height, width) of brightness, or (height, width, 3) RGB; small ones stay so."""
    little = shrunk(picture)
    grey = little if little.ndim == 2 else cv2.cvtColor(little, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), SOFT), np.uint8)


def read(
    values: npt.NDArray[np.uint8] | npt.NDArray[np.float32], places: Field, *, nearest: bool = False
) -> npt.NDArray[np.float32]:
    """Read (H, W) or (H, W, C) values at (2, N) pixels x and y, those outside as at the border: (N,) or (C, N)."""
    way = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    x, y = places
    parts = [
        cv2.remap(values, x[None, at : at + MOST], y[None, at : at + MOST], way, borderMode=cv2.BORDER_REPLICATE)[0]
        for at in range(0, max(len(x), 1), MOST)
    ]
    found = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return np.asarray(found, np.float32).T


def brightness(picture: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> tuple[float, float]:
    """The mean of a grey picture, and its standard deviation."""
    mean, deviation = cv2.meanStdDev(picture)
    return float(mean[0, 0]), float(deviation[0, 0])
