"""streamer.sources.webrtc with a real aiortc peer at the other end, over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from streamer.errors import BadRequest, Conflict
from streamer.frame import Frame
from streamer.peer import Channel
from streamer.sources import webrtc
from streamer.sources.base import State
from streamer.sources.webrtc import WebRTCSource
from tests.camera import Camera, NumberedTrack, number_of, silent_camera

WAIT = 20  # seconds until a test gives up; nothing below takes as long


class Run:
    """A source that runs, and what it gave."""

    def __init__(self, source: WebRTCSource) -> None:
        self.source = source
        self.frames: list[Frame] = []
        self.states: list[tuple[State, str]] = []
        self._news = asyncio.Condition()
        self._changed = asyncio.Event()

    async def out(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._changed.set()

    def tell(self, state: State, reason: str) -> None:
        self.states.append((state, reason))
        self._changed.set()

    async def until_frames(self, count: int) -> None:
        async with asyncio.timeout(WAIT):
            while len(self.frames) < count:
                self._changed.clear()
                await self._changed.wait()

    async def until(self, state: State) -> str:
        """Wait until the newest state is this one; return its reason."""
        async with asyncio.timeout(WAIT):
            while not self.states or self.states[-1][0] is not state:
                self._changed.clear()
                await self._changed.wait()
        return self.states[-1][1]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """A source with two seconds' grace, running; afterwards nothing of it may be left."""
    before, threads = asyncio.all_tasks(), threading.active_count()
    run = Run(WebRTCSource(grace=2.0))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run.source.run(run.out, run.tell))
        yield run
        task.cancel()
    await gone(before)
    assert not [thread for thread in threading.enumerate() if "decoder" in thread.name], threads


async def gone(before: set[asyncio.Task[None]]) -> None:
    """Wait until no task is left but those of before."""
    async with asyncio.timeout(WAIT):
        while left := asyncio.all_tasks() - before - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=1)


async def connect(run: Run, camera: Camera) -> None:
    await camera.accept(await run.source.answer(await camera.offer()))


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_pictures_arrive_with_the_timestamps_of_their_packets(run: Run, codec: str) -> None:
    """The n-th picture has the n-th timestamp that was seen leaving on the wire."""
    camera = Camera(codec)
    await connect(run, camera)
    await run.until_frames(20)
    start = camera.timestamps[0]
    for index, frame in enumerate(run.frames[:20]):
        number = number_of(frame.rgb())
        assert frame.index == index
        assert frame.epoch == 0
        assert frame.rtp_timestamp == (start + 3000 * number) % 2**32
        assert frame.rtp_timestamp in camera.timestamps
        assert frame.pts == 3000 * number
        assert frame.time_base == webrtc.CLOCK
    assert run.states[0][0] is State.CONNECTING
    assert run.states[-1] == (State.LIVE, "")
    await camera.close()


async def test_sound_beside_the_video_is_switched_off_and_not_piled_up(run: Run) -> None:
    camera = Camera(audio=True)
    await connect(run, camera)
    await run.until_frames(3)
    directions = [each.currentDirection for each in camera.connection.getTransceivers()]
    assert directions == ["sendonly", "inactive"]
    await camera.close()


async def test_a_camera_that_hangs_up_may_come_back_and_its_frames_go_on(run: Run) -> None:
    camera = Camera()
    await connect(run, camera)
    await run.until_frames(3)
    await camera.close()
    assert "may come back within 2 s" in await run.until(State.RECONNECTING)
    seen = len(run.frames)
    again = Camera(track=NumberedTrack(first=100))
    await connect(run, again)
    await run.until_frames(seen + 3)
    assert [frame.index for frame in run.frames] == list(range(len(run.frames)))
    assert {frame.epoch for frame in run.frames[:seen]} == {0}
    assert {frame.epoch for frame in run.frames[seen:]} == {1}
    assert number_of(run.frames[seen].rgb()) >= 100
    await again.close()


async def test_a_new_connection_takes_the_place_of_one_that_still_seems_alive(run: Run) -> None:
    """A phone that changed networks comes anew long before its old connection is known to be dead."""
    camera = Camera()
    await connect(run, camera)
    await run.until_frames(3)
    await camera.vanish()
    again = Camera(track=NumberedTrack(first=100))
    await connect(run, again)
    async with asyncio.timeout(WAIT):
        while not any(frame.epoch == 1 for frame in run.frames):
            run._changed.clear()
            await run._changed.wait()
    assert State.RECONNECTING not in {state for state, _ in run.states}
    await camera.close()
    await again.close()


