"""What an address means: which protocol reads it, and what can be seen to be wrong with it."""

from __future__ import annotations

import pytest

from streamer.errors import BadSource
from streamer.sources.schemes import read_address


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp"])
def test_these_schemes_are_live(scheme: str) -> None:
    assert read_address(f"{scheme}://camera:5000/1").live is True


@pytest.mark.parametrize("text", ["http://host/film.mp4", "https://host/live.m3u8"])
def test_http_may_be_either(text: str) -> None:
    assert read_address(text).live is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("/no/such/film.mp4", "no file /no/such/film.mp4"),
        ("file:///no/such/film.mp4", "no file"),
        ("file://elsewhere/film.mp4", "no host"),
        ("/tmp", "folder"),
        ("gopher://host/1", "gopher: is not a scheme"),
        ("a" * 300, "File name too long"),
        ("concat:a|b", "concat: is not a scheme"),
        ("rtsp://", "no host"),
        ("rtsp:///1", "no host"),
        ("rtsp://camera:port/1", "cannot be read"),
        ("rtsp://camera:99999/1", "cannot be read"),
        ("rtsp://[::1/1", "cannot be read"),
        ("rtsp://camera/1?transport=pigeon", "tcp or udp"),
        ("/dev/video99", "no camera /dev/video99"),
        ("rtmp://host", "names no stream"),
        ("rtsps://camera/1?transport=udp", "over TLS .* must be tcp"),
        ("\0", "not the name of a file"),
        ("udp://0.0.0.0", "has no port"),
        ("udp://0.0.0.0:5000?fifo_size=900000000", "fifo_size must be a whole number up to"),
        ("udp://0.0.0.0:5000?protocol_whitelist=file", "udp:// has no option 'protocol_whitelist'"),
        ("rtsp://me:se\ncret@camera/1", "control character"),
        ("rtsp://cam:554/p@th", "in two ways"),
        ("rtsp://me:" + "x" * 130 + "@camera/1", "too long"),
        ("rtmp://me:se/cret@192.0.2.1/live/1", "no such user name or password"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadSource, match=words) as refusal:
        read_address(text)
    assert refusal.value.status == 400


def test_a_refusal_does_not_repeat_a_password() -> None:
    with pytest.raises(BadSource) as refusal:
        read_address("rtsp://me:secret@camera:port/1")
    assert "secret" not in str(refusal.value.body())
