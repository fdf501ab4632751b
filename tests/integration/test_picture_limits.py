"""A picture over the limit is not decoded, wherever it comes from; the limit is lowered for these tests."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import pytest
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from benchmarks.recording import record
from streamer import limits
from streamer.sources.base import State
from streamer.webrtc import patches
from streamer.webrtc.receiver import DecoderLine
from tests.support.sources import whole

SMALL, LARGE = (320, 240), (640, 480)
CODECS = {"libvpx": "video/VP8", "libx264": "video/H264"}


@pytest.fixture(autouse=True)
def lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_FRAME_PIXELS", 320 * 240)


def encoded(name: str, size: tuple[int, int]) -> bytes:
    """A keyframe."""
    codec = av.CodecContext.create(name, "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height = size
    codec.pix_fmt, codec.time_base, codec.framerate = "yuv420p", Fraction(1, 30), Fraction(30)
    frame = av.VideoFrame(*size, "yuv420p")
    frame.pts = 0
    return bytes([*codec.encode(frame), *codec.encode(None)][0])


@pytest.mark.parametrize("name", ["film.ts", "film.h264", "film.mkv"])
async def test_a_file_that_grows_ends_at_the_first_picture_that_is_too_large(tmp_path: Path, name: str) -> None:
    film, large = (record(tmp_path / f"{index}{name}", 8, size=size) for index, size in enumerate((SMALL, LARGE)))
    if name.endswith("mkv"):  # all of it too large
        viewer = await whole(large)
        assert viewer.frames == []
    else:
        film.write_bytes(film.read_bytes() + large.read_bytes())
        viewer = await whole(film)
        assert 0 < len(viewer.frames) <= 8
    assert viewer.states[-1] == (State.ENDED, "Its picture of 640×480 pixels is over the limit of 76800 pixels.")


@pytest.mark.parametrize("name", sorted(CODECS))
def test_a_camera_over_webrtc_is_seen_through_before_it_is_decoded(name: str) -> None:
    codec = RTCRtpCodecParameters(mimeType=CODECS[name], clockRate=90000, payloadType=97)
    line = DecoderLine(threading.Event())
    line.put((codec, JitterFrame(encoded(name, SMALL), 0)))
    seen = [line.too_large]
    assert line.get()[1].timestamp == 0
    line.put((codec, JitterFrame(encoded(name, LARGE), 1)))
    seen.append(line.too_large)
    assert seen == [None, LARGE]
    line.put(None)
    assert line.get() is None  # the large one was left out


@pytest.mark.parametrize("name", sorted(CODECS))
def test_and_its_decoder_would_not_take_it(name: str) -> None:
    codec = RTCRtpCodecParameters(mimeType=CODECS[name], clockRate=90000, payloadType=97)
    with pytest.raises(av.FFmpegError):
        patches.bounded_decoder(codec).decode(JitterFrame(encoded(name, LARGE), 0))
    assert patches.bounded_decoder(codec).decode(JitterFrame(encoded(name, SMALL), 0)) is not None
