"""Clicks and boxes on frames that were presented, most of which were not looked at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from benchmarks.support.fake_model import picture
from streamer.auth import Scope
from streamer.config import Config
from streamer.engine import Engine
from streamer.frame import Picture
from streamer.live import orders
from tests.support.sources import HandSource
from tests.support.stage import Stage, looking, playing
from tracker import MotionPath

WAY, SIDE = 2, 30  # pixels that the square goes with each frame, and its side


class Square(HandSource):
    """A white square that goes to the right: white stays what it is in a JPEG, as the fake model needs."""

    def picture(self, index: int) -> Picture:
        return picture(("white", left(index), 40, SIDE))


def left(index: int) -> int:
    return 10 + WAY * index


@pytest.fixture
async def stage(fake_engine: Engine) -> AsyncIterator[Stage]:
    async with playing(fake_engine, Square(width=128, height=128), config=Config(), prompts=()) as stage:
        yield stage


async def ask(stage: Stage, **message: Any) -> dict[str, Any]:
    return await orders.handle(stage.session, stage.reader, json.dumps(message), Scope.PROMPT)


def middle(index: int) -> dict[str, float]:
    return {"x": left(index) + SIDE / 2, "y": 40 + SIDE / 2}


async def test_a_click_on_a_frame_that_was_not_looked_at_is_answered_where_its_place_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifteen frames, half a second, after the only one that was looked at."""
    await stage.frame()
    async with looking(monkeypatch):
        told = [await stage.frame() for _ in range(15)]
        named = told[-1]["frame"]["index"]
        answer = await ask(stage, type="click", frame_index=named, points=[middle(named)])
        assert (answer["type"], answer["answered_frame_index"]) == ("ack", 0)
        shown = await stage.frame()
    (found,) = shown["prompt_results"][0]["predictions"]
    assert found["object_id"] == answer["object_id"]
    assert found["box"][0] == pytest.approx(left(shown["frame"]["index"]), abs=4)


async def test_the_object_that_was_presented_under_a_click_is_meant(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.frame()
    first = await ask(stage, type="click", frame_index=0, points=[middle(0)])
    async with looking(monkeypatch):
        for _ in range(6):
            shown = await stage.frame()
        named = shown["frame"]["index"]
        again = await ask(stage, type="click", frame_index=named, points=[middle(named)])
    assert again["object_id"] == first["object_id"]


async def test_where_no_way_is_known_the_kept_picture_is_looked_at(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second frame was not looked at, and is of another scene than both that were."""
    with stage.session.subscribe(pictures=True):
        await stage.frame()
        async with looking(monkeypatch):
            shown = await stage.frame()
        named = shown["frame"]["index"]
        while stage.session.recent.available() is None or stage.session.last is None or _looked(stage) <= named:
            await stage.frame()
        for frame in stage.session.presenting.history._frames:  # type: ignore[union-attr]
            object.__setattr__(frame, "step", None)
        stage.session.tracking._tracker._clickable._frames.popleft()  # type: ignore[union-attr]
        answer = await ask(stage, type="click", frame_index=named, points=[middle(named)])
    assert answer.get("answered_frame_index") == named, answer


def _looked(stage: Stage) -> int:
    last = stage.session.last
    return -1 if last is None or last.looked_at is None else last.looked_at.index


async def test_a_frame_of_which_nothing_is_kept_is_gone(stage: Stage) -> None:
    await stage.frame()
    answer = await ask(stage, type="click", frame_index=700, points=[middle(0)])
    assert (answer["type"], answer["code"]) == ("error", "frame_gone")
    assert list(answer["available"]) == [0, 0]


async def test_a_box_on_a_frame_that_was_not_looked_at_makes_an_object(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.frame()
    async with looking(monkeypatch):
        for _ in range(5):
            shown = await stage.frame()
        named = shown["frame"]["index"]
        drawn = {"x0": left(named) - 2, "y0": 38, "x1": left(named) + SIDE + 2, "y1": 42 + SIDE}
        answer = await ask(stage, type="box", frame_index=named, box=drawn)
        assert answer["type"] == "ack"
        assert (await stage.frame())["prompt_results"][0]["predictions"]


async def test_a_place_with_no_way_to_what_was_looked_at_is_answered_after_the_look_that_is_running(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.frame()
    monkeypatch.setattr(MotionPath, "moved", lambda _, places, *__, **___: [None] * len(places))
    async with looking(monkeypatch):
        named = (await stage.frame())["frame"]["index"]
        asked = asyncio.create_task(ask(stage, type="click", frame_index=named, points=[middle(named)]))
        await asyncio.sleep(0.1)
        assert not asked.done()
    monkeypatch.undo()
    assert (await asked)["type"] == "ack"
