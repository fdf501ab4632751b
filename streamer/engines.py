"""The devices of one server: an engine for each, which of them is asked, and another model on all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import Protocol

from streamer.engine import Engine
from streamer.errors import NotReady
from tracker import Sam3


class Change(Protocol):
    """How one model takes another's place."""

    def load(self, device: str | None) -> Sam3:
        """Make it for a device. Runs on a thread of its own."""
        ...

    def ready(self, model: Sam3) -> float:
        """Warm it up; seconds as ``warm`` of :class:`Engine` tells them."""
        ...

    def rest(self, engine: Engine, why: str | None) -> None:
        """Why an engine answers nothing from now on; None: it does again. On the event loop."""
        ...

    def adopt(self, engine: Engine, model: Sam3) -> None:
        """Take what holds something of an engine's old model over to the new one. On its thread, in a turn."""
        ...

    def done(self) -> None:
        """Tell of it, before anybody gets a turn. On the event loop."""
        ...


class Engines:
    """
    One engine for each device, the same model on each.

    A stream belongs to one of them for its life: what it remembers lies there. One with the model on one device is the
    same as that engine alone.
    """

    def __init__(self, *engines: Engine) -> None:
        self.all = engines
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loading")  # another model, while these answer

    @property
    def model(self) -> Sam3 | None:
        """The first device's, once it is there on all of them."""
        return self.all[0].model if all(engine.ready for engine in self.all) else None

    @property
    def waiting(self) -> int:
        """HTTP requests in line."""
        return sum(engine.waiting for engine in self.all)

    @property
    def failure(self) -> Exception | None:
        """Why a model could not be loaded, or its device broke."""
        return next((engine.failure for engine in self.all if engine.failure is not None), None)

    @property
    def broken(self) -> str | None:
        """Why a device will not work in this process any more; None: all of them do."""
        return next((self._of(engine, why) for engine in self.all if (why := engine.faults.broken) is not None), None)

    @property
    def hangs(self) -> bool:
        """Whether a step on one of them does not come back."""
        return any(engine.hangs is not None for engine in self.all)

    @property
    def answering(self) -> list[Engine]:
        """Those that answer at the moment; none while the model is not there on all of them."""
        return [engine for engine in self.all if _answers(engine)] if self.model is not None else []

    async def load(self) -> None:
        """Load the model on one after the other, each on its thread. On failure the reason is kept and raised."""
        for engine in self.all:
            await engine.load()

    def need_model(self) -> Sam3:
        """The model, or NotReady with the reason why it is not there on all of them yet."""
        found = [engine.need_model() for engine in self.all]
        return found[0]

    def need_answers(self) -> Sam3:
        """The model, or NotReady where one of them does not answer."""
        self.need_model()
        found = [engine.need_answers() for engine in self.all]
        return found[0]

    def need_one(self) -> list[Engine]:
        """Those that answer, or NotReady where none does."""
        self.need_model()
        answering = self.answering
        if not answering:
            self.need_answers()
        return answering

    def idlest(self) -> Engine:
        """The one for a request: that with the fewest in line, then in tenths of its time. Raises NotReady."""
        return min(self.need_one(), key=lambda engine: (engine.waiting, round(engine.share, 1)))

    async def watch(
        self, tell: Callable[[Engine, str | None], None], broke: Callable[[Exception], None] | None = None
    ) -> None:
        """Look for ever whether a step of one hangs: ``tell`` hears of which and why; ``broke``: a device did."""
        async with asyncio.TaskGroup() as tasks:
            for engine in self.all:
                tasks.create_task(engine.watch(partial(tell, engine), broke))

    async def change(self, change: Change) -> None:
        """
        Go over to another model, between two turns and two requests. What loading it raises is raised; this one stays.

        It is loaded on a thread of its own, while the present one goes on answering, and on a CPU made ready there too.
        Elsewhere compiled parts belong to the model's thread: what is asked meanwhile is refused with NotReady. All
        devices go over at once, or all go back to the present one.
        """
        loop = asyncio.get_running_loop()
        models = [await loop.run_in_executor(self._loader, change.load, engine.device) for engine in self.all]
        beside = all(model.device.type == "cpu" for model in models)
        took = [await loop.run_in_executor(self._loader, change.ready, each) for each in models] if beside else []
        async with AsyncExitStack() as held:
            for engine in self.all:
                await held.enter_async_context(engine.alone())
            await self._take(models, took or await self._made_ready(models, change), change)

    async def _made_ready(self, models: Sequence[Sam3], change: Change) -> list[float]:
        """Each on its engine's thread, one after the other: they are timed. Returns the seconds that it took."""
        for engine in self.all:
            engine.rest(f"The model {models[0].name} is being made ready.")
            change.rest(engine, engine.silence)
        try:
            return [await engine.run(change.ready, model) for engine, model in zip(self.all, models, strict=True)]
        finally:
            for engine in self.all:
                engine.rest(None)
                change.rest(engine, engine.silence)

    async def _take(self, models: Sequence[Sam3], took: Sequence[float], change: Change) -> None:
        before = [engine.need_model() for engine in self.all]
        try:
            await self._go_over(models, change)
        except Exception:
            await self._go_over(before, change)
            change.done()
            raise
        for engine, seconds in zip(self.all, took, strict=True):
            engine.renewed(seconds)
        change.done()

    async def _go_over(self, models: Sequence[Sam3], change: Change) -> None:
        for engine, model in zip(self.all, models, strict=True):
            await engine.take(model, partial(change.adopt, engine))

    def stop(self) -> None:
        """The server ends: refuse what waits for a model, and what comes."""
        for engine in self.all:
            engine.stop()

    async def close(self) -> None:
        """Drop what waits, and end the threads."""
        self._loader.shutdown(wait=False, cancel_futures=True)
        await asyncio.gather(*(engine.close() for engine in self.all))

    def _of(self, engine: Engine, words: str) -> str:
        """The same words, with the device where there are several."""
        return words if len(self.all) == 1 else f"{engine.name}: {words}"


def _answers(engine: Engine) -> bool:
    try:
        engine.need_answers()
    except NotReady:
        return False
    return True
