"""One decoded picture."""

from __future__ import annotations

import weakref
from fractions import Fraction

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


@pytest.mark.parametrize("form", ["rgba", "yuva420p", "ya8"])
def test_a_picture_with_transparency_is_composed_on_white(form: str) -> None:
    rgba = np.full((48, 64, 4), (90, 90, 90, 255), np.uint8)
    rgba[:, 32:, 3] = 0
    rgb = make(av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=form)).rgb()
    assert np.abs(rgb[:, :30].astype(int) - 90).max() < 5
    assert rgb[:, 34:].min() > 250


def test_the_rgb_of_a_large_picture_stays_only_while_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = av.VideoFrame(64, 48, "yuv420p")
    for limit, stays in ((64 * 48, True), (64 * 48 - 1, False)):
        monkeypatch.setattr("streamer.frame.RGB_KEPT", limit)
        frame = make(picture)
        rgb = frame.rgb()
        assert frame.rgb() is rgb
        used = weakref.ref(rgb)
        del rgb
        assert (used() is not None) == stays
        assert frame.rgb().shape == (48, 64, 3)  # for who asks next


def test_an_array_is_taken_as_it_is() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    frame = make(picture)
    assert frame.rgb() is picture
    assert (frame.width, frame.height) == (64, 48)


@pytest.mark.parametrize("form", ["yuv420p", "yuvj422p", "nv12", "gray", "yuv420p10le", "rgb24"])
def test_brightness_is_what_the_decoder_gave_or_made_of_rgb(form: str) -> None:
    """Rows of a width that is no multiple of what the decoder aligns them to."""
    rgb = np.zeros((50, 70, 3), np.uint8)
    rgb[:25], rgb[25:, 35:] = 255, 90
    luma = make(av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=form)).luma()
    assert luma.shape == (50, 70)
    assert luma.dtype == np.uint8
    assert luma[:24].min() > luma[26:, 36:].max() > luma[26:, :34].max()
    assert min(int(luma[:24].min()), 235) == 235
    assert int(luma[26:, :34].max()) <= 16
