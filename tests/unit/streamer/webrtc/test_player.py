"""streamer.webrtc.player: what an offer to watch must be, and what is answered; the picture is in test_whep.py."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from streamer.errors import BadRequest
from streamer.video.encoder import Encoder
from streamer.video.viewers import Line
from streamer.webrtc import player
from streamer.webrtc.patches import SEND_KEYFRAME
from streamer.webrtc.player import Player
from streamer.webrtc.sdp import read_offer
from tests.support.viewer import Viewer

WAIT = 60


@pytest.fixture
def line() -> Line:
    return Line(lambda line: None)


@pytest.fixture
async def viewer() -> AsyncIterator[Viewer]:
    viewer = Viewer()
    yield viewer
    await viewer.close()


@pytest.fixture
async def near(line: Line) -> AsyncIterator[Player]:
    near = Player(line)
    yield near
    await near.close()


async def test_one_video_of_vp8_is_sent(near: Player, viewer: Viewer) -> None:
    answer = await near.answer(read_offer(await viewer.offer()))
    video = answer[answer.index("m=video") :]
    assert "a=sendonly" in video
    assert "VP8/90000" in video
    assert "H264" not in video
    assert near.ufrag is not None


@pytest.mark.parametrize("profile", ["42001f", "42e01f", "4d001f", "640c1f"])
async def test_who_takes_h264_alone_is_sent_that_and_answered_with_its_own_profile(
    near: Player, line: Line, profile: str
) -> None:
    """Constrained baseline, which decoders of every profile take."""
    viewer = Viewer("H264")
    offer = re.sub(r"(?i)profile-level-id=\w{6}", f"profile-level-id={profile}", await viewer.offer())
    answer = await near.answer(read_offer(offer))
    assert set(re.findall(r"profile-level-id=(\w{6})", answer)) == {profile}
    assert "VP8/90000" not in answer
    assert line.codec == "h264"
    await viewer.close()


async def test_sound_is_switched_off(near: Player) -> None:
    viewer = Viewer(audio=True)
    answer = await near.answer(read_offer(await viewer.offer()))
    audio = answer[answer.index("m=audio") : answer.index("m=video")]
    assert "a=inactive" in audio
    await viewer.close()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a=recvonly", "a=sendonly", "video is sendonly; to watch, it must be recvonly"),
        ("VP8/90000", "VP7/90000", "neither VP8 nor H.264 in packetization-mode 1"),
    ],
)
async def test_what_cannot_be_shown_is_refused_with_what_would_be_right(
    near: Player, viewer: Viewer, old: str, new: str, words: str
) -> None:
    with pytest.raises(BadRequest, match=words) as refused:
        await near.answer(read_offer((await viewer.offer()).replace(old, new).replace("H264/", "H265/")))
    assert "recvonly" in refused.value.detail


async def test_the_line_hears_that_the_far_side_wants_a_keyframe(near: Player, line: Line) -> None:
    line.put(Encoder().encode(np.zeros((48, 64, 3), np.uint8), 0))
    assert not line.wants_keyframe
    SEND_KEYFRAME.of(near._video.sender)()
    assert line.wants_keyframe


async def test_the_track_gives_the_lines_pictures_and_ends_with_it(near: Player, line: Line) -> None:
    coded = Encoder().encode(np.zeros((48, 64, 3), np.uint8), 0)
    track = near._video.sender.track
    getting = asyncio.ensure_future(track.recv())
    await asyncio.sleep(0)
    line.put(coded)
    async with asyncio.timeout(WAIT):
        assert await getting is coded.packet
        line.close()
        with pytest.raises(MediaStreamError):
            await track.recv()


async def test_one_who_never_connects_is_not_waited_for_for_ever(
    near: Player, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "CONNECT", 0.05)
    await near.answer(read_offer(await viewer.offer()))
    async with asyncio.timeout(WAIT):
        await near.live()
