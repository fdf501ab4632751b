"""Sessions that go on with another model: what they keep, and what their readers are told."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.support.fake_model import FakeModel, picture
from streamer.config import Config
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import BadRequest
from streamer.frame import Picture
from streamer.live import pointing
from streamer.live.jpegs import jpeg
from streamer.live.sessions import Sessions
from streamer.store import Asked, Database, Drawn, Kept, Origin, Store
from tests.support.squares import GREEN, RED, Squares, ids
from tests.support.stage import Stage
from tracker import Ability, Box, Point, Prompt, Sam3


def fake(name: str, *lacks: Ability) -> Sam3:
    model = FakeModel()
    model.name, model.config = name, replace(model.config, name=name, abilities=frozenset(Ability) - set(lacks))
    return cast(Sam3, model)


class White(Squares):
    """The red square and a white one: a colour that JPEG leaves as it is."""

    def picture(self, index: int) -> Picture:
        return picture(("red", 10, 20, 30), ("white", 80, 80, 30))


class Change:
    """Goes over to a model that is there."""

    def __init__(self, sessions: Sessions, model: Sam3) -> None:
        self._sessions, self._model = sessions, model

    def load(self, device: str | None) -> Sam3:
        return self._model

    def ready(self, model: Sam3) -> float:
        return 0.0

    def rest(self, engine: Engine, why: str | None) -> None: ...

    def adopt(self, engine: Engine, model: Sam3) -> None:
        self._tell = self._sessions.use(engine, model)

    def done(self) -> None:
        self._tell()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(lambda: fake("old"))
    await engine.load()
    yield engine
    await engine.close()


@pytest.mark.parametrize("present", ["frames", "looked"])
async def test_a_session_keeps_its_source_and_prompts_and_ids_go_on(engine: Engine, present: Any) -> None:
    source = Squares()
    async with asyncio.timeout(100), Sessions(Engines(engine), Config(present=present, presenters=0)) as sessions:
        session = sessions.create(source, (RED, GREEN))
        with session.subscribe() as reader:
            stage = Stage(session, source, reader)
            message = await stage.frame()
            while len(ids(message)) < 2:
                message = await stage.frame()
            before, old = ids(message), weakref.ref(engine.need_model())
            await Engines(engine).change(Change(sessions, fake("new")))
            state = await stage.read("state")
            while "model" not in state:
                state = await stage.read("state")
            assert (state["state"], state["model"]) == ("live", "new")
            message = await stage.frame()
            while not ids(message) or ids(message) == before:
                message = await stage.frame()
            while len(ids(message)) < 2:
                message = await stage.frame()
        assert (sorted(before), sorted(ids(message))) == ([1, 2], [3, 4])
        gc.collect()
        assert old() is None  # nothing holds what it takes of memory
        assert session.prompts == (RED, GREEN) and session.source is source and not source.stopped.is_set()


async def test_clicks_that_the_new_model_cannot_do_are_refused_in_words(engine: Engine) -> None:
    source = Squares()
    async with asyncio.timeout(100), Sessions(Engines(engine), Config(present="looked")) as sessions:
        session = sessions.create(source, (RED,))
        with session.subscribe() as reader:
            stage = Stage(session, source, reader)
            await stage.frame()
            await Engines(engine).change(Change(sessions, fake("new", Ability.CLICKS, Ability.MEMORY)))
            message = await stage.frame()
            frame = session.recent.find(message["frame"]["index"])
            with pytest.raises(BadRequest, match="the model new cannot do clicks and boxes"):
                await pointing.click(session, frame, [Point(5, 5)], None)
            assert ids(await stage.frame()) == [2]


async def test_one_that_starts_meanwhile_begins_with_the_new_one_and_an_ended_one_is_left_alone(
    engine: Engine,
) -> None:
    async with asyncio.timeout(100), Sessions(Engines(engine), Config(present="looked")) as sessions:
        ended = sessions.create(Squares(), (RED,))
        await sessions.delete(ended.id)
        async with engine.turn:
            starting = sessions.create(source := Squares(), (RED,))
            change = asyncio.ensure_future(Engines(engine).change(Change(sessions, new := fake("new"))))
            await source.running.wait()
        await change
        assert starting.tracking._tracker is not None
        assert starting.tracking._tracker.model is new


async def test_an_example_of_a_kept_session_is_shown_to_the_new_model_too(engine: Engine, tmp_path: Path) -> None:
    boxed = Prompt(boxes=(Box(10, 10, 50, 50),), labels=(True,))
    shown = Drawn(jpeg(picture(("white", 10, 10, 40))), ((0.1, 0.1, 0.4, 0.4),))
    kept = replace(Kept.new("demo:", [RED, boxed], Origin.HTTP), asked=(Asked(RED), Asked(boxed, shown)))
    source, store = White(), Store(Database(tmp_path / "sessions.db"))
    async with asyncio.timeout(100), store, Sessions(Engines(engine), Config(present="looked"), store) as sessions:
        session = sessions.create(source, kept.prompts, keep=kept)
        with session.subscribe() as reader:
            stage = Stage(session, source, reader)
            await stage.frame()
            await Engines(engine).change(Change(sessions, fake("new")))
            message = await stage.frame()
        assert [len(each["predictions"]) for each in message["prompt_results"]] == [1, 1]
