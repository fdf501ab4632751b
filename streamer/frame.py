"""One decoded picture on its way from a source to the model."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Frame:
    """
    A decoded frame and where it stands in its stream.

    ``index`` counts decoded frames from 0, dropped ones included, and goes on over reconnects; ``epoch`` rises when
    ``pts`` starts again. ``pts`` (in ``time_base`` seconds) and ``rtp_timestamp`` (uint32) are the stream's own, copied
    and never invented, so either can be None. ``arrived`` is ``time.monotonic()`` when decoding ended.
    ``picture`` is what the decoder gave, or a uint8 array (height, width, 3) in RGB.
    """

    index: int
    epoch: int
    pts: int | None
    time_base: Fraction
    rtp_timestamp: int | None
    arrived: float
    picture: av.VideoFrame | Picture
    _rgb: Picture | None = field(default=None, repr=False, compare=False)
    _once: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def width(self) -> int:
        """Pixels across, as :meth:`rgb` will have them."""
        if isinstance(self.picture, av.VideoFrame):
            return self.picture.height if self._sideways else self.picture.width
        return int(self.picture.shape[1])

    @property
    def height(self) -> int:
        """Pixels down, as :meth:`rgb` will have them."""
        if isinstance(self.picture, av.VideoFrame):
            return self.picture.width if self._sideways else self.picture.height
        return int(self.picture.shape[0])

    def rgb(self) -> Picture:
        """The upright picture as uint8 (height, width, 3) in RGB, converted when first asked for; read only."""
        with self._once:  # two threads would share FFmpeg's converter of the picture, which is for one
            if self._rgb is None:
                self._rgb = _upright(self.picture) if isinstance(self.picture, av.VideoFrame) else self.picture
            return self._rgb

    @property
    def _sideways(self) -> bool:
        return isinstance(self.picture, av.VideoFrame) and self.picture.rotation % 180 != 0


def _upright(picture: av.VideoFrame) -> Picture:
    """Convert to RGB and turn the way the display matrix says: phones record portrait video lying on its side."""
    rgb = cast(Picture, picture.to_ndarray(format="rgb24"))
    turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
