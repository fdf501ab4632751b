"""streamer.webrtc.source with a real aiortc peer at the other end, over real sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from benchmarks.support.relay import Relay, is_media
from streamer.errors import BadRequest, Conflict
from streamer.sources.base import State
from streamer.webrtc import source
from streamer.webrtc.channel import Channel
from streamer.webrtc.sdp import read_offer
from streamer.webrtc.source import WebRTCSource
from tests.support.camera import Camera, NumberedTrack, number_of, silent_camera
from tests.support.webrtc_source import WAIT, Run, gone, running


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    async with running(grace=20.0) as run:
        yield run


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_pictures_arrive_with_the_timestamps_of_their_packets(run: Run, codec: str) -> None:
    """The n-th picture has the n-th timestamp that was seen leaving on the wire."""
    camera = await run.camera(codec)
    await run.until_frames(20)
    for index, frame in enumerate(run.frames[:20]):
        number = number_of(frame.rgb())
        assert frame.index == index
        assert frame.epoch == 0
        assert frame.rtp_timestamp == camera.timestamps[number]
        assert frame.pts == (camera.timestamps[number] - camera.timestamps[0]) % 2**32
        assert frame.time_base == source.CLOCK
    assert run.states[0][0] is State.CONNECTING
    assert run.states[-1] == (State.LIVE, "")


async def test_sound_beside_the_video_is_switched_off_and_not_piled_up(run: Run) -> None:
    camera = await run.camera(audio=True)
    await run.until_frames(3)
    directions = [each.currentDirection for each in camera.connection.getTransceivers()]
    assert directions == ["sendonly", "inactive"]


async def test_a_camera_that_hangs_up_may_come_back_and_its_frames_go_on(run: Run) -> None:
    camera = await run.camera()
    await run.until_frames(3)
    await camera.close()
    assert "may come back within 20 s" in await run.until(State.RECONNECTING)
    seen = len(run.frames)
    await run.camera(track=NumberedTrack(first=100))
    await run.until_frames(seen + 3)
    assert [frame.index for frame in run.frames] == list(range(len(run.frames)))
    assert {frame.epoch for frame in run.frames[:seen]} == {0}
    assert {frame.epoch for frame in run.frames[seen:]} == {1}
    assert number_of(run.frames[seen].rgb()) >= 100


async def test_a_new_connection_takes_the_place_of_one_that_still_seems_alive(run: Run) -> None:
    """A phone that changed networks comes anew long before its old connection is known to be dead."""
    camera = await run.camera()
    await run.until_frames(3)
    await camera.vanish()
    await run.camera(track=NumberedTrack(first=100))
    async with asyncio.timeout(WAIT):
        while not any(frame.epoch == 1 for frame in run.frames):
            run.changed.clear()
            await run.changed.wait()
    assert not [reason for _, reason in run.states if "may come back" in reason]


async def test_a_camera_that_stays_away_ends_the_source() -> None:
    async with running(grace=0.3) as run:
        camera = await run.camera()
        await run.until_frames(1)
        await camera.close()
        assert "no new connection came" in await run.until(State.ENDED)
        with pytest.raises(Conflict, match="has ended"):
            await run.camera()


async def test_a_stalled_picture_gets_a_keyframe_asked_for_and_comes_back() -> None:
    """Packets are lost for a while: the state says so, a keyframe is asked for, and the pictures come back."""
    async with running(grace=WAIT) as run:
        camera = await run.camera()
        asked = count_keyframe_requests(camera)
        await run.until_frames(3)
        camera.lose = True
        assert "no picture for" in await run.until(State.RECONNECTING)
        async with asyncio.timeout(WAIT):
            await asked.wait()
        camera.lose = False
        await run.until(State.LIVE)
        await run.until_frames(len(run.frames) + 5)
        assert {frame.epoch for frame in run.frames} == {0}


class Loss:
    """Loses one packet of the 40th picture or so, and so many of the repairs that are sent for it."""

    def __init__(self, repairs: float) -> None:
        self.repairs = repairs
        self.asked = 0  # how many repairs were sent
        self.lost: int | None = None  # RTP timestamp of the picture
        self._seen = 0

    def __call__(self, data: bytes) -> bool:
        if not is_media(data):
            return False
        if data[1] & 0x7F == RTX:
            self.asked += 1
            return self.asked <= self.repairs
        self._seen += 1
        if self._seen != 40:
            return False
        self.lost = int.from_bytes(data[4:8], "big")
        return True


RTX = 98  # aiortc's payload type for repairs of VP8's 97


async def test_a_loss_that_is_never_repaired_costs_a_moment_and_shows_nothing_broken(run: Run) -> None:
    """aiortc alone would wait until its buffer is full: at a packet a picture for 512 of them, 17 seconds."""
    loss = Loss(repairs=float("inf"))
    async with Relay.running(loss) as relay:
        camera = await run.camera(relay=relay)
        asked = count_keyframe_requests(camera)
        async with asyncio.timeout(WAIT):
            while loss.lost is None or not run.frames or number_of(run.frames[-1].rgb()) < 120:
                run.changed.clear()
                await run.changed.wait()
        lost = camera.timestamps.index(loss.lost)
    numbers = [number_of(frame.rgb()) for frame in run.frames]
    assert numbers == [camera.timestamps.index(frame.rtp_timestamp or 0) for frame in run.frames]  # each is whole
    assert numbers[:lost] == list(range(lost))
    after = next(number for number in numbers if number > lost)
    assert after - lost < 75
    assert numbers[lost:] == list(range(after, after + len(numbers) - lost))
    assert asked.is_set()
    assert loss.asked > 1


async def test_a_packet_whose_repair_is_lost_too_is_asked_for_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "GIVE_UP", WAIT)
    loss = Loss(repairs=2)
    async with Relay.running(loss) as relay:
        camera = await run.camera(relay=relay)
        asked = count_keyframe_requests(camera)
        await run.until_frames(60)
    assert loss.asked >= 3
    assert [number_of(frame.rgb()) for frame in run.frames] == list(range(len(run.frames)))
    assert not asked.is_set()


async def test_a_connection_without_pictures_for_the_grace_period_is_given_up() -> None:
    """It is still connected, but for nothing; then it may be replaced for as long again."""
    async with running(grace=1.5) as run:
        camera = await run.camera()
        await run.until_frames(1)
        camera.track.running.clear()
        assert "no picture for" in await run.until(State.ENDED)


def count_keyframe_requests(camera: Camera) -> asyncio.Event:
    """Set when the camera is asked for a keyframe."""
    asked, send_keyframe = asyncio.Event(), camera.sender._send_keyframe

    def watched() -> None:
        asked.set()
        send_keyframe()

    camera.sender._send_keyframe = watched  # type: ignore[method-assign]
    return asked


async def test_a_camera_that_sends_a_picture_every_two_seconds_is_not_disturbed(run: Run) -> None:
    """Its pictures are given when complete, and what lies between them is no stall."""
    await run.camera(track=NumberedTrack(fps=0.6))
    await run.until_frames(3)
    assert {frame.epoch for frame in run.frames} == {0}


async def test_an_offer_that_sends_nothing_is_refused() -> None:
    before = asyncio.all_tasks()
    source, far = WebRTCSource(), silent_camera()
    await far.setLocalDescription(await far.createOffer())
    with pytest.raises(BadRequest, match="sends no video"):
        await source.answer(read_offer(far.localDescription.sdp))
    assert source.peer is None
    await far.close()
    await source.close()
    await gone(before)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a=ice-ufrag:", "a=x-ufrag:", "ICE username fragment"),
        ("VP8/90000", "H265/90000", "no codec that is decoded here"),
        ("a=rtcp-mux", "a=x-mux", "RTCP mux"),
        ("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 zz", "malformed DTLS fingerprint"),
        ("a=setup:actpass", "a=setup:sometimes", "malformed"),
        ("m=video ", "m=video x", "malformed|invalid literal"),
        ("a=group:BUNDLE 0", "a=group:BUNDLE 5", "not there: 5"),
        ("a=mid:0", "a=mid:", "malformed|not there: 0"),
    ],
)
async def test_a_broken_offer_is_refused_in_words_and_leaves_nothing_behind(old: str, new: str, words: str) -> None:
    before = asyncio.all_tasks()
    camera = Camera("VP8")
    source = WebRTCSource()
    with pytest.raises(BadRequest, match=words):
        await source.answer(read_offer((await camera.offer()).replace(old, new)))
    await source.close()
    await camera.close()
    await gone(before)


async def test_an_offer_that_would_be_sent_unencrypted_is_refused() -> None:
    """One section has a fingerprint, the other has none."""
    source, camera = WebRTCSource(), Camera(channel=True)
    head, video, channel = re.split(r"(?m)^(?=m=)", await camera.offer())
    bare = "".join(line for line in video.splitlines(keepends=True) if not line.startswith("a=fingerprint"))
    with pytest.raises(BadRequest, match="video section has no DTLS fingerprint"):
        await source.answer(read_offer(head + bare + channel))
    await source.close()
    await camera.close()


async def test_a_connection_that_never_shows_a_picture_is_given_up_with_what_stood_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "CONNECT", 1.5)
    async with running(grace=1.0) as run:
        track = NumberedTrack()
        track.running.clear()
        await run.camera(track=track)
        assert "no picture within" in await run.until(State.ENDED)


async def test_the_data_channel_results_carries_text_both_ways(run: Run) -> None:
    async def talk(channel: Channel) -> None:
        while (text := await channel.receive()) is not None:
            await channel.send(text.upper())

    run.source.talk = talk
    camera = await run.camera(channel=True)
    assert camera.channel is not None
    async with asyncio.timeout(WAIT):
        await camera.opened.wait()
        camera.channel.send("hello")
        assert await camera.messages.get() == "HELLO"
    await run.until_frames(2)


async def test_a_conversation_that_fails_closes_its_channel_and_the_video_goes_on(run: Run) -> None:
    async def talk(channel: Channel) -> None:
        raise RuntimeError("on purpose")

    run.source.talk = talk
    camera = await run.camera(channel=True)
    async with asyncio.timeout(WAIT):
        await camera.closed.wait()
    await run.until_frames(len(run.frames) + 3)


async def test_a_source_that_never_ran_can_be_closed() -> None:
    before = asyncio.all_tasks()
    source, camera = WebRTCSource(), Camera()
    await camera.accept(await source.answer(read_offer(await camera.offer())))
    await source.close()
    await source.close()
    await camera.close()
    await gone(before)
