"""streamer.sources.address: what FFmpeg is told of an address, and what people may see of it."""

from __future__ import annotations

import pytest

from streamer.errors import BadSource
from streamer.redaction import split
from streamer.sources.address import network, take
from streamer.sources.schemes import read_address


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://camera:554/1", "rtsp://camera:554/1"),
        ("rtsp://me@camera/1", "rtsp://me@camera/1"),
        ("rtsp://me:secr%40et@camera:554/1?channel=2", "rtsp://me:***@camera:554/1?channel=2"),
        ("http://host/a?user=x&password=secret&channel=1", "http://host/a?user=***&password=***&channel=1"),
        ("https://host/a?X-Amz-Signature=secret", "https://host/a?X-Amz-Signature=***"),
        ("https://host/a?access_token=secret", "https://host/a?access_token=***"),
    ],
)
def test_secrets_are_not_shown(text: str, shown: str) -> None:
    address = read_address(text)
    assert address.shown == shown
    assert address.url == text
    assert "secret" not in address.shown
    assert "secret" not in repr(address)


def test_whether_there_is_a_user_name_is_known_without_the_password() -> None:
    for text, login in (("rtsp://me:secret@camera/1", True), ("rtsp://me@camera/1", True), ("rtsp://camera/1", False)):
        assert network(split(text), live=True, options={}).login is login


def test_a_query_that_is_all_ours_is_read_and_the_last_of_a_name_counts() -> None:
    assert take("size=1x1&fps=30&size=2X2", ("size", "fps"), "A camera") == {"size": "2x2", "fps": "30"}
    with pytest.raises(BadSource, match="A camera has no option 'colour'") as refused:
        take("colour=red", ("size", "fps"), "A camera")
    assert refused.value.detail == "It has size and fps."
