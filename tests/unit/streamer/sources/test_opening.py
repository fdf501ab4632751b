"""streamer.sources.opening: an address opened as the rule allows, against real servers on this machine."""

from __future__ import annotations

import contextlib
from typing import Any

import av
import pytest

from streamer.access import ANY, Access, NotAllowed
from streamer.sources.opening import Opening, opened
from streamer.sources.schemes import read_address
from streamer.sources.web import MAX_REDIRECTS, WebError
from tests.support.sources import scripted_rtsp

ONE = Access(networks=("127.0.0.1/32",))


def opening(text: str, access: Access = ONE) -> contextlib.AbstractContextManager[Any]:
    return opened(read_address(text, access), Opening(access, (5.0, 5.0), lambda: None))


def test_an_rtsp_redirect_is_judged_before_it_is_followed() -> None:
    with (
        scripted_rtsp("404 Not Found", "127.0.0.2") as (far, far_asked),
        scripted_rtsp("404 Not Found") as (near, near_asked),
    ):
        for target, raised in ((far, NotAllowed), (near, av.error.HTTPNotFoundError)):
            with scripted_rtsp(f"302 Found\r\nLocation: rtsp://{target}/cam2") as (place, asked):
                with pytest.raises(raised), opening(f"rtsp://me:secret@{place}/cam"):
                    pass
                assert len(asked) == 1
    assert far_asked == []
    assert near_asked
    assert near_asked[0].partition("\r\n")[0].endswith("/cam2 RTSP/1.0")


@pytest.mark.parametrize("trick", ["", "$\0\0\4\r\n\r\nRTSP/1.0 "])
def test_an_rtsp_redirect_that_ffmpeg_alone_would_see_is_not_followed(trick: str) -> None:
    with scripted_rtsp("404 Not Found", "127.0.0.2") as (far, far_asked):
        answer = f"200 OK\n\n{trick}302 Found" if trick else "302 Found"
        with (
            scripted_rtsp(f"{answer}\nLocation: rtsp://{far}/cam2", end="\n") as (place, asked),
            pytest.raises((NotAllowed, WebError, av.FFmpegError)),
            opening(f"rtsp://{place}/cam"),
        ):
            pass
    assert asked
    assert far_asked == []


def test_without_a_rule_ffmpeg_speaks_to_the_camera_itself() -> None:
    with (
        scripted_rtsp("404 Not Found") as (place, asked),
        pytest.raises(av.error.HTTPNotFoundError),
        opening(f"rtsp://{place}/cam", ANY),
    ):
        pass
    assert asked[0].startswith(f"OPTIONS rtsp://{place}/cam RTSP/1.0\r\n")


def test_redirects_end() -> None:
    with (
        scripted_rtsp("302 Found\r\nLocation: /cam") as (place, asked),
        pytest.raises(WebError, match="more than"),
        opening(f"rtsp://{place}/cam"),
    ):
        pass
    assert len(asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "nowhere", "rtsp://127.0.0.1:99999/"])
def test_a_redirect_to_something_else_is_not_followed(target: str) -> None:
    with (
        scripted_rtsp(f"302 Found\r\nLocation: {target}") as (place, _),
        pytest.raises(WebError, match="redirects to what"),
        opening(f"rtsp://{place}/cam"),
    ):
        pass


def test_by_udp_the_rule_cannot_be_kept() -> None:
    with pytest.raises(NotAllowed, match="transport=udp"), opening("rtsp://127.0.0.1:1/cam?transport=udp"):
        pass


@pytest.mark.parametrize(
    ("text", "url", "options"),
    [
        (
            "rtmps://me:pa:ss@cam.example/live/key?a=b",
            "rtmps://me:pa:ss@127.0.0.1/live/key?a=b",
            {"rtmp_tcurl": "rtmps://cam.example/live", "verifyhost": "cam.example", "tls_verify": "1"},
        ),
        ("rtmp://cam.example:1/live/key", "rtmp://127.0.0.1:1/live/key", {"rtmp_tcurl": "rtmp://cam.example:1/live"}),
        ("udp://cam.example:5000", "udp://127.0.0.1:5000", {"protocol_whitelist": "udp"}),
    ],
)
def test_ffmpeg_gets_the_address_that_was_judged(
    text: str, url: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def open(url: str, **given: Any) -> Any:  # noqa: A001
        told.extend((url, given["options"]))
        raise OSError("not opened")

    monkeypatch.setattr("streamer.access.addresses_of", lambda host, port, flags=0: ["127.0.0.1"])
    monkeypatch.setattr("av.open", open)
    with pytest.raises(OSError, match="not opened"), opening(text):
        pass
    assert told[0] == url
    assert options.items() <= told[1].items()
