"""A step of the model that does not come back: what waits is refused, and all is well again when it does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from streamer import engine as module
from streamer.engine import Engine
from streamer.errors import NotReady
from tests.support.leftovers import as_before


def fake_model() -> Any:
    return SimpleNamespace(name="FakeModel")


class HangingStep:
    """A step that does not come back until it is let go."""

    def __init__(self) -> None:
        self._begun, self._go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self._begun.set()
        assert self._go_on.wait(60)

    async def begun(self) -> None:
        await asyncio.to_thread(self._begun.wait, 60)

    def let_go(self) -> None:
        self._go_on.set()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(fake_model, max_waiting=2)
    await engine.load()
    yield engine
    await engine.close()


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.2)
    monkeypatch.setattr(module, "EVERY", 0.02)


class Watched:
    """An engine that is watched, and what was told of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.told: list[str | None] = []
        self.news = asyncio.Event()

    def tell(self, words: str | None) -> None:
        self.told.append(words)
        self.news.set()

    async def next(self) -> str | None:
        await self.news.wait()
        self.news.clear()
        return self.told[-1]


@contextlib.asynccontextmanager
async def watched(engine: Engine) -> AsyncIterator[Watched]:
    seen = Watched(engine)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(engine.watch(seen.tell))
        yield seen
        watching.cancel()


@pytest.mark.usefixtures("_quick")
async def test_what_waits_for_a_step_that_hangs_is_refused_and_asked_again_it_is_served(engine: Engine) -> None:
    step = HangingStep()

    async def request() -> str:
        async with engine.lane():
            return await engine.take_turn(lambda: "answer")

    async with watched(engine) as seen:
        hanging = asyncio.ensure_future(engine.take_turn(step))
        await step.begun()
        waiting = [asyncio.ensure_future(each) for each in (request(), request(), engine.order(lambda: "order"))]
        words = await seen.next()
        assert words is not None and "has not come back" in words
        for each in (*waiting, request(), engine.order(lambda: "order")):
            with pytest.raises(NotReady, match="hangs") as refusal:
                await each
            assert (refusal.value.status, "Retry-After" in refusal.value.headers) == (503, True)
        with pytest.raises(NotReady):
            engine.need_answers()
        assert engine.need_model().name == "FakeModel"  # what is known about it can still be told
        step.let_go()
        assert await seen.next() is None
        assert (await request(), await engine.order(lambda: "order")) == ("answer", "order")
        await hanging


@pytest.mark.usefixtures("_quick")
async def test_a_request_whose_own_step_hangs_is_answered(engine: Engine) -> None:
    step = HangingStep()

    async def request() -> None:
        async with engine.lane():
            await engine.take_turn(step)

    async with watched(engine):
        with pytest.raises(NotReady, match="hangs"):
            await request()
        assert engine.waiting == 0
        assert not engine.turn.locked()
        step.let_go()


@pytest.mark.usefixtures("_quick")
async def test_steps_that_take_long_as_a_rule_do_not_hang(engine: Engine) -> None:
    """Ten times the median, here of three steps of a second."""
    engine._steps.extend([1.0] * 3)
    async with watched(engine) as seen:
        await engine.take_turn(time.sleep, 2 * module.LONGEST)
        await asyncio.sleep(2 * module.EVERY)
        assert seen.told == []
        assert engine.limit >= 10.0


@pytest.mark.usefixtures("_quick")
async def test_loading_and_warming_up_may_take_as_long_as_they_take() -> None:
    """And what warming up takes says what a step may take."""

    def load() -> Any:
        time.sleep(2 * module.LONGEST)
        return fake_model()

    def warm(model: Any) -> float:
        time.sleep(2 * module.LONGEST)
        return 5.0

    engine = Engine(load, warm=warm)
    async with watched(engine) as seen:
        await engine.load()
        assert engine.limit == pytest.approx(15.0)
        await engine.take_turn(time.sleep, 2 * module.LONGEST)
        await asyncio.sleep(2 * module.EVERY)
        assert seen.told == []
    await engine.close()


@pytest.mark.usefixtures("_quick")
async def test_one_that_hangs_does_so_until_it_comes_back_whatever_another_model_may_take(engine: Engine) -> None:
    step = HangingStep()
    async with watched(engine) as seen:
        hanging = asyncio.ensure_future(engine.take_turn(step))
        assert await seen.next() is not None
        engine.renewed(1000.0)
        await asyncio.sleep(3 * module.EVERY)
        assert len(seen.told) == 1 and engine.hangs is not None
        step.let_go()
        assert await seen.next() is None
        await hanging


async def test_the_limit_is_thirty_seconds_or_ten_medians(engine: Engine) -> None:
    assert engine.limit == 30.0
    engine._steps.extend([0.1, 0.2, 60.0])
    assert engine.limit == 30.0
    engine._steps.extend([50.0, 60.0])
    assert engine.limit == 500.0


async def test_an_error_of_the_request_itself_is_not_taken_for_a_model_that_hangs(engine: Engine) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(TimeoutError, match="its own"):
            async with engine.lane():
                raise TimeoutError("its own")


async def test_closing_leaves_alone_what_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "ENDING", 0.1)
    engine = Engine(fake_model)
    await engine.load()
    step = HangingStep()
    async with asyncio.timeout(30), as_before():
        running = asyncio.ensure_future(engine.run(step))
        await step.begun()
        await engine.close()
        assert not running.done()
        step.let_go()
        await running
    assert "does not end: it is in" in caplog.text
