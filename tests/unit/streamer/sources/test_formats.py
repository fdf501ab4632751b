"""streamer.sources.formats: what FFmpeg may make of bytes."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from streamer import limits
from streamer.sources import formats, schemes

# A text, and files that name others: each is a picture or a stream to an FFmpeg that may do as it likes.
TEXTS = {
    "notes.txt": b"root:x:0:0:root\n" * 40,
    "list.ffconcat": b"ffconcat version 1.0\nfile film.mp4\n",
    "camera.sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
    "art.ans": b"\x1b[31mred\x1b[0m\n" * 40,
}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_texts_are_no_video(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(TEXTS[name])
    with pytest.raises((av.FFmpegError, OSError)):
        av.open(str(path), options=formats.reading("file"), timeout=5.0)


def test_every_demuxer_that_is_allowed_is_one_of_ffmpegs() -> None:
    known = {name for each in av.formats_available for name in each.split(",")}
    assert {"mov", "matroska", "mpegts", "avi", "flv", "hls", "rtsp", "mpjpeg"} <= known
    assert {"tty", "concat", "sdp", "image2", "lavfi", "rawvideo", "dash"}.isdisjoint(formats.DEMUXERS.split(","))


def test_every_scheme_has_its_protocols() -> None:
    ours = {"http", "https", "file", "demo"}  # read for FFmpeg, or not by it
    assert set(formats.PROTOCOLS) == schemes.SCHEMES - ours | {"v4l2"}
    assert (
        formats.reading("file")["protocol_whitelist"] == formats.reading("https")["protocol_whitelist"] == formats.NONE
    )
    for protocols in formats.PROTOCOLS.values():
        assert {"http", "https", "concat", "subfile", "crypto", "data"}.isdisjoint(protocols.split(","))


def test_decoders_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_FRAME_PIXELS", 12)
    assert formats.decoding() == {"max_pixels": "12"}
    assert formats.reading("rtsp")["max_pixels"] == "12"
