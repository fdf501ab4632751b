"""streamer.sources.headers: the size of a picture, as its stream's headers have it, against what encoders write."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer import limits
from streamer.sources import headers
from streamer.sources.headers import PictureTooLarge, size_of


def encoded(name: str, width: int, height: int, form: str = "yuv420p", **options: str) -> bytes:
    """The first frame that an encoder makes of a picture of that size."""
    codec = av.CodecContext.create(name, "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, form
    codec.time_base, codec.framerate, codec.options = Fraction(1, 30), Fraction(30), options
    frame = av.VideoFrame(width, height, form)
    frame.pts = 0
    packets = [*codec.encode(frame), *codec.encode(None)]
    return bytes(packets[0])


@pytest.mark.parametrize(("width", "height"), [(64, 48), (320, 240), (1918, 16)])
def test_what_encoders_write_is_read(width: int, height: int) -> None:
    assert size_of(encoded("libvpx", width, height)) == (width, height)
    fast = {"preset": "ultrafast"}
    around = (-(-width // 16) * 16, -(-height // 16) * 16)  # in macroblocks: a decoder holds all of them
    assert size_of(encoded("libx264", width, height, **fast)) == around
    assert size_of(encoded("libx264", width, height, "yuv444p", **fast)) == around
    assert size_of(encoded("libx264", width, height, "yuv420p", x264opts="cqm=jvt:bframes=0")) == around
    fields = size_of(encoded("libx264", width, height, **fast, x264opts="interlaced=1"))
    assert fields == (around[0], -(-height // 32) * 32)


def test_a_frame_that_begins_nothing_has_no_size() -> None:
    for data in (b"", b"\x00\x00\x01\x41\x9a", b"\xb1\x45\xd1\x9d\x01\x2a\x80\x3e\x80\x3e", b"\x00\x00\x00\x01\x67"):
        assert size_of(data) is None


@pytest.mark.parametrize("tag", ["b045d1", "000001"])
def test_the_camera_of_the_attack_is_seen_through(tag: str) -> None:
    """A keyframe of VP8 that says 16000×16000; also one that is not shown, and begins like H.264."""
    size = size_of(bytes.fromhex(f"{tag}9d012a803e803e0bc7"))
    assert size == (16000, 16000)
    with pytest.raises(PictureTooLarge, match="16000×16000 pixels is over the limit of 33177600 pixels"):
        headers.check(*size)


@pytest.mark.parametrize(("size", "fits"), [((7680, 4320), True), ((7681, 4320), False), ((16385, 2), False)])
def test_the_limit_is_of_pixels_and_of_each_side(size: tuple[int, int], fits: bool) -> None:
    assert limits.MAX_FRAME_PIXELS == 7680 * 4320
    if fits:
        headers.check(*size)
    else:
        limit = "16384 pixels a side" if 2 in size else "33177600 pixels"
        with pytest.raises(PictureTooLarge, match=f"of {size[0]}×{size[1]} pixels is over the limit of {limit}\\.$"):
            headers.check(*size)


@pytest.mark.parametrize(
    ("form", "fits"),
    [("yuv420p", True), ("rgb24", True), ("yuv420p10le", True), ("yuv444p10le", False), ("rgba64le", False)],
)
def test_and_of_bytes_where_the_form_is_known(form: str, fits: bool) -> None:
    """Ten bits in the largest picture are what HDR cameras send."""
    decoded = av.VideoFormat(form, 7680, 4320)
    if fits:
        headers.check(7680, 4320, decoded)
    else:
        with pytest.raises(PictureTooLarge, match=f"bytes as {form}, over the limit of 99532800\\.$"):
            headers.check(7680, 4320, decoded)
    headers.check(3840, 2160, decoded)


@given(
    st.binary(max_size=80), st.sampled_from([b"\x00\x00\x01\x67", b"\x00\x00\x00\x01\x27", b"\x10\x00\x00\x9d\x01\x2a"])
)
@settings(max_examples=200, deadline=None)
def test_anything_behind_a_header_is_read_to_an_end(data: bytes, head: bytes) -> None:
    size = size_of(head + data)
    assert size is None or len(size) == 2
