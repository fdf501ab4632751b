"""A session's tracker on the model thread: what it is asked, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from benchmarks.support.fake_model import FakeModel
from streamer.engine import Engine
from streamer.errors import BadRequest, Conflict, FrameGone, NotFound
from tests.support.sources import HandSource
from tests.support.stage import Stage, make, playing
from tracker import Box, Point, Prompt, Sam3, TrackerError


async def test_a_step_that_raises_is_that_frames_error_and_the_stream_goes_on(
    stage: Stage, model: Sam3, monkeypatch: pytest.MonkeyPatch
) -> None:
    resets: list[int] = []
    await stage.frame()
    tracker = stage.session.tracking._tracker
    assert tracker is not None
    reset = tracker.reset

    def counted() -> None:
        resets.append(1)
        reset()

    monkeypatch.setattr(tracker, "reset", counted)
    with monkeypatch.context() as broken:

        def embed(image: object) -> Any:
            raise RuntimeError("out of memory")

        broken.setattr(model, "embed", embed)
        first = await stage.frame()
        assert first["type"] == "error"
        assert first["frame"]["index"] == 1
        assert "out of memory" in first["message"]
        assert resets == []
        second = await stage.frame()
        assert second["type"] == "error"
        assert "dropped; the prompts are kept" in second["message"]
        assert resets == [1]
    healthy = await stage.frame()
    assert healthy["type"] == "result"
    assert healthy["frame"]["index"] == 3
    assert [entry["echo"]["text"] for entry in healthy["prompt_results"]] == ["red circle"]


async def test_one_failure_between_healthy_frames_resets_nothing(
    stage: Stage, model: Sam3, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.frame()
    monkeypatch.setattr(stage.session.tracking._tracker, "reset", lambda: pytest.fail("was reset"))
    for _ in range(2):
        with monkeypatch.context() as broken:
            broken.setattr(model, "embed", lambda image: 1 / 0)
            assert (await stage.frame())["type"] == "error"
        assert (await stage.frame())["type"] == "result"


@pytest.mark.parametrize(("live", "asked"), [(True, 1), (False, 2)])
async def test_a_live_stream_asks_in_turn_where_a_word_takes_long_and_a_recording_does_not(
    fake_engine: Engine, live: bool, asked: int
) -> None:
    model = cast(FakeModel, fake_engine.need_model())
    model.word_seconds = 60.0
    async with playing(fake_engine, HandSource(live=live), prompts=(Prompt("red"), Prompt("green"))) as stage:
        await stage.frame()
    assert len(model.asked) == asked


async def test_prompts_are_replaced_and_seen_in_the_next_result(stage: Stage) -> None:
    await stage.frame()
    await stage.session.tracking.set_prompts([Prompt("star"), Prompt("square")])
    assert [prompt.text for prompt in stage.session.prompts] == ["star", "square"]
    message = await stage.frame()
    assert [entry["echo"]["text"] for entry in message["prompt_results"]] == ["star", "square"]


async def test_prompts_may_be_set_before_the_first_frame(stage: Stage) -> None:
    await stage.session.tracking.set_prompts([Prompt("star")])
    message = await stage.frame()
    assert [entry["echo"]["text"] for entry in message["prompt_results"]] == ["star"]


async def test_a_click_makes_an_object_of_the_frame_that_was_seen(stage: Stage) -> None:
    await stage.frame()
    frame = stage.session.recent.find(index=0)
    answer = await stage.session.tracking.click(frame, [Point(30, 20)])
    assert answer.frame_index == 0
    message = await stage.frame()
    extra = message["prompt_results"][1]
    assert extra["echo"] == {"prompt_index": 1, "type": "visual", "text": None, "num_boxes": 0}
    assert [each["object_id"] for each in extra["predictions"]] in ([answer.object_id], [])
    await stage.session.tracking.remove(answer.object_id)
    with pytest.raises(NotFound) as unknown:
        await stage.session.tracking.remove(answer.object_id)
    assert unknown.value.field == "object_id"


@contextlib.asynccontextmanager
async def bursts(engine: Engine, fps: int) -> AsyncIterator[Stage]:
    """A session whose frames are evenly spaced in time but arrive ten at once, a day between two bursts."""
    source = HandSource(ticks=90_000 // fps, arrive=lambda index: index // 10 * 86_400.0)
    async with playing(engine, source) as stage:
        await stage.frame()
        yield stage


async def burst(stage: Stage, engine: Engine, frames: int) -> None:
    """Let frames come while the model is busy: the last of them is looked at, the others are dropped."""
    async with engine.turn:
        stage.source.give(frames)
        await stage.source.taken()
    await stage.read("result")


async def test_a_click_on_a_dropped_frame_is_answered_by_the_streams_clock_and_not_by_arrival(engine: Engine) -> None:
    async with bursts(engine, fps=30) as stage:
        await burst(stage, engine, 9)
        await burst(stage, engine, 10)  # of which frame 10 was a thirtieth of a second after frame 9
        answer = await stage.session.tracking.click(stage.session.recent.find(index=10), [Point(30, 20)])
        assert answer.frame_index == 9
        boxed = await stage.session.tracking.box(stage.session.recent.find(index=11), Box(10, 10, 40, 40))
        assert boxed.frame_index == 9


async def test_frames_that_only_arrived_together_do_not_stand_for_each_other(engine: Engine) -> None:
    async with bursts(engine, fps=5) as stage:
        await burst(stage, engine, 9)
        with pytest.raises(FrameGone) as gone:  # 0.8 s after frame 0, 1 s before frame 9
            await stage.session.tracking.click(stage.session.recent.find(index=4), [Point(30, 20)])
        assert (gone.value.available, gone.value.field) == ((0, 9), "frame_index")
        prompt = Prompt(boxes=(Box(10, 10, 40, 40),))
        with pytest.raises(FrameGone):
            await stage.session.tracking.set_prompts([prompt], stage.session.recent.find(index=4))


async def test_after_its_end_a_session_takes_no_orders(engine: Engine) -> None:
    source = HandSource()
    source.end()
    session = make(engine, source)
    async with asyncio.timeout(100):
        await session.run()
    with pytest.raises(Conflict, match="has ended"):
        await session.tracking.set_prompts([])
    with session.subscribe() as reader:
        assert [json.loads(message)["state"] async for message in reader] == ["ended"]


async def test_the_newest_frames_embedding_can_be_had(stage: Stage) -> None:
    with pytest.raises(NotFound, match="looked at yet") as nothing:
        await stage.session.tracking.present()
    assert nothing.value.field == "image"
    for index in range(3):
        await stage.frame()
        found, embedding = await stage.session.tracking.present()
        assert found == index
        assert (embedding.width, embedding.height) == (64, 48)
        assert embedding.trunk is not None


async def test_what_is_newest_is_what_was_looked_at_and_not_what_came_in(stage: Stage, engine: Engine) -> None:
    await stage.frame()
    async with engine.turn:
        stage.source.give(5)
        await stage.source.taken()
        asking = asyncio.gather(stage.session.tracking.present())  # in line behind the session's own next step
        await asyncio.sleep(0)
    ((index, _),) = await asking
    assert index in (0, 5)
    await stage.read("result")
    assert (await stage.session.tracking.present())[0] == 5


async def test_an_ended_session_has_no_newest_frame(engine: Engine) -> None:
    source = HandSource(live=False)
    source.give(2)
    source.end()
    session = make(engine, source)
    async with asyncio.timeout(100):
        await session.run()
    with pytest.raises(Conflict, match="has ended"):
        await session.tracking.present()


async def test_what_the_tracker_refuses_is_a_bad_request(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.frame()

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise TrackerError("too many objects")

    monkeypatch.setattr(stage.session.tracking._tracker, "box", refuse)
    with pytest.raises(BadRequest, match="too many objects"):
        await stage.session.tracking.box(stage.session.recent.find(index=0), Box(1, 2, 3, 4))
