"""The model thread and its turn."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from streamer import engine as module
from streamer.engine import Engine
from streamer.errors import DeviceBroke, NotReady, TooMany


def fake_model() -> Any:
    return SimpleNamespace(name="FakeModel")


def held(busy: threading.Event, go_on: threading.Event) -> None:
    """Keep the thread that runs this busy."""
    busy.set()
    assert go_on.wait(60)


@pytest.fixture
async def engine() -> Any:
    engine = Engine(fake_model, max_waiting=2)
    await engine.load()
    yield engine
    await engine.close()


async def test_the_model_is_loaded_on_its_thread() -> None:
    threads: list[str] = []

    def load() -> Any:
        threads.append(threading.current_thread().name)
        return fake_model()

    engine = Engine(load)
    ready = [engine.ready]
    with pytest.raises(NotReady, match="still being loaded"):
        engine.need_model()
    await engine.load()
    assert [*ready, engine.ready] == [False, True]
    assert threads[0].startswith("model")
    await engine.close()


async def test_a_model_that_cannot_be_loaded_is_refused_with_its_reason() -> None:
    def load() -> Any:
        raise ValueError("key backbone.0 is missing")

    engine = Engine(load)
    with pytest.raises(ValueError, match="backbone"):
        await engine.load()
    with pytest.raises(NotReady) as refusal:
        engine.need_model()
    assert refusal.value.status == 503
    assert refusal.value.detail == "key backbone.0 is missing"
    await engine.close()


async def test_an_order_waits_for_no_turn_and_runs_between_the_stages_of_a_look(engine: Engine) -> None:
    done: list[str] = []
    started, go_on = threading.Event(), threading.Event()

    def look() -> None:
        done.append("embed")
        started.set()
        assert go_on.wait(60)
        engine.between()
        done.append("detect")

    def order() -> str:
        done.append("order")
        return threading.current_thread().name

    async with asyncio.timeout(60), engine.turn:
        looking = asyncio.ensure_future(engine.run(look))
        await asyncio.to_thread(started.wait, 60)
        ordering = asyncio.ensure_future(engine.order(order))
        await asyncio.sleep(0)  # it is in line now
        go_on.set()
        assert (await ordering).startswith("model")
        await looking
    assert done == ["embed", "order", "detect"]
    assert await engine.order(lambda: "alone") == "alone"


async def test_an_order_that_fails_or_is_given_up_harms_nobody(engine: Engine) -> None:
    def refuse() -> None:
        raise ValueError("no such object")

    busy, go_on = threading.Event(), threading.Event()
    running = asyncio.ensure_future(engine.run(held, busy, go_on))
    await asyncio.to_thread(busy.wait, 60)
    refused, given_up, kept = (asyncio.ensure_future(engine.order(work)) for work in (refuse, refuse, lambda: 3))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(ValueError, match="no such object"):
        await refused
    assert await kept == 3
    assert given_up.cancelled()
    await running


async def test_orders_that_come_meanwhile_do_not_hold_up_a_look(engine: Engine) -> None:
    """Each makes the next: a look between whose stages they run must end all the same."""
    count = 0

    def again() -> None:
        nonlocal count
        count += 1
        if count < 50:
            engine._orders.append((Future(), again))

    def look() -> int:
        engine.between()
        return count

    engine._orders.append((Future(), again))
    assert await engine.run(look) == 1


async def test_closing_gives_up_what_waits() -> None:
    engine = Engine(fake_model)
    await engine.load()
    busy, go_on = threading.Event(), threading.Event()
    running = asyncio.ensure_future(engine.run(held, busy, go_on))
    await asyncio.to_thread(busy.wait, 60)
    waiting = asyncio.ensure_future(engine.order(lambda: 1))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(engine.close())
    await asyncio.sleep(0.05)
    go_on.set()
    await closing
    with contextlib.suppress(asyncio.CancelledError):
        assert await waiting == 1
    assert waiting.done()
    await running


async def test_everything_runs_on_one_thread_in_order(engine: Engine) -> None:
    seen: list[tuple[int, int]] = []
    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(engine.run(lambda number: seen.append((number, threading.get_ident())), number))
    assert [number for number, _ in seen] == list(range(20))
    assert len({thread for _, thread in seen}) == 1


async def test_turns_are_taken_round_robin(engine: Engine) -> None:
    order: list[str] = []

    async def session(name: str) -> None:
        for _ in range(5):
            await engine.take_turn(order.append, name)

    async with asyncio.TaskGroup() as tasks:
        for name in "abc":
            tasks.create_task(session(name))
    assert "".join(order) == "abc" * 5


async def test_what_was_cancelled_in_the_middle_leaves_the_turn_free(engine: Engine) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def step() -> None:
        begun.set()
        go_on.wait(10)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(engine.take_turn(step))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        after = tasks.create_task(engine.take_turn(lambda: "next"))
        await asyncio.sleep(0)
        go_on.set()
    assert after.result() == "next"


async def test_one_request_holds_the_lane_and_only_some_wait_behind_it(engine: Engine) -> None:
    free = asyncio.Event()
    inside = 0

    async def request() -> None:
        nonlocal inside
        async with engine.lane() as model:
            inside += 1
            assert model.name == "FakeModel"
            assert inside == 1
            await free.wait()
            inside -= 1

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(request()) for _ in range(3)]
        await asyncio.sleep(0)
        for _ in range(20):
            with pytest.raises(TooMany) as refusal:
                await request()
        assert refusal.value.headers == {"Retry-After": "1"}
        free.set()
    assert all(task.done() for task in waiting)
    async with engine.lane():  # and the line is empty again
        pass


async def test_requests_that_wait_for_other_servers_have_places_of_their_own(engine: Engine) -> None:
    """As many as the lane's, and neither takes the other's."""
    with contextlib.ExitStack() as places:
        for _ in range(3):
            places.enter_context(engine.outside())
        with pytest.raises(TooMany, match="pictures from other servers") as refusal, engine.outside():
            raise AssertionError("was let in")
        assert refusal.value.headers == {"Retry-After": "1"}
        async with asyncio.timeout(10), engine.lane():
            assert await engine.take_turn(lambda: "free") == "free"
    with engine.outside():
        pass


async def test_a_place_outside_is_given_back_when_the_other_server_fails(engine: Engine) -> None:
    for _ in range(10):
        with pytest.raises(ValueError, match="unreachable"), engine.outside():
            raise ValueError("unreachable")
    async with asyncio.timeout(10), engine.lane():
        for _ in range(10):
            with engine.outside():
                pass


async def test_closing_waits_for_what_runs_and_drops_what_waits() -> None:
    engine = Engine(fake_model)
    begun, go_on, done = threading.Event(), threading.Event(), []

    def step() -> None:
        begun.set()
        go_on.wait(10)
        done.append("step")

    async with asyncio.timeout(20):
        running = engine.run(step)
        waiting = engine.run(done.append, "never")
        both = asyncio.gather(running, waiting, return_exceptions=True)
        await asyncio.to_thread(begun.wait, 10)
        closing = asyncio.gather(engine.close())
        await asyncio.sleep(0)
        go_on.set()
        await closing
        outcomes = await both
    assert done == ["step"]
    assert isinstance(outcomes[1], asyncio.CancelledError)


async def test_a_device_that_broke_refuses_what_waits_and_what_comes_and_is_told_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(module, "EVERY", 0.01)
    told: list[str | None] = []
    broke: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
    watching = asyncio.create_task(engine.watch(told.append, broke.set_result))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        await engine.take_turn(broken)
    assert isinstance(await broke, DeviceBroke)
    assert told == ["The device broke: CUDA error: an illegal memory access was encountered"]
    with pytest.raises(DeviceBroke, match="The device of the model broke"):
        async with engine.lane():
            pass
    watching.cancel()


async def test_a_step_without_room_is_that_steps_error_alone(engine: Engine) -> None:
    def full() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    counted: list[None] = []
    engine.faults.counted = lambda: counted.append(None)
    for _ in range(10):
        with pytest.raises(torch.OutOfMemoryError):
            await engine.take_turn(full)
        assert await engine.take_turn(lambda: 1) == 1
    assert len(counted) == 10
    engine.need_answers()
