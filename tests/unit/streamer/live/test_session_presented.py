"""A live session whose every frame has its result, while the model looks at some of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.frame import Frame
from streamer.live import session as module
from streamer.result import Result
from streamer.sources.base import State
from tests.support.sources import HandSource
from tests.support.squares import GREEN, RED, Squares, ids
from tests.support.stage import Stage, looking, make, playing, standing


async def until_looked_again(stage: Stage) -> list[dict[str, Any]]:
    """What is told until two more looks are behind it: one that was running, and one that began after."""
    told: list[dict[str, Any]] = []
    while len({message["looked_at"]["index"] for message in told}) < 3:
        told.append(await stage.frame())
        await asyncio.sleep(0.002)
    return told


async def test_a_picture_that_stands_is_told_with_the_masks_of_its_own_look(presented: Stage) -> None:
    message = await presented.frame()
    assert (message["frame"]["index"], message["stage"], message["reason"]) == (0, "keyframe", "start")
    assert message["looked_at"]["index"] == 0
    assert message["dropped"]["source"] == 0
    assert (presented.session.decoded, presented.session.told, presented.session.looked) == (1, 1, 1)


async def test_while_the_model_looks_every_frame_has_its_masks(
    presented: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await presented.frame()
    async with looking(monkeypatch):
        told = [await presented.frame() for _ in range(20)]
    assert [message["frame"]["index"] for message in told] == list(range(1, 21))
    assert {message["stage"] for message in told} == {"flow"}
    assert {message["looked_at"]["index"] for message in told} == {0}
    assert {message["looked_at"]["stage"] for message in told} == {"keyframe"}
    assert {tuple(ids(message)) for message in told} == {tuple(ids(first))}
    assert len(ids(first)) == 2
    ages = [message["looked_at"]["age_ms"] for message in told]
    assert ages == sorted(ages)
    assert all(age > message["age_ms"] for age, message in zip(ages, told, strict=True))
    assert told[-1]["dropped"]["source"] == 0


async def test_before_the_first_look_nothing_is_told_and_those_frames_count_as_dropped(
    presented: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with looking(monkeypatch):
        presented.source.give(5)
        await presented.source.taken()
        for _ in range(100):
            await asyncio.sleep(0.002)
        assert presented.session.last is None
    await presented.read("result")
    message = await presented.frame()
    assert message["dropped"]["source"] >= 4
    assert presented.session.decoded == presented.session.told + presented.session.dropped


async def test_after_a_removal_nothing_shows_the_object(presented: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the frames while a look is running that began before, nor its answer, nor what lies unsent."""
    gone = ids(await presented.frame())[0]
    async with looking(monkeypatch):
        assert gone in ids(await presented.frame())
        presented.source.give()
        await presented.source.taken()
        await presented.session.tracking.remove(gone)
        told = [await presented.frame() for _ in range(5)]
    told += await until_looked_again(presented)
    assert all(gone not in ids(message) for message in told)


async def test_after_an_edit_nothing_shows_the_old_list(presented: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await presented.frame()
    async with looking(monkeypatch):
        await presented.frame()
        presented.source.give()
        await presented.source.taken()
        await presented.session.tracking.set_prompts((GREEN,))
        told = [await presented.frame() for _ in range(3)]
    told += await until_looked_again(presented)
    for message in told:
        assert [entry["echo"]["text"] for entry in message["prompt_results"]] == ["green"]
        assert len(ids(message)) == 1


async def test_a_look_that_fails_is_told_and_two_drop_what_was_followed(
    presented: Stage, fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ids(await presented.frame())
    with monkeypatch.context() as broken:
        broken.setattr(fake_engine.need_model(), "embed", lambda _: 1 / 0)
        presented.source.give()
        assert "division" in (await presented.read("error"))["message"]
        assert ids(await presented.frame())  # one failure: what was found before is moved along
        await presented.read("error")
    presented.source.give()
    for _ in range(3):
        last = await presented.frame()
    assert last["type"] == "result"


async def test_what_is_recorded_never_holds_up_what_is_shown(fake_engine: Engine) -> None:
    written: list[int] = []
    go_on = asyncio.Event()

    async def write(_: Frame, result: Result) -> None:
        written.append(result.frame.index)
        await go_on.wait()

    async with playing(fake_engine, Squares(), config=Config(), prompts=(RED,), write=write) as stage:
        told = [await stage.frame() for _ in range(10)]
        assert [message["frame"]["index"] for message in told] == list(range(10))
        assert written == [0]
        go_on.set()
        stage.source.end()
        await stage.read("state")
    assert written == [0, 9]


async def test_frames_are_counted_by_results_and_by_looks(fake_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters()
    async with playing(fake_engine, Squares(), config=Config(), prompts=(RED,), counters=counters) as stage:
        await stage.frame()
        async with looking(monkeypatch):
            for _ in range(5):
                await stage.frame()
    value = counters.registry.get_sample_value
    assert value("streamer_results_total") == 6
    assert value("streamer_frames_decoded_total") == 6
    assert value("streamer_frames_dropped_total") == 0
    looked = value("streamer_frames_looked_at_total", {"stage": "keyframe"})
    assert looked is not None
    assert looked <= 2


async def test_only_what_was_looked_at_is_told_where_that_is_wanted_and_of_recordings(fake_engine: Engine) -> None:
    for config, live in ((Config(present="looked"), True), (Config(), False)):
        session = make(fake_engine, HandSource(live=live), config=config)
        assert session.presenting is None
    assert make(fake_engine, HandSource(), config=Config()).presenting is not None


async def test_a_frame_that_stands_is_told_again_with_the_masks_of_its_own_look(
    presented: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STANDS", 0.02)
    await presented.frame()
    moved = await presented.frame()
    own = await presented.read("result")
    assert [message["frame"]["index"] for message in (moved, own)] == [1, 1]
    assert (moved["stage"], moved["looked_at"]["index"]) == ("flow", 0)
    assert own["stage"] in ("refine", "keyframe")
    assert own["looked_at"]["index"] == 1
    assert (presented.session.told, presented.session.dropped) == (2, 0)


async def test_a_lost_camera_has_its_last_frame_told_once(presented: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await presented.frame()
    async with standing(presented, monkeypatch):
        assert presented.source.tell is not None
        presented.source.tell(State.RECONNECTING, "it hung up")
        assert (await presented.read("state"))["state"] == "reconnecting"
    assert not presented.reader._results.waiting
