"""streamer.upright: films and pictures stored in each of the eight orientations are shown the right way up."""

from __future__ import annotations

import functools
import io
import struct
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.bitstream import BitStreamFilterContext
from PIL import Image

from streamer.frame import Frame
from streamer.upright import AS_IT_IS, turn_of, turned
from tests.support.pictures import saved

Pixels = npt.NDArray[np.uint8]
Flip = Image.Transpose

# By EXIF's number: what turns the stored picture upright, and QuickTime's matrix (a, b, c, d) that says so.
ORIENTATIONS: dict[int, tuple[Flip | None, tuple[int, int, int, int]]] = {
    1: (None, (1, 0, 0, 1)),
    2: (Flip.FLIP_LEFT_RIGHT, (-1, 0, 0, 1)),
    3: (Flip.ROTATE_180, (-1, 0, 0, -1)),
    4: (Flip.FLIP_TOP_BOTTOM, (1, 0, 0, -1)),
    5: (Flip.TRANSPOSE, (0, 1, 1, 0)),
    6: (Flip.ROTATE_270, (0, 1, -1, 0)),
    7: (Flip.TRANSVERSE, (0, -1, -1, 0)),
    8: (Flip.ROTATE_90, (0, -1, 1, 0)),
}
EACH = pytest.mark.parametrize("orientation", ORIENTATIONS)


def scene() -> Pixels:
    """A picture whose four quarters differ, in colour and in brightness."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32], picture[:24, 32:], picture[24:, :32] = (200, 0, 0), (0, 255, 0), (255, 255, 255)
    return picture


def upright(orientation: int) -> Pixels:
    turn = ORIENTATIONS[orientation][0]
    return np.array(Image.fromarray(scene()) if turn is None else Image.fromarray(scene()).transpose(turn))


@functools.cache
def film(form: str) -> bytes:
    """The scene as H.264."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream: Any = container.add_stream("libx264", rate=10, options={"preset": "ultrafast", "crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(), format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def with_matrix(matrix: tuple[float, float, float, float]) -> bytes:
    """The film with another matrix in its track's header (tkhd), as phones write it."""
    data = film("mp4")
    place = data.index(b"tkhd") + 4 + 40
    assert data[place : place + 4] == struct.pack(">i", 1 << 16)
    a, b, c, d = (round(value * 65_536) for value in matrix)
    return data[:place] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[place + 36 :]


def decoded(data: bytes, form: str | None = None) -> Frame:
    with av.open(io.BytesIO(data), "r", format=form) as container:
        picture = next(container.decode(video=0))
    return Frame(0, 0, None, Fraction(1, 90_000), None, 0.0, picture)


def check(frame: Frame, wanted: Pixels) -> None:
    """Colours, brightness and size are those of the upright picture."""
    assert (frame.height, frame.width) == wanted.shape[:2]
    assert frame.rgb().shape == wanted.shape
    assert np.abs(frame.rgb().astype(int) - wanted).mean() < 4
    luma = frame.luma().astype(float)
    assert np.corrcoef(luma.ravel(), (wanted @ (0.299, 0.587, 0.114)).ravel())[0, 1] > 0.95


@EACH
def test_a_film_is_shown_as_its_matrix_says(orientation: int) -> None:
    check(decoded(with_matrix(ORIENTATIONS[orientation][1])), upright(orientation))


@EACH
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_shown_as_its_exif_block_says(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    quality = {} if form == "PNG" else {"quality": 95}
    check(decoded(saved(Image.fromarray(scene()), form, exif=exif, **quality)), upright(orientation))


@pytest.mark.parametrize(
    ("said", "orientation"),
    [
        ("rotate=0", 1),
        ("rotate=0:flip=horizontal", 2),
        ("rotate=180", 3),
        ("rotate=0:flip=vertical", 4),
        ("rotate=270", 6),
        ("rotate=90", 8),
    ],
)
def test_a_stream_is_shown_as_it_says_on_the_way(said: str, orientation: int) -> None:
    """H.264's display orientation message (SEI): a camera may send it with any frame; its degrees go to the left."""
    with av.open(io.BytesIO(film("mpegts")), "r") as container:
        (stream,) = container.streams.video
        insert = BitStreamFilterContext(f"h264_metadata=display_orientation=insert:{said}", stream)
        packets = [
            bytes(out) for packet in container.demux(stream) for out in insert.filter(packet if packet.size else None)
        ]
    check(decoded(b"".join(packets), "h264"), upright(orientation))


@pytest.mark.parametrize("matrix", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 0, 1)])
def test_a_matrix_that_shows_nothing_is_ignored(matrix: tuple[float, float, float, float]) -> None:
    assert turn_of(decoded(with_matrix(matrix)).picture) == AS_IT_IS  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("matrix", "orientation"), [((0.9, 0.2, -0.2, 0.9), 1), ((0.2, 0.9, -0.9, 0.2), 6), ((-2, 0, 0, 0.5), 2)]
)
def test_what_is_between_two_orientations_is_the_nearer(
    matrix: tuple[float, float, float, float], orientation: int
) -> None:
    check(decoded(with_matrix(matrix)), upright(orientation))


def test_side_data_that_pyav_does_not_know_is_no_trouble() -> None:
    """PyAV 18 raised ValueError for EXIF, which comes with every photograph: see upright.py."""
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    (frame,) = [decoded(saved(Image.fromarray(scene()), "JPEG", exif=exif)).picture]
    assert isinstance(frame, av.VideoFrame)
    assert len(list(frame.side_data)) > 0
    assert turn_of(frame) == AS_IT_IS


def test_a_picture_without_a_matrix_is_the_very_same() -> None:
    pixels = scene()
    assert turned(pixels, turn_of(SimpleNamespace(side_data={}))) is pixels  # type: ignore[arg-type]
