"""Which source an address names."""

from __future__ import annotations

import pytest

from streamer.errors import BadSource
from streamer.sources import open_source
from streamer.sources.demo import DemoSource
from streamer.sources.url import UrlSource


def test_demo_is_the_synthetic_camera() -> None:
    source = open_source(" demo: ")
    assert isinstance(source, DemoSource)
    assert (source.kind, source.live, source.name) == ("demo", True, "demo:")


def test_everything_else_is_opened_by_ffmpeg() -> None:
    source = open_source("rtsp://me:secret@camera/1")
    assert isinstance(source, UrlSource)
    assert (source.kind, source.live, source.name) == ("url", True, "rtsp://me:***@camera/1")


def test_an_address_that_is_wrong_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(BadSource):
        open_source("/no/such/file")
