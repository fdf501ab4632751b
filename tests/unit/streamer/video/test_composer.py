"""streamer.video.composer: the picture that is drawn and encoded once for all who watch."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

from streamer.video import composer, overlay
from tests.support.results import frame, result, track
from tracker import Prompt


def picture(packet: av.Packet[Any]) -> np.ndarray[Any, Any]:
    decoder: Any = av.CodecContext.create("libvpx", "r")
    return np.asarray(decoder.decode(packet)[0].to_ndarray(format="rgb24"))


async def test_masks_lie_on_later_frames_and_the_picture_says_how_much_older_they_are() -> None:
    masks = result(0, (track(3, 0),), (Prompt("cup"),))
    later = frame(7, arrived=0.25)
    assert composer.label(later, masks) == "looked at 250 ms before (keyframe)"
    assert composer.label(later, result(0, error="broke")) == "looked at 250 ms before (failed)"
    composer_ = composer.Composer()
    shown = picture((await composer_.make(later, masks, {"vp8": True}))["vp8"].packet)
    composer_.close()
    seen, color = shown[20:24, 14:26].mean((0, 1)), np.array(overlay.color_of(3))  # its label has the colour too
    assert np.abs(seen / seen.max() - color / color.max()).max() < 0.15
    assert seen.max() > 80
    assert shown[:4].mean() < 30  # and where nothing is, the picture


async def test_masks_of_a_stream_that_has_started_anew_since_are_not_shown() -> None:
    masks = result(0, (track(3, 0),), (Prompt("cup"),))
    anew = frame(1)
    anew.epoch = 1
    composer_ = composer.Composer()
    shown = picture((await composer_.make(anew, masks, {"vp8": True}))["vp8"].packet)
    composer_.close()
    assert shown[:22].mean() < 30  # above the words


async def test_a_picture_without_masks_says_so() -> None:
    composer_ = composer.Composer()
    shown = picture((await composer_.make(frame(0), None, {"vp8": True}))["vp8"].packet)
    composer_.close()
    assert shown.max() > 150  # the words


def test_masks_fit_a_frame_of_their_clock_and_their_size() -> None:
    masks, other = result(0, (track(3, 0),), (Prompt("cup"),)), frame(1)
    height, width = masks.frame.height, masks.frame.width
    assert composer.fits(masks, other, height, width)
    assert not composer.fits(masks, other, height // 2, width // 2)
    other.epoch = 1
    assert not composer.fits(masks, other, height, width)
