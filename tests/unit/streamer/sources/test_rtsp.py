"""streamer.sources.rtsp: the address of a camera; a real one is in integration/test_rtsp.py."""

from __future__ import annotations

import pytest

from streamer.errors import BadSource
from streamer.sources.schemes import read_address


def test_rtsp_goes_over_tcp_unless_told() -> None:
    assert read_address("rtsp://camera/1").options["rtsp_transport"] == "tcp"
    address = read_address("rtsp://camera/1?channel=2&transport=udp&subtype=%20a")
    assert address.options["rtsp_transport"] == "udp"
    assert address.url == "rtsp://camera/1?channel=2&subtype=%20a"


@pytest.mark.parametrize("word", ["UDP", "Udp"])
def test_the_transport_is_read_in_any_case_and_the_last_one_counts(word: str) -> None:
    address = read_address(f"rtsp://camera/1?transport=tcp&transport={word}")
    assert (address.options["rtsp_transport"], address.url) == ("udp", "rtsp://camera/1")


def test_a_camera_is_asked_for_its_picture_only() -> None:
    assert read_address("rtsp://camera/1").options["allowed_media_types"] == "video"


def test_over_tls_there_is_no_udp() -> None:
    assert read_address("rtsps://camera/1").options["rtsp_transport"] == "tcp"
    with pytest.raises(BadSource, match="must be tcp"):
        read_address("rtsps://camera/1?transport=udp")
