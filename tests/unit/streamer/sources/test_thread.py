"""How a source's thread and the loop hand over."""

from __future__ import annotations

import asyncio
import threading

import pytest

from streamer.errors import TooMany
from streamer.frame import Frame
from streamer.sources import thread as module
from streamer.sources.base import State
from streamer.sources.thread import MAX_HANGING, Outlet, Stopped, need_place, pump, readers
from tests.support.leftovers import as_before
from tests.support.results import frame


class Ear:
    """Hears what a source says."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.states: list[tuple[State, str]] = []

    async def out(self, frame: Frame) -> None:
        self.frames.append(frame.index)
        await asyncio.sleep(0)

    def tell(self, state: State, reason: str) -> None:
        self.states.append((state, reason))


async def test_every_frame_arrives_when_the_thread_waits() -> None:
    def work(outlet: Outlet) -> None:
        for index in range(200):
            outlet.frame(frame(index), wait=True)

    ear = Ear()
    async with asyncio.timeout(30):
        await pump(work, ear.out, ear.tell, name="test")
    assert ear.frames == list(range(200))


async def test_without_waiting_the_newest_arrives_and_one_is_held() -> None:
    given = threading.Event()

    def work(outlet: Outlet) -> None:
        for index in range(5000):
            outlet.frame(frame(index), wait=False)
        given.set()

    ear = Ear()

    async def slow(frame: Frame) -> None:
        await asyncio.to_thread(given.wait, 30)
        await ear.out(frame)

    async with asyncio.timeout(30):
        await pump(work, slow, ear.tell, name="test")
    assert ear.frames[-1] == 4999
    assert len(ear.frames) <= 2


async def test_states_and_frames_arrive_in_their_order() -> None:
    def work(outlet: Outlet) -> None:
        outlet.state(State.CONNECTING)
        outlet.state(State.LIVE, "at last")
        outlet.frame(frame(0), wait=True)

    ear = Ear()
    async with asyncio.timeout(30):
        await pump(work, ear.out, ear.tell, name="test")
    assert ear.states == [(State.CONNECTING, ""), (State.LIVE, "at last")]
    assert ear.frames == [0]


async def test_what_ends_the_thread_is_raised() -> None:
    def work(outlet: Outlet) -> None:
        outlet.frame(frame(0), wait=True)
        raise ValueError("broken")

    ear = Ear()
    async with asyncio.timeout(30):
        with pytest.raises(ValueError, match="broken"):
            await pump(work, ear.out, ear.tell, name="test")
    assert ear.frames == [0]


async def test_stopping_does_not_wait_for_a_thread_that_hangs_and_hears_no_more_of_it() -> None:
    hangs, go_on, refused, over = (threading.Event() for _ in range(4))

    def work(outlet: Outlet) -> None:
        hangs.set()
        go_on.wait(30)
        with pytest.raises(Stopped):
            outlet.frame(frame(0), wait=False)
        with pytest.raises(Stopped):
            outlet.state(State.LIVE)
        refused.set()
        over.set()

    ear = Ear()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        pumping = tasks.create_task(pump(work, ear.out, ear.tell, name="test"))
        await asyncio.to_thread(hangs.wait, 30)
        pumping.cancel()
        await asyncio.wait([pumping])
        assert not over.is_set()
        go_on.set()
        await asyncio.to_thread(over.wait, 30)
        await asyncio.sleep(0)
    assert refused.is_set()
    assert (ear.frames, ear.states) == ([], [])


@pytest.mark.parametrize("how", ["pausing", "waiting for room"])
async def test_stopping_wakes_a_thread_that_waits(how: str) -> None:
    waits, over = threading.Event(), threading.Event()

    def work(outlet: Outlet) -> None:
        waits.set()
        try:
            if how == "pausing":
                outlet.pause(3600)
            while True:
                outlet.frame(frame(0), wait=True)
        finally:
            over.set()

    async def never(frame: Frame) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        pumping = tasks.create_task(pump(work, never, lambda state, reason: None, name="test"))
        await asyncio.to_thread(waits.wait, 30)
        pumping.cancel()
    assert await asyncio.to_thread(over.wait, 30)


async def test_there_are_only_so_many_threads_and_the_rest_waits_for_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_THREADS", 3)
    monkeypatch.setattr(module, "TICK", 0.01)
    go_on = threading.Event()
    running: list[str] = []

    def read(outlet: Outlet) -> None:
        running.append(threading.current_thread().name)
        go_on.wait(30)

    ear = Ear()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(pump(read, ear.out, ear.tell, name=str(number)))
        while len(ear.states) < 17:  # noqa: ASYNC110  (threads tell nobody)
            await asyncio.sleep(0.01)
        assert len(running) == 3
        with pytest.raises(TooMany, match="3 sources") as refusal:
            need_place()
        assert "Retry-After" in refusal.value.headers
        go_on.set()
    assert len(running) == 20  # each had its place in the end
    assert {state for state, _ in ear.states} == {State.CONNECTING}
    assert all("waits for a place" in reason for _, reason in ear.states)
    need_place()


# A thread that hangs in a library


class HangingReads:
    """Work that hangs, as FFmpeg may: so many times, then it gives one frame."""

    def __init__(self, times: int) -> None:
        self.times, self.begun = times, 0
        self.go_on = threading.Event()

    def __call__(self, outlet: Outlet) -> None:
        self.begun += 1
        outlet.state(State.CONNECTING)
        if self.begun <= self.times:
            self.go_on.wait(60)
        outlet.state(State.LIVE)
        outlet.frame(frame(0), wait=True)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK", 0.02)


@pytest.mark.usefixtures("_quick")
async def test_a_live_source_whose_thread_hangs_is_read_by_another_one_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ear, work = Ear(), HangingReads(1)
    async with asyncio.timeout(30), as_before():
        await pump(work, ear.out, ear.tell, name="test", patience=0.3, again=lambda: True)
        states = [state for state, _ in ear.states]
        assert states == [State.CONNECTING, State.RECONNECTING, State.RECONNECTING, State.LIVE]
        assert "has not come back for 0 s. Another thread" in ear.states[1][1]
        assert ear.states[2] == ear.states[1]  # it connects again, and still says why
        assert readers()[1] >= 1
        work.go_on.set()
    assert ear.frames == [0]  # of the thread that hung nothing came
    assert "test: Reading it has not come back" in caplog.text


@pytest.mark.usefixtures("_quick")
async def test_a_recording_whose_thread_hangs_has_ended_with_the_reason() -> None:
    ear, work = Ear(), HangingReads(1)
    async with asyncio.timeout(30), as_before():
        await pump(work, ear.out, ear.tell, name="test", patience=0.3)
        work.go_on.set()
    assert ear.states[-1] == (State.ENDED, "Reading it has not come back for 0 s.")
    assert ear.frames == []


@pytest.mark.usefixtures("_quick")
async def test_a_source_that_always_hangs_takes_no_more_threads_than_it_may() -> None:
    ear, work = Ear(), HangingReads(50)
    async with asyncio.timeout(30), as_before(), asyncio.TaskGroup() as tasks:
        pumping = tasks.create_task(pump(work, ear.out, ear.tell, name="test", patience=0.1, again=lambda: True))
        while "hangs in 2 threads" not in str(ear.states[-1:]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        assert work.begun == MAX_HANGING
        work.times = 0
        work.go_on.set()  # they come back, and the next one is well
        await pumping
    assert ear.frames == [0]


@pytest.mark.usefixtures("_quick")
async def test_a_thread_that_waits_for_its_reader_or_for_the_clock_does_not_hang() -> None:
    def work(outlet: Outlet) -> None:
        outlet.pause(0.5)
        for index in range(3):
            outlet.frame(frame(index), wait=True)

    ear = Ear()

    async def slow(frame: Frame) -> None:
        await asyncio.sleep(0.3)
        await ear.out(frame)

    async with asyncio.timeout(30):
        await pump(work, slow, ear.tell, name="test", patience=0.1)
    assert ear.frames == [0, 1, 2]
    assert ear.states == []
