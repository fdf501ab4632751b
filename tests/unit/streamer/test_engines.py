"""Several devices in one process: which is asked, and what is told of all of them together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from streamer import engine as module
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import NotReady


def fake_model() -> Any:
    return SimpleNamespace(name="nano", device="cpu")


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    engines = Engines(*(Engine(fake_model, name=name) for name in ("cpu#1", "cpu#2")))
    await engines.load()
    async with asyncio.timeout(60):
        yield engines
    await engines.close()


async def test_each_has_a_thread_and_a_model_of_its_own(engines: Engines) -> None:
    first, second = engines.all
    assert first.need_model() is not second.need_model()
    both = await asyncio.gather(*(engine.run(threading.get_ident) for engine in engines.all))
    assert len(set(both)) == 2


async def test_nothing_answers_until_the_model_is_on_all_of_them() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def late() -> Any:
        begun.set()
        assert go_on.wait(60)
        return fake_model()

    engines = Engines(Engine(fake_model), Engine(late))
    loading = asyncio.ensure_future(engines.load())
    await asyncio.to_thread(begun.wait, 60)
    assert engines.all[0].ready
    assert (engines.model, engines.answering) == (None, [])
    for ask in (engines.need_model, engines.need_answers, engines.need_one, engines.idlest):
        with pytest.raises(NotReady, match="still being loaded"):
            ask()
    go_on.set()
    await loading
    assert engines.answering == list(engines.all)
    await engines.close()


async def test_one_that_cannot_be_loaded_is_the_failure_of_all() -> None:
    def fail() -> Any:
        raise ValueError("no weights")

    engines = Engines(Engine(fake_model), Engine(fail))
    with pytest.raises(ValueError, match="no weights"):
        await engines.load()
    assert str(engines.failure) == "no weights"
    await engines.close()


async def test_a_request_goes_where_fewer_wait_then_where_less_is_done(engines: Engines) -> None:
    first, second = engines.all
    assert engines.idlest() is first
    async with first.lane():
        assert (engines.waiting, engines.idlest()) == (1, second)
        async with second.lane():
            assert engines.idlest() is first
    await first.take_turn(time.sleep, 0.2 * module.SHORTEST)
    assert first.share >= 0.2 > second.share == 0.0
    assert engines.idlest() is second


async def test_a_share_is_of_the_time_since_the_oldest_step_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    engine = Engine(fake_model)
    engine._begins.extend([100.0, 101.0])
    engine._steps.extend([0.5, 0.5])
    for now, share in ((100.5, 1.0), (102.0, 0.5), (110.0, 0.1)):  # noqa: B007  (the clock reads it)
        assert engine.share == pytest.approx(share)
    engine.renewed(0.0)
    assert engine.share == 0.0


async def test_one_that_hangs_is_passed_over_and_told_of(engines: Engines) -> None:
    first, second = engines.all
    first._hanging = time.monotonic()
    assert (engines.hangs, engines.answering, engines.idlest()) == (True, [second], second)
    with pytest.raises(NotReady, match="hangs"):
        engines.need_answers()
    second._hanging = time.monotonic()
    with pytest.raises(NotReady, match="hangs"):
        engines.need_one()


async def test_who_watches_hears_which_one_broke(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)
    told: list[tuple[Engine, str | None]] = []
    broke = asyncio.Event()
    watching = asyncio.ensure_future(
        engines.watch(lambda engine, why: told.append((engine, why)), lambda _: broke.set())
    )
    engines.all[1].faults.note(RuntimeError("CUDA error: an illegal memory access was encountered"))
    await broke.wait()
    watching.cancel()
    assert [engine for engine, _ in told] == [engines.all[1]]
    assert engines.broken is not None and engines.broken.startswith("cpu#2: The device broke: CUDA error")
    assert engines.failure is not None


async def test_stopping_refuses_on_all_of_them(engines: Engines) -> None:
    engines.stop()
    for engine in engines.all:
        with pytest.raises(NotReady, match="being stopped"):
            engine.need_answers()
