"""streamer.sources.datagrams: streams in UDP datagrams, and the options that their addresses may have."""

from __future__ import annotations

import pytest

from streamer.errors import BadSource
from streamer.sources.schemes import read_address


@pytest.mark.parametrize("text", ["udp://0.0.0.0:5000", "rtp://239.0.0.1:5004?sources=192.0.2.1&reuse=1"])
def test_an_address_goes_to_ffmpeg_as_it_is(text: str) -> None:
    address = read_address(text)
    assert (address.url, address.live) == (text, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("udp://0.0.0.0", "has no port"),
        ("udp://0.0.0.0:5000?fifo_size=100001", "up to 100000"),
        ("udp://0.0.0.0:5000?fifo_size=many", "up to 100000"),
        ("rtp://0.0.0.0:5000?rtcp_file=x", "rtp:// has no option 'rtcp_file'"),
    ],
)
def test_other_options_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadSource, match=words):
        read_address(text)
