"""streamer.sources.login: where FFmpeg cannot log in in any way that is asked for, it is not the password."""

from __future__ import annotations

import contextlib

import pytest

from streamer.access import ANY, Access
from streamer.sources import login, url
from streamer.sources.base import State
from streamer.sources.url import UrlSource
from tests.support.sources import Viewer, scripted_rtsp

SHA256 = 'Digest realm="camera", qop="auth", algorithm=SHA-256, nonce="8b1d"'
MD5 = 'Digest realm="camera", nonce="8b1d"'
BASIC = 'Basic realm="camera"'


def refusing(*challenges: str) -> contextlib.AbstractContextManager[tuple[str, list[str]]]:
    """A scripted RTSP server that refuses everybody with these challenges: its place, and what it was asked."""
    lines = [f"WWW-Authenticate: {challenge}" for challenge in challenges]
    return scripted_rtsp("\r\n".join(["401 Unauthorized", *lines]))


@pytest.mark.parametrize("access", [ANY, Access(networks=("127.0.0.1/32",))])
async def test_a_camera_that_offers_sha_256_alone_is_said_to_and_left(access: Access) -> None:
    with refusing(SHA256) as (place, asked):
        viewer, source = Viewer(), UrlSource(f"rtsp://me:secret@{place}/cam", access=access)
        async with viewer.watching(source):
            reason = await viewer.until(lambda state, reason: state is State.ENDED)
    assert "login by Digest with SHA-256" in reason
    assert "Digest with MD5" in reason
    assert "secret" not in asked[-1]
    assert not any("uthorization" in each for each in asked)  # FFmpeg makes no answer to it


@pytest.mark.parametrize("challenges", [(MD5,), (BASIC,), (SHA256, MD5), ()])
async def test_one_that_ffmpeg_could_log_in_to_has_a_wrong_password_and_is_tried_again(
    challenges: tuple[str, ...],
) -> None:
    with refusing(*challenges) as (place, _):
        viewer, source = Viewer(), UrlSource(f"rtsp://me:secret@{place}/cam")
        async with viewer.watching(source):
            reason = await viewer.until(lambda state, reason: state is State.RECONNECTING)
    assert "The user name or password is wrong (401)" in reason
    assert f"{url.REFUSED_WAIT:.1f} s" in reason


@pytest.mark.parametrize(
    ("challenges", "way"),
    [
        ([("Digest", ' realm="a", algorithm="SHA-512-256"')], "Digest with SHA-512-256"),
        ([("Digest", " algorithm=MD5"), ("Digest", " algorithm=SHA-256")], "Digest with SHA-256"),  # it takes the last
        ([("Basic", ""), ("digest", " ALGORITHM=sha-256")], "Digest with sha-256"),  # and Digest before Basic
        ([("Digest", " algorithm=md5-sess")], None),
        ([("Bearer", ""), ("Negotiate", "")], "Bearer or Negotiate"),
        ([("Negotiate", ""), ("Basic", "")], None),
        ([], None),
    ],
)
def test_which_ways_ffmpeg_does_not_speak(challenges: list[tuple[str, str]], way: str | None) -> None:
    assert login.unspoken(challenges) == way