async def test_a_camera_that_stays_away_ends_the_source() -> None:
    before = asyncio.all_tasks()
    run = Run(WebRTCSource(grace=0.3))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run.source.run(run.out, run.tell))
        camera = Camera()
        await connect(run, camera)
        await run.until_frames(1)
        await camera.close()
    assert run.states[-1][0] is State.ENDED
    assert "did not come back" in run.states[-1][1]
    with pytest.raises(Conflict, match="has ended"):
        await run.source.answer(await Camera().offer())
    await gone(before)


async def test_a_stalled_picture_gets_a_keyframe_asked_for_and_comes_back(run: Run, monkeypatch: object) -> None:
    """Packets are lost for a while: the state says so, keyframes are asked for, and the pictures come back."""
    camera = Camera()
    requests = []
    send_keyframe = camera.sender._send_keyframe
    camera.sender._send_keyframe = lambda: requests.append(send_keyframe())  # type: ignore[method-assign,func-returns-value]
    await connect(run, camera)
    await run.until_frames(3)
    run.source._grace = 20.0
    camera.lose = True
    seen = len(run.frames)
    async with asyncio.timeout(WAIT):
        while not requests:
            await run.until(State.RECONNECTING if run.states[-1][0] is State.RECONNECTING else State.LIVE)
            run._changed.clear()
            await asyncio.wait_for(run._changed.wait(), 1) if not requests else None
    camera.lose = False
    await run.until_frames(seen + 5)
    assert requests
    await camera.close()


async def test_an_offer_that_sends_nothing_is_refused() -> None:
    before = asyncio.all_tasks()
    source, far = WebRTCSource(), silent_camera()
    await far.setLocalDescription(await far.createOffer())
    with pytest.raises(BadRequest, match="sends no video"):
        await source.answer(far.localDescription.sdp)
    assert source.peer is None
    await far.close()
    await source.close()
    await gone(before)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=ice-ufrag:", "a=x-ufrag:"),
        ("VP8/90000", "H265/90000"),
        ("a=rtcp-mux", "a=x-mux"),
        ("a=mid:0", "a=x"),
        ("a=setup:actpass", "a=setup:sometimes"),
        ("m=video 9", "m=video nine"),
    ],
)
async def test_a_broken_offer_is_refused_and_leaves_nothing_behind(old: str, new: str) -> None:
    before = asyncio.all_tasks()
    camera = Camera("VP8")
    offer = await camera.offer()
    offer = offer.replace(old, new)
    source = WebRTCSource()
    with pytest.raises(BadRequest):
        await source.answer(offer)
    await source.close()
    await camera.close()
    await gone(before)


async def test_the_data_channel_results_carries_text_both_ways(run: Run) -> None:
    async def talk(channel: Channel) -> None:
        while (text := await channel.receive()) is not None:
            await channel.send(text.upper())

    run.source.talk = talk
    camera = Camera(channel=True)
    assert camera.channel is not None
    opened = asyncio.Event()
    camera.channel.on("open", opened.set)
    await connect(run, camera)
    async with asyncio.timeout(WAIT):
        await opened.wait()
        camera.channel.send("hello")
        assert await camera.messages.get() == "HELLO"
    await run.until_frames(2)
    await camera.close()


async def test_a_conversation_that_fails_closes_its_channel_and_the_video_goes_on(run: Run) -> None:
    async def talk(channel: Channel) -> None:
        raise RuntimeError("on purpose")

    run.source.talk = talk
    camera = Camera(channel=True)
    assert camera.channel is not None
    closed = asyncio.Event()
    camera.channel.on("close", closed.set)
    await connect(run, camera)
    async with asyncio.timeout(WAIT):
        await closed.wait()
    seen = len(run.frames)
    await run.until_frames(seen + 3)
    await camera.close()


async def test_a_source_that_never_ran_can_be_closed() -> None:
    before = asyncio.all_tasks()
    source, camera = WebRTCSource(), Camera()
    await camera.accept(await source.answer(await camera.offer()))
    await source.close()
    await source.close()
    await camera.close()
    await gone(before)
