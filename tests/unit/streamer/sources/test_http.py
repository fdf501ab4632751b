"""streamer.sources.http: recordings, HLS and MJPEG; what is fetched is in integration/test_sources_http.py."""

from __future__ import annotations

from streamer.sources import schemes


def test_opening_tells_whether_it_lasts() -> None:
    for text in ("http://host/film.mp4", "https://host/live.m3u8?token=a&b=c"):
        read = schemes.read_address(text)
        assert (read.live, read.url) == (None, text)


def test_a_live_playlist_is_joined_at_its_newest_segment() -> None:
    """FFmpeg would begin three segments back: up to half a minute of delay that never goes away."""
    assert schemes.read_address("https://host/live.m3u8").options["live_start_index"] == "-1"
