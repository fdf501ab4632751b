"""streamer.hosted.decode: limits before decoding, words for what is wrong, pictures upright."""

from __future__ import annotations

import base64
import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from streamer import limits
from streamer.errors import BadRequest, TooLarge
from streamer.hosted import decode
from streamer.hosted.decode import decode_base64, decode_picture, read_data
from tests.support.pictures import encoded, saved


def header_of_png(width: int, height: int) -> bytes:
    """A PNG that only promises its pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 1000) + b"IDAT"


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "data:image/jpeg;charset=x;base64,"])
@pytest.mark.parametrize("kind", ["base64", "BASE64", " Base64 "])
def test_base64_is_decoded_with_and_without_a_data_url_around_it(kind: str, prefix: str) -> None:
    picture = decode_picture(read_data(kind, prefix + base64.b64encode(encoded(color=(255, 0, 7))).decode()))
    assert picture.shape == (4, 8, 3)
    assert picture.dtype == np.uint8
    assert (picture == (255, 0, 7)).all()


def test_line_ends_and_missing_padding_do_no_harm() -> None:
    data = encoded()
    text = base64.encodebytes(data).decode().rstrip("=\n")
    assert decode_base64(text) == data


@pytest.mark.parametrize("form", decode.FORMATS)
def test_the_usual_formats_are_read(form: str) -> None:
    assert decode_picture(encoded(form)).shape == (4, 8, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_kind_of_pixel_becomes_rgb(mode: str) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"
    assert decode_picture(encoded(form, mode=mode)).shape == (4, 8, 3)


def test_sixteen_bits_of_grey_keep_their_brightness() -> None:
    grey = Image.fromarray(np.full((4, 8), 0x8000, np.uint16))
    for form in ("PNG", "TIFF"):
        assert (decode_picture(saved(grey, form)) == 0x80).all()


def test_transparency_is_composed_on_white_without_a_warning() -> None:
    """They are errors here: PIL has one where each colour of a palette has a transparency of its own."""
    picture = Image.new("P", (8, 4), 1)
    picture.putpalette([0, 0, 0, 200, 30, 30])
    for transparency, seen in (
        (1, (255, 255, 255)),
        (bytes([0, 255]), (200, 30, 30)),
        (bytes([0, 51]), (244, 210, 210)),
    ):
        assert (decode_picture(saved(picture, "PNG", transparency=transparency)) == seen).all()


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_of_an_animation_the_first_frame_is_read(form: str) -> None:
    first, second = (Image.new("RGB", (8, 4), color) for color in ("white", "black"))
    moving = saved(first, form, save_all=True, append_images=[second, second], duration=50)
    assert decode_picture(moving).min() > 240


def test_a_photograph_taken_sideways_is_turned_upright() -> None:
    """EXIF orientation 6: turn it right by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :20] = 255  # the left half of the stored picture is the top of the scene
    upright = decode_picture(saved(Image.fromarray(picture), "JPEG", exif=exif, quality=95))
    assert upright.shape == (40, 20, 3)
    assert upright[:18].mean() > 240
    assert upright[22:].mean() < 15


@pytest.mark.parametrize("form", ["PNG", "TIFF"])  # PIL turns a TIFF while it decodes, and only that
@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation_is_turned_as_pil_turns_it(orientation: int, form: str) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(picture, form, exif=exif)
    with Image.open(io.BytesIO(data)) as stored:
        assert np.array_equal(decode_picture(data), np.array(ImageOps.exif_transpose(stored)))


def exif_block(*entries: bytes) -> bytes:
    """EXIF as a camera of any quality writes it: a little-endian TIFF header and these entries."""
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


