"""streamer.sources.rtmp: the address of a stream; a real server is in integration/test_sources_rtmp.py."""

from __future__ import annotations

import pytest

from streamer.errors import BadSource
from streamer.sources.schemes import read_address


@pytest.mark.parametrize("scheme", ["rtmp", "rtmps"])
def test_an_address_names_application_and_stream(scheme: str) -> None:
    address = read_address(f"{scheme}://me:secret@host:1935/live/camera?key=secret")
    assert (address.live, address.scheme, address.host) == (True, scheme, "host")
    assert "secret" not in address.shown
    for short in (f"{scheme}://host", f"{scheme}://host/"):
        with pytest.raises(BadSource, match="names no stream") as refused:
            read_address(short)
        assert f"{scheme}://host/application/name" in refused.value.detail


def test_nothing_waits_long_for_sound_that_may_never_come() -> None:
    address = read_address("rtmp://host/live/camera")
    assert address.options["rtmp_live"] == "live"
    # Sound may come seconds before the picture: time alone would make every camera without sound wait for it.
    assert int(address.options["probesize"]) <= 64 * 1024  # bytes; FFmpeg's own is 5 MB
    assert address.options["fpsprobesize"] == "0"
