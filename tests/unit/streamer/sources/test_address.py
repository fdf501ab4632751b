"""What an address means, and what may be seen of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.errors import BadSource
from streamer.sources.address import read_address


def test_a_path_is_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "a film?.mp4"
    path.touch()
    for text in (str(path), path.as_uri()):
        address = read_address(text)
        assert address.url == f"file:{path}"
        assert address.shown == str(path)
        assert address.live is False


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "rtmp", "rtmps", "udp"])
def test_these_schemes_are_live(scheme: str) -> None:
    assert read_address(f"{scheme}://camera/1").live is True


@pytest.mark.parametrize("text", ["http://host/film.mp4", "https://host/live.m3u8"])
def test_http_may_be_either(text: str) -> None:
    assert read_address(text).live is None


def test_rtsp_goes_over_tcp_unless_told() -> None:
    assert read_address("rtsp://camera/1").options["rtsp_transport"] == "tcp"
    address = read_address("rtsp://camera/1?channel=2&transport=udp&subtype=%20a")
    assert address.options["rtsp_transport"] == "udp"
    assert address.url == "rtsp://camera/1?channel=2&subtype=%20a"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://camera:554/1", "rtsp://camera:554/1"),
        ("rtsp://me@camera/1", "rtsp://me@camera/1"),
        ("rtsp://me:se:cr%40et@camera:554/1?a=b", "rtsp://me:***@camera:554/1?a=b"),
        ("rtsp://me:se@cr/et@camera/1", None),
        ("http://host/a?user=x&password=secret&n=1", "http://host/a?user=x&password=***&n=1"),
        ("https://host/a?X-Amz-Signature=secret", "https://host/a?X-Amz-Signature=***"),
        ("https://host/a?access_token=secret", "https://host/a?access_token=***"),
    ],
)
def test_secrets_are_not_shown(text: str, shown: str | None) -> None:
    address = read_address(text)
    if shown is not None:
        assert address.shown == shown
        assert address.url == text
    assert "secret" not in address.shown
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("/no/such/film.mp4", "no file /no/such/film.mp4"),
        ("file:///no/such/film.mp4", "no file"),
        ("file://elsewhere/film.mp4", "no host"),
        ("/tmp", "folder"),
        ("gopher://host/1", "gopher: is no scheme"),
        ("a" * 300, "File name too long"),
        ("concat:a|b", "concat: is no scheme"),
        ("rtsp://", "no host"),
        ("rtsp:///1", "no host"),
        ("rtsp://camera:port/1", "cannot be read"),
        ("rtsp://camera:99999/1", "cannot be read"),
        ("rtsp://[::1/1", "cannot be read"),
        ("rtsp://camera/1?transport=pigeon", "tcp or udp"),
        ("/dev/video99", "no camera /dev/video99"),
        ("rtmp://host", "names no stream"),
        ("rtsps://camera/1?transport=udp", "over TLS .* must be tcp"),
        ("\0", "cannot be read|no file"),
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


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "film.mp4"
    path.touch()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(BadSource, match="may not be read"):
        read_address(str(path))
