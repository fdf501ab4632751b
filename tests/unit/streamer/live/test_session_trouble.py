"""A live session whose every frame is presented, when looks fail, the camera stands, and it ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from streamer.config import Config
from streamer.engine import Engine
from streamer.frame import Picture
from streamer.live import pointing
from streamer.live import session as module
from streamer.live.presenters import Here
from streamer.live.presenting import NEWS
from streamer.live.session import Session
from tests.support.squares import GREEN, RED, Squares, ids
from tests.support.stage import Stage, looking, playing, standing
from tracker import Point, Prompt


async def looked_at_two(session: Session) -> None:
    for _ in range(5000):
        if session.looked == 2:
            return
        await asyncio.sleep(0.002)
    raise AssertionError("no second look came")


async def test_a_look_that_fails_late_takes_nobody_back_to_its_frame(
    presented: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await presented.frame()
    go_on = threading.Event()

    def embed(_: Picture) -> Any:
        go_on.wait(60)
        raise ZeroDivisionError

    monkeypatch.setattr(presented.session.tracking._need_tracker().model, "embed", embed)
    told = [await presented.frame() for _ in range(5)]
    go_on.set()
    told.append(await presented.read("error"))
    assert [message["frame"]["index"] for message in told] == [1, 2, 3, 4, 5, 5]
    assert told[-1]["message"].startswith("Frame 1 could not be looked at")
    last = presented.session.last
    assert last is not None
    assert last.step is not None
    assert (await presented.session.picture())[0] == 5


async def test_however_many_orders_come_before_the_next_frame_it_shows_what_they_made(
    presented: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STANDS", 60.0)
    await presented.frame()
    session = presented.session
    await session.tracking.set_prompts((RED,))
    await presented.frame()
    await looked_at_two(session)
    async with looking(monkeypatch):
        made = await pointing.click(session, session.recent.find(1), [Point(90, 90, True)], None)
        for tenth in range(2 * NEWS):
            await session.tracking.set_prompts((Prompt("red", threshold=tenth / 100),))
        message = await presented.frame()
    assert message["looked_at"]["index"] == 1
    assert made.object_id in ids(message)


async def test_a_picture_that_stands_is_not_told_again_without_what_was_made_meanwhile(
    presented: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await presented.frame()
    session = presented.session
    async with standing(presented, monkeypatch):
        await pointing.click(session, session.recent.find(1), [Point(90, 90, True)], None)
    assert not presented.reader._results.waiting


async def test_an_ended_session_keeps_nothing_but_its_last_picture(fake_engine: Engine) -> None:
    kept: list[weakref.ref[object]] = []

    class Source(Squares):
        def picture(self, index: int) -> Picture:
            made = super().picture(index)
            kept.append(weakref.ref(made))
            return made

    async with playing(fake_engine, Source(), config=Config(), prompts=(RED, GREEN)) as stage:
        for _ in range(5):
            await stage.frame()
        session = stage.session
        assert session.presenting is not None
        worker = session.presenting._worker
        assert isinstance(worker, Here)
        assert len(worker._presenting) == 1
    await session.picture()
    gc.collect()
    assert not [frame for frame in kept if frame() is not None]
    for _ in range(1000):  # it forgets behind what it still does
        if not len(worker._presenting):
            break
        await asyncio.sleep(0.002)
    assert not len(worker._presenting)
    assert not len(session.presenting.history)


async def test_what_was_removed_is_remembered_only_until_a_look_knows_of_it(fake_engine: Engine) -> None:
    for present in ("looked", "frames"):
        async with playing(fake_engine, Squares(), config=Config(present=present), prompts=()) as stage:
            for _ in range(10):
                named = (await stage.frame())["frame"]["index"]
                session = stage.session
                made = await pointing.click(session, session.recent.find(named), [Point(90, 90, True)], None)
                await session.tracking.remove(made.object_id)
                looked = session.looked
                while session.looked == looked:
                    assert made.object_id not in ids(await stage.frame())
                    await asyncio.sleep(0.002)
            await stage.frame()
            assert len(session._removed) <= 2
