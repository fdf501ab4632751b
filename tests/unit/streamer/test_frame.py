"""One decoded picture."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from streamer.frame import Frame, Picture


def make(picture: av.VideoFrame | Picture) -> Frame:
    return Frame(0, 0, None, Fraction(1, 90_000), None, 0.0, picture)


def test_a_decoded_picture_becomes_rgb_when_first_asked_for() -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 255
    frame = make(av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format="yuv420p"))
    rgb = frame.rgb()
    assert rgb.shape == (48, 64, 3)
    assert rgb.dtype == np.uint8
    assert np.abs(rgb.astype(int) - red).max() < 8
    assert frame.rgb() is rgb


def test_an_array_is_taken_as_it_is() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    frame = make(picture)
    assert frame.rgb() is picture
    assert (frame.width, frame.height) == (64, 48)


@pytest.mark.parametrize("degrees", [0, 90, -90, 180, 270])
def test_a_picture_recorded_on_its_side_is_turned_upright(degrees: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's rotation is counter-clockwise: a phone held upright writes -90."""
    lying = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    picture = SimpleNamespace(rotation=degrees, width=6, height=4, to_ndarray=lambda **_: lying)
    monkeypatch.setattr(av, "VideoFrame", SimpleNamespace)
    frame = make(picture)  # type: ignore[arg-type]
    assert (frame.height, frame.width) == frame.rgb().shape[:2]
    assert np.array_equal(frame.rgb(), np.rot90(lying, degrees // 90))
