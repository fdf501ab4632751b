"""How a source's thread and the loop hand over."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from streamer.frame import Frame
from streamer.sources import thread as module
from streamer.sources.base import State
from streamer.sources.thread import Outlet, Stopped, pump
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


async def test_there_are_only_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_THREADS", 3)
    go_on = threading.Event()

    def hang(outlet: Outlet) -> None:
        go_on.wait(30)

    ear = Ear()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        pumps: list[asyncio.Task[Any]] = [
            tasks.create_task(pump(hang, ear.out, ear.tell, name="test")) for _ in range(20)
        ]
        await asyncio.wait(pumps[3:])
        assert not any(task.done() for task in pumps[:3])
        go_on.set()
    assert len(ear.states) == 17
    assert ear.states[0][0] is State.ENDED
    assert "limit" in ear.states[0][1]
