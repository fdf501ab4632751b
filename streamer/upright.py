"""Decoded pictures the way up that they are to be shown, by the display matrix that their stream or file gives them."""

from __future__ import annotations

from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type

Pixels = npt.NDArray[np.uint8]
Turn = tuple[bool, bool, bool]  # transposed, then mirrored left to right, then mirrored top to bottom


def _unknown(cls: type[Type], value: object) -> Type:
    """A kind of side data that has no name."""
    member: Any = object.__new__(cls)
    member._name_, member._value_ = f"UNKNOWN_{value}", value
    return cast(Type, member)


# PyAV 18 lists a picture's side data by an enumeration that lacks the newest kinds: one of them (EXIF's), and the list
# cannot be had at all. An enumeration asks this method about a value that it does not know.
Type._missing_ = classmethod(_unknown)  # type: ignore[assignment, method-assign]

AS_IT_IS: Turn = (False, False, False)


def turn_of(picture: av.VideoFrame) -> Turn:
    """
    Which of the eight orientations a picture is to be shown in.

    FFmpeg's display matrix (libavutil/display.h), from QuickTime's: (x, y) of the stored picture is shown at
    (a·x + c·y, b·x + d·y). Phones turn with it, front cameras mirror. What is between two orientations is the nearer.
    """
    data: Any = cast(Any, picture.side_data).get(Type.DISPLAYMATRIX)
    if data is None:
        return AS_IT_IS
    a, b, _, c, d, _, _, _, _ = np.frombuffer(data, np.int32).astype(np.float64)
    if a * d == b * c:  # it would show a line, or nothing
        return AS_IT_IS
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, bool(a < 0), bool(d < 0)
    return True, bool(c < 0), bool(b < 0)


def turned(pixels: Pixels, turn: Turn) -> Pixels:
    """Pixels (height, width, …) as they are to be shown."""
    if turn == AS_IT_IS:
        return pixels
    transposed, mirrored, flipped = turn
    shown = pixels.swapaxes(0, 1) if transposed else pixels
    return np.ascontiguousarray(shown[:: -1 if flipped else 1, :: -1 if mirrored else 1])
