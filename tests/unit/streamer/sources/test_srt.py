"""SRT: refused in words where this FFmpeg has none, read where it has."""

from __future__ import annotations

import pytest

from streamer.errors import BadSource
from streamer.sources import srt
from streamer.sources.schemes import read_address

ADDRESS = "srt://me:secret@camera:9000?streamid=cam&passphrase=secret1234"


def test_without_libsrt_it_is_refused_with_what_would_be_right() -> None:
    if srt.spoken():
        pytest.skip("this FFmpeg speaks SRT")
    with pytest.raises(BadSource, match="does not speak SRT") as refused:
        read_address(ADDRESS)
    assert "--no-binary av" in refused.value.detail
    assert "rtsp://" in refused.value.detail
    assert "secret" not in str(refused.value.body())


def test_with_libsrt_it_is_live_and_its_passphrase_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question whether it is spoken is answered for FFmpeg here; nothing is opened."""
    monkeypatch.setattr(srt, "spoken", lambda: True)
    address = read_address(ADDRESS)
    assert (address.live, address.url) == (True, ADDRESS)
    assert "secret" not in address.shown
    with pytest.raises(BadSource, match="no port"):
        read_address("srt://camera")
