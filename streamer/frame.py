"""One decoded picture on its way from a source to the model."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt

from streamer.interlaced import progressive
from streamer.pixels import on_white
from streamer.upright import turn_of, turned

Picture = npt.NDArray[np.uint8]

# Pixels up to which a picture's RGB stays with its frame, for the next who asks. A larger one is twice what the decoder
# gave, 100 MB of the largest: it is converted again, unless somebody still uses it.
RGB_KEPT = 3840 * 2160

# Formats whose first plane is the brightness, a byte a pixel.
_BRIGHT_FIRST = frozenset(
    ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray", "gray8")
)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """
    Frames of a source that were left out, all told.

    ``late`` ones were never decoded, because decoding was behind: they have no index. ``corrupt`` ones were damaged on
    their way: they have one.
    """

    late: int = 0
    corrupt: int = 0


NONE_LEFT_OUT = LeftOut()


@dataclass(slots=True)
class Frame:
    """
    A decoded frame and where it stands in its stream.

    ``index`` counts decoded frames from 0, dropped ones included, and goes on over reconnects; ``epoch`` rises when
    ``pts`` starts again. ``pts`` (in ``time_base`` seconds) and ``rtp_timestamp`` (uint32) are the stream's own, copied
    and never invented, so either can be None; a single time that leaps away is no time. ``arrived`` is
    ``time.monotonic()`` when decoding ended, ``received`` when its packet came, None where that is the same. ``lost``
    are the frames of its source that were left out so far, for reasons of their own.
    ``picture`` is what the decoder gave, deinterlaced when it is used, or a uint8 array (height, width, 3) in RGB.
    """

    index: int
    epoch: int
    pts: int | None
    time_base: Fraction
    rtp_timestamp: int | None
    arrived: float
    picture: av.VideoFrame | Picture
    received: float | None = None
    lost: LeftOut = NONE_LEFT_OUT
    _rgb: Picture | None = field(default=None, repr=False, compare=False)
    _used: weakref.ref[Picture] | None = field(default=None, repr=False, compare=False)  # by others, if it is large
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
            rgb = self._rgb if self._used is None else self._used()
            if rgb is None:
                self._of_one_moment()
                rgb = _upright(self.picture) if isinstance(self.picture, av.VideoFrame) else self.picture
                if self.width * self.height > RGB_KEPT:
                    self._used = weakref.ref(rgb)
                else:
                    self._rgb = rgb
            return rgb

    def luma(self) -> Picture:
        """
        The upright picture's brightness as uint8 (height, width); read only.

        What the decoder gave, without converting colours where it is there already: 16 to 235 in most video.
        """
        with self._once:
            self._of_one_moment()
        if isinstance(self.picture, av.VideoFrame) and self.picture.format.name in _BRIGHT_FIRST:
            plane = self.picture.planes[0]
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            return turned(rows[: self.picture.height, : self.picture.width], turn_of(self.picture))
        return np.asarray(cv2.cvtColor(self.rgb(), cv2.COLOR_RGB2GRAY), np.uint8)

    def _of_one_moment(self) -> None:
        """What an interlaced camera sent is kept deinterlaced from its first use on."""
        if isinstance(self.picture, av.VideoFrame):
            self.picture = progressive(self.picture)

    @property
    def _sideways(self) -> bool:
        return isinstance(self.picture, av.VideoFrame) and turn_of(self.picture)[0]


def _upright(picture: av.VideoFrame) -> Picture:
    """Convert to RGB, and turn and mirror as the display matrix says."""
    if picture.format.has_palette or any(each.is_alpha for each in picture.format.components):
        return turned(on_white(cast(Picture, picture.to_ndarray(format="rgba"))), turn_of(picture))
    return turned(cast(Picture, picture.to_ndarray(format="rgb24")), turn_of(picture))
