"""streamer.interlaced: what a stream calls interlaced shows one moment, and nothing else is touched."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.filter import Graph

from streamer.frame import Frame
from streamer.interlaced import progressive

WIDTH, HEIGHT, STEP, BAR = 320, 240, 9, 20  # pixels; the bar moves by STEP from field to field
INTERLACED: dict[str, dict[str, Any]] = {
    "libx264": {"options": {"preset": "ultrafast", "x264-params": "tff=1"}},
    "mpeg2video": {"bit_rate": 4_000_000, "flags": 1 << 29 | 1 << 18},  # interlaced motion, interlaced transform
}

Mask = npt.NDArray[np.bool_]


def bar(moment: int) -> Mask:
    """Where the bar is."""
    there = np.zeros((HEIGHT, WIDTH), np.bool_)
    there[40:-40, 10 + STEP * moment : 10 + STEP * moment + BAR] = True
    return there


def combed(number: int) -> npt.NDArray[np.uint8]:
    """A picture of two moments, as an interlaced camera sends it."""
    both = bar(2 * number)
    both[1::2] = bar(2 * number + 1)[1::2]
    return np.where(both[..., None], 220, 40).astype(np.uint8).repeat(3, axis=2)


@functools.cache
def film(codec: str, *, said: bool) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for name, value in INTERLACED[codec].items() if said else ():
            setattr(stream.codec_context, name, value)
        for number in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(combed(number), format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decoded(data: bytes) -> Iterator[av.VideoFrame]:
    with av.open(io.BytesIO(data), "r") as container:
        yield from container.decode(video=0)


def framed(picture: av.VideoFrame) -> Frame:
    return Frame(0, 0, None, Fraction(1, 90_000), None, 0.0, picture)


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("codec", INTERLACED)
def test_the_mask_of_a_moving_bar_is_the_bar_at_one_moment(codec: str) -> None:
    """In colour and in brightness. As it was sent it is two half bars."""
    for number, picture in enumerate(decoded(film(codec, said=True))):
        assert picture.interlaced_frame
        moments = bar(2 * number), bar(2 * number + 1)
        as_sent = np.asarray(picture.to_ndarray(format="gray"), np.uint8) > 128
        assert max(iou(as_sent, moment) for moment in moments) < 0.75
        frame = framed(picture)
        for seen in (frame.luma() > 128, frame.rgb()[..., 1] > 128):
            assert max(iou(seen, moment) for moment in moments) > 0.95


@pytest.mark.parametrize("codec", INTERLACED)
def test_what_no_stream_calls_interlaced_is_the_very_same(codec: str) -> None:
    for picture in decoded(film(codec, said=False)):
        assert progressive(picture) is picture
        frame = framed(picture)
        assert frame.luma().shape == (HEIGHT, WIDTH)
        assert frame.picture is picture


def called_interlaced(picture: av.VideoFrame) -> av.VideoFrame:
    graph = Graph()
    into = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 25)
    )
    graph.link_nodes(into, graph.add("setfield", "tff"), graph.add("buffersink")).configure()
    graph.push(picture)
    found = graph.pull()
    assert isinstance(found, av.VideoFrame) and found.interlaced_frame
    return found


@pytest.mark.parametrize("form", ["yuv420p", "nv12", "yuyv422", "gray", "rgb24", "bgra"])
@pytest.mark.parametrize("size", [(64, 48), (65, 49), (2, 2), (1, 1)])
def test_every_format_and_size_keeps_its_own_and_its_time(form: str, size: tuple[int, int]) -> None:
    width, height = size
    plain = av.VideoFrame.from_ndarray(np.full((height, width, 3), 90, np.uint8), format="rgb24").reformat(format=form)
    plain.pts, plain.time_base = 1234, Fraction(1, 90_000)
    picture = called_interlaced(plain)
    picture.pts, picture.time_base = 1234, Fraction(1, 90_000)
    found = progressive(picture)
    assert (found.width, found.height, found.pts, found.time_base) == (width, height, 1234, Fraction(1, 90_000))
    assert not found.interlaced_frame
    assert np.abs(framed(found).rgb().astype(int) - 90).max() < 6