SIDEWAYS = struct.pack("<HHII", 0x0112, 3, 1, 6)


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (exif_block(SIDEWAYS), (8, 4, 3)),
        (exif_block(SIDEWAYS, struct.pack("<HHI4s", 0x0103, 2, 4, b"abc")), (8, 4, 3)),  # words where a number belongs
        (exif_block(SIDEWAYS, struct.pack("<HHII", 0x010F, 2, 400, 99_999)), (8, 4, 3)),  # a value outside of the file
        (exif_block(struct.pack("<HHI4s", 0x0112, 2, 4, b"top")), (4, 8, 3)),
        (b"Exif\0\0II*\0\x08\0\0\0\xff\xff", (4, 8, 3)),
        (b"Exif\0\0nonsense", (4, 8, 3)),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")  # it says what it skips
def test_odd_exif_does_no_harm(block: bytes, shape: tuple[int, ...]) -> None:
    data = encoded("JPEG")
    tagged = data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    assert decode_picture(tagged).shape == shape


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("base64", None, "is empty"),
        ("base64", "", "is empty"),
        ("base64", "   ", "is empty"),
        ("base64", "data:image/png;base64,", "is empty"),
        ("base64", "data:image/svg+xml;utf8,<svg/>", "not base64"),
        ("base64", "no base64!", "not base64"),
        ("base64", "äöü", "not base64"),
        ("base64", base64.b64encode(b"hello").decode(), "not a picture"),
        ("base64", base64.b64encode(encoded("PNG", (300, 300), color=7)[:-60]).decode(), "damaged"),
        ("base64", base64.b64encode(encoded("JPEG", (64, 64))[:-200]).decode(), "damaged"),
        ("numpy", "x", "numpy"),
        ("file", "/etc/passwd", "file"),
        ("carrier pigeon", "x", "not a type of picture"),
        ("", "x", "not a type of picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(kind: str, value: str | None, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        decode_picture(read_data(kind, value))


def test_a_picture_of_one_pixel_too_many_is_refused_before_it_is_decoded() -> None:
    """Only its header is there: decoding would fail with other words."""
    width = 20_000
    assert limits.MAX_PICTURE_PIXELS % width == 0
    with pytest.raises(TooLarge, match="too many pixels: 20000×2501"):
        decode_picture(header_of_png(width, limits.MAX_PICTURE_PIXELS // width + 1))
    with pytest.raises(BadRequest, match="damaged"):
        decode_picture(header_of_png(width, limits.MAX_PICTURE_PIXELS // width))


def test_a_picture_that_is_too_long_is_refused_however_thin_it_is() -> None:
    """Scaling a mask to a picture takes memory by its sides: 50 million pixels in one row took 11 GB."""
    for width, height in (
        (limits.MAX_PICTURE_SIDE + 1, 1),
        (1, limits.MAX_PICTURE_SIDE + 1),
        (limits.MAX_PICTURE_PIXELS, 1),
    ):
        with pytest.raises(TooLarge, match="too long"):
            decode_picture(header_of_png(width, height))
    assert decode_picture(encoded(size=(limits.MAX_PICTURE_SIDE, 1))).shape == (1, limits.MAX_PICTURE_SIDE, 3)


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_picture_of_absurdly_many_pixels_is_refused_the_same_way(side: int) -> None:
    """PIL itself warns at the first and raises at the second."""
    with pytest.raises(TooLarge, match="pixels"):
        decode_picture(header_of_png(side, side))


def test_data_too_long_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(TooLarge, match="20 MiB"):
        decode_base64("!" * (limits.MAX_PICTURE_BYTES * 3 // 2 + 1))
    with pytest.raises(TooLarge, match="20 MiB"):
        decode_base64("A" * (limits.MAX_PICTURE_BYTES * 4 // 3 + 8))


@given(st.binary(max_size=400), st.sampled_from(decode.FORMATS))
def test_any_bytes_are_a_picture_or_refused(noise: bytes, form: str) -> None:
    for data in (noise, encoded(form)[:30] + noise):
        with contextlib.suppress(BadRequest, TooLarge):
            assert decode_picture(data).shape[2] == 3


@given(st.text())
def test_any_text_is_base64_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequest):
        assert decode_base64(text)
