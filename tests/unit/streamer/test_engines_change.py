"""One model takes another's place: between turns and requests, on every device, and nothing is half changed."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from streamer import engine as module
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import NotReady


def fake_model(name: str = "old", device: str = "cpu") -> Any:
    return SimpleNamespace(name=name, device=SimpleNamespace(type=device))


class Change:
    """A change to a model called ``new``; notes what is called on which thread, and may be held or fail."""

    def __init__(self, device: str = "cpu", fail: str = "", held: str = "") -> None:
        self.calls: list[tuple[str, str]] = []
        self.rests: list[str | None] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self._device, self._fail, self._held = device, fail, held

    def _note(self, call: str) -> None:
        self.calls.append((call, threading.current_thread().name.partition("_")[0]))
        if call == self._held:
            self.begun.set()
            assert self.go_on.wait(60)
        if call == self._fail:
            raise ValueError(f"{call} failed")

    def load(self, device: str | None) -> Any:
        self._note("load")
        return fake_model("new", self._device)

    def ready(self, model: Any) -> float:
        self._note("ready")
        return 3.0

    def rest(self, engine: Engine, why: str | None) -> None:
        self.rests.append(why)

    def adopt(self, engine: Engine, model: Any) -> None:
        self._note("adopt")

    def done(self) -> None:
        self._note("done")


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(fake_model, max_waiting=2)
    await engine.load()
    async with asyncio.timeout(60):
        yield engine
    await engine.close()


async def test_it_is_loaded_beside_the_old_one_and_taken_over_on_the_models_thread(engine: Engine) -> None:
    change = Change()
    await Engines(engine).change(change)
    assert change.calls == [("load", "loading"), ("ready", "loading"), ("adopt", "model"), ("done", "MainThread")]
    assert (engine.need_model().name, change.rests) == ("new", [])
    assert engine.limit >= 9.0


@pytest.mark.parametrize("held", ["load", "ready"])
async def test_while_it_is_loaded_the_old_one_answers(engine: Engine, held: str) -> None:
    change = Change(held=held)
    async with asyncio.TaskGroup() as tasks:
        changing = tasks.create_task(Engines(engine).change(change))
        await asyncio.to_thread(change.begun.wait, 60)
        async with engine.lane() as model:
            assert (model.name, await engine.take_turn(lambda: "answered")) == ("old", "answered")
        assert await engine.order(lambda: 1) == 1
        assert not changing.done()
        change.go_on.set()
    assert engine.need_model().name == "new"


@pytest.mark.parametrize("fail", ["load", "ready"])
async def test_one_that_fails_leaves_the_old_one(engine: Engine, fail: str) -> None:
    change = Change(fail=fail)
    with pytest.raises(ValueError, match=f"{fail} failed"):
        await Engines(engine).change(change)
    assert engine.need_answers().name == "old"
    assert await engine.take_turn(lambda: 1) == 1
    await Engines(engine).change(Change())
    assert engine.need_model().name == "new"


async def test_who_has_the_lane_or_a_turn_keeps_the_old_one_to_its_end(engine: Engine) -> None:
    change, seen = Change(held="ready"), []
    async with asyncio.TaskGroup() as tasks, engine.lane() as model:
        changing = tasks.create_task(Engines(engine).change(change))
        behind = tasks.create_task(_name(engine))
        await asyncio.to_thread(change.begun.wait, 60)
        change.go_on.set()
        for _ in range(5):
            seen.append((model.name, await engine.take_turn(lambda: engine.need_model().name)))
        assert not changing.done()
    assert seen == [("old", "old")] * 5
    assert behind.result() in ("old", "new") and engine.need_model().name == "new"


async def _name(engine: Engine) -> str:
    async with engine.lane() as model:
        assert model is engine.need_model()
        return model.name


async def test_what_waits_in_line_behind_the_change_meets_the_new_one(engine: Engine) -> None:
    change = Change(held="adopt")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Engines(engine).change(change))
        await asyncio.to_thread(change.begun.wait, 60)
        behind = tasks.create_task(_name(engine))
        made = tasks.create_task(engine.run(lambda: engine.need_model().name))
        await asyncio.sleep(0)
        change.go_on.set()
    assert (behind.result(), made.result()) == ("new", "new")


async def test_off_the_cpu_it_is_made_ready_on_the_models_thread_and_what_is_asked_meanwhile_is_refused() -> None:
    engine, told = Engine(fake_model, max_waiting=2), list[str | None]()
    await engine.load()
    change, begun = Change("cuda", held="ready"), threading.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(engine.watch(told.append))
        changing = tasks.create_task(Engines(engine).change(change))
        await asyncio.to_thread(change.begun.wait, 60)
        asked: list[Callable[[], Any]] = [lambda: _name(engine), lambda: engine.order(begun.is_set)]
        for ask in asked:
            with pytest.raises(NotReady, match="The model new is being made ready") as refusal:
                await ask()
            assert "Retry-After" in refusal.value.headers
        change.go_on.set()
        await changing
        watching.cancel()
    assert change.calls[1] == ("ready", "model")
    assert change.rests == ["The model new is being made ready.", None] and told == []
    assert await _name(engine) == "new"
    await engine.close()


async def test_one_that_fails_off_the_cpu_leaves_the_old_one_answering(engine: Engine) -> None:
    change = Change("cuda", fail="ready")
    with pytest.raises(ValueError, match="ready failed"):
        await Engines(engine).change(change)
    assert (change.rests[-1], await _name(engine)) == (None, "old")


class Places(Change):
    """A change that notes the devices it loads for and the engines that adopt it; adopting fails there once."""

    def __init__(self, device: str = "cpu", fails: Engine | None = None) -> None:
        super().__init__(device, held="load")
        self.go_on.set()
        self.loaded: list[str | None] = []
        self.adopted: list[tuple[Engine, str]] = []
        self._fails = fails

    def load(self, device: str | None) -> Any:
        self.loaded.append(device)
        return super().load(device)

    def adopt(self, engine: Engine, model: Any) -> None:
        self.adopted.append((engine, model.name))
        if engine is self._fails and model.name == "new":
            raise ValueError("adopting failed")


@pytest.fixture
async def pair() -> AsyncIterator[Engines]:
    engines = Engines(Engine(fake_model, device="one"), Engine(fake_model, device="two"))
    await engines.load()
    async with asyncio.timeout(60):
        yield engines
    await engines.close()


def names(engines: Engines) -> list[str]:
    return [engine.need_answers().name for engine in engines.all]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
async def test_all_devices_go_over_in_one_moment(pair: Engines, device: str) -> None:
    change, (first, second) = Places(device), pair.all
    seen: list[list[str]] = []
    change.done = lambda: seen.append([engine.need_model().name for engine in pair.all])  # type: ignore[method-assign]
    async with second.turn:
        changing = asyncio.ensure_future(pair.change(change))
        await asyncio.to_thread(change.begun.wait, 60)
        for _ in range(5):
            await asyncio.sleep(0)
        assert names(pair) == ["old", "old"]  # until the last of them is free
    await changing
    assert (change.loaded, change.adopted) == (["one", "two"], [(first, "new"), (second, "new")])
    assert seen == [names(pair)] == [["new", "new"]]
    assert change.rests == ([] if device == "cpu" else ["The model new is being made ready."] * 2 + [None] * 2)


async def test_no_device_is_held_for_one_that_hangs_meanwhile(pair: Engines) -> None:
    first, second = pair.all
    async with second.turn:
        changing = asyncio.ensure_future(pair.change(Change()))
        await _until(second._lane.locked)
        second._hanging = time.monotonic()
        second._give_up()
        with pytest.raises(NotReady, match="hangs"):
            await changing
    async with asyncio.timeout(10), first.alone():
        assert first.need_model().name == "old"


async def test_one_that_a_device_cannot_take_is_taken_from_the_others_again(pair: Engines) -> None:
    first, second = pair.all
    change = Places(fails=second)
    with pytest.raises(ValueError, match="adopting failed"):
        await pair.change(change)
    assert names(pair) == ["old", "old"]
    assert change.adopted == [(first, "new"), (second, "new"), (first, "old"), (second, "old")]
    assert change.calls[-1][0] == "done"  # streams that lost what they followed are told


async def test_one_that_cannot_be_made_ready_on_the_second_leaves_the_old_one_on_both(pair: Engines) -> None:
    change, readied = Places("cuda"), list[str]()

    def ready(model: Any) -> float:
        readied.append(model.name)
        if len(readied) == 2:
            raise ValueError("no room")
        return 1.0

    change.ready = ready  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="no room"):
        await pair.change(change)
    assert (names(pair), change.adopted, change.rests[-1]) == (["old", "old"], [], None)


@pytest.mark.parametrize("meanwhile", [True, False])
async def test_a_device_that_hangs_is_told_as_hanging_until_it_comes_back(
    monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    """An order on the second hangs while the third is waited for; it comes back before, or after, the change failed."""
    monkeypatch.setattr(module, "LONGEST", 0.02)
    monkeypatch.setattr(module, "EVERY", 0.001)
    engines = Engines(*(Engine(fake_model) for _ in range(3)))
    await engines.load()
    _, second, third = engines.all
    change, let_go, told = Change("cuda", fail="ready", held="ready"), threading.Event(), [""]

    def tell(engine: Engine, why: str | None) -> None:
        if engine is second:
            told.append("answers" if why is None else "hangs" if "has not come back" in why else why)

    change.rest = tell  # type: ignore[method-assign]
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(engines.watch(tell))
        async with third.turn:
            changing = asyncio.gather(engines.change(change), return_exceptions=True)
            await _until(third._lane.locked)
            order = asyncio.gather(second.order(lambda: let_go.wait(60)), return_exceptions=True)
            await _until(lambda: told[-1] == "hangs")
        await asyncio.to_thread(change.begun.wait, 60)
        await asyncio.sleep(20 * module.EVERY)
        assert told[-1] == "hangs"
        if meanwhile:
            let_go.set()
            await _until(lambda: told[-1] != "hangs")
        change.go_on.set()
        await asyncio.gather(changing, order)
        await asyncio.sleep(20 * module.EVERY)
        assert told[-1] == ("answers" if meanwhile else "hangs")
        let_go.set()
        await _until(lambda: told[-1] == "answers")
        watching.cancel()
    ready = ["The model new is being made ready."] * meanwhile
    assert [each for each, _ in itertools.groupby(told)] == ["", "hangs", *ready, "answers"]
    await engines.close()


async def _until(reached: Callable[[], bool]) -> None:
    """Return once that is so: what nothing tells of."""
    while not reached():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
