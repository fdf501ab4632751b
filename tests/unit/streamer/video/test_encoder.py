"""Video for people who watch: keyframes come in time, and a large picture gets the bits it needs."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from streamer.timeline import CLOCK
from streamer.video import encoder as module
from streamer.video.encoder import Codec, Coded, Encoder
from tests.support.camera import number_of, numbered

STEP = CLOCK // 30


CODECS: tuple[Codec, ...] = ("vp8", "h264")


def decoded(coded: list[Coded], codec: Codec = "vp8") -> list[av.VideoFrame]:
    decoder: Any = av.CodecContext.create("libvpx" if codec == "vp8" else codec, "r")
    decoder.thread_count = 1
    return [picture for each in coded for picture in decoder.decode(each.packet)]


def noise(width: int, height: int, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("codec", CODECS)
def test_the_first_picture_is_a_keyframe_and_then_one_every_two_seconds(codec: Codec) -> None:
    encoder = Encoder(codec)
    keys = [n for n in range(130) if encoder.encode(numbered(n, 64, 48), n * STEP).keyframe]
    assert keys == [0, 60, 120]


@pytest.mark.parametrize("rate", [5, 15, 60])
def test_keyframes_come_by_time_whatever_the_frame_rate(rate: int) -> None:
    encoder = Encoder()
    ticks = [n * CLOCK // rate for n in range(5 * rate)]
    keys = [tick for tick in ticks if encoder.encode(numbered(0, 64, 48), tick).keyframe]
    assert keys == [0, 2 * CLOCK, 4 * CLOCK]


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_is_made_when_asked_for_but_not_for_every_one_who_asks(codec: Codec) -> None:
    encoder = Encoder(codec)
    keys = [n for n in range(40) if encoder.encode(numbered(n, 64, 48), n * STEP, keyframe=n >= 5).keyframe]
    assert keys == [0, 8, 16, 24, 32]


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_decoded_is_what_was_encoded(codec: Codec) -> None:
    encoder = Encoder(codec)
    pictures = decoded([encoder.encode(numbered(n), n * STEP + 10**12) for n in range(8)], codec)
    assert [number_of(np.asarray(each.to_ndarray(format="rgb24"), np.uint8)) for each in pictures] == list(range(8))


def test_another_size_begins_with_a_keyframe_and_goes_on() -> None:
    encoder = Encoder()
    sizes = [(64, 48)] * 3 + [(99, 31)] * 3 + [(1, 1)] + [(64, 48)]
    coded = [encoder.encode(numbered(5, *size) if size[0] > 12 else noise(*size, 0), n) for n, size in enumerate(sizes)]
    assert [each.keyframe for each in coded] == [True, False, False, True, False, False, True, True]
    assert [(each.width, each.height) for each in decoded(coded)] == sizes


def test_pictures_longer_than_the_limit_are_scaled_down() -> None:
    assert module.fitting(3840, 2160) == (1920, 1080)
    assert module.fitting(1080, 3840) == (540, 1920)
    assert module.fitting(1920, 1080) == (1920, 1080)
    assert module.fitting(5000, 1) == (1920, 1)
    (picture,) = decoded([Encoder().encode(np.zeros((20, 3000, 3), np.uint8), 0)])
    assert (picture.width, picture.height) == module.fitting(3000, 20)


def test_h264_keeps_within_its_level_and_is_even() -> None:
    """Level 3.1 has 3,600 macroblocks a picture: H.264, table A-1."""
    sizes = {(1920, 1080): (1280, 720), (1080, 1920): (720, 1280), (1440, 1080): (960, 720), (99, 31): (100, 32)}
    assert {size: module.fitting(*size, "h264") for size in sizes} == sizes
    encoder = Encoder("h264")
    pictures = [encoder.encode(noise(*size, 0), n) for n, size in enumerate([(1, 1), (99, 31), (1920, 1080)])]
    assert all(each.keyframe for each in pictures)
    assert [(each.width, each.height) for each in decoded(pictures, "h264")] == [(2, 2), (100, 32), (1280, 720)]


def test_every_h264_keyframe_is_one_to_begin_with_and_of_the_profile_that_was_agreed_to() -> None:
    """Sequence parameters of constrained baseline: profile 66 with constraint_set1 (H.264, 7.4.2.1.1)."""
    encoder = Encoder("h264")
    for tick in (0, 2 * CLOCK, 4 * CLOCK):
        data = bytes(encoder.encode(numbered(0), tick).packet)
        profile, constraints, level = data[data.index(b"\x00\x00\x01\x67") + 4 :][:3]
        assert (profile, constraints & 0x40, level) == (66, 0x40, 31)
        assert b"\x00\x00\x01\x65" in data  # IDR


def test_the_rate_follows_the_size_within_bounds() -> None:
    assert module.bitrate(64, 48) == module.SLOWEST
    assert 1_000_000 < module.bitrate(640, 480) < 1_500_000 < 3_000_000 < module.bitrate(1280, 720)
    assert module.bitrate(1920, 1080) == module.FASTEST


def test_pictures_full_of_detail_get_the_bits_that_are_allowed_and_not_many_more() -> None:
    """More than the 1.5 Mb/s that aiortc's own VP8 encoder stops at."""
    encoder, seconds = Encoder(), 2
    still = noise(640, 360, 0)
    shapes = [np.roll(still, 8 * n, axis=1) for n in range(8)]
    sent = sum(encoder.encode(shapes[n % 8], n * STEP).packet.size for n in range(30 * seconds))
    assert 0.5 * module.bitrate(640, 360) < sent * 8 / seconds < 2 * module.bitrate(640, 360)
