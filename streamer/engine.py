"""One thread owns the model. Everybody else waits in line for a turn."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import ParamSpec, TypeVar

from streamer.config import Config
from streamer.errors import NotReady, TooMany
from tracker import Sam3, accelerate, load_model, plain, set_threads, warm_up

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)


class Engine:
    """
    The model, its thread, and the turn.

    ``turn`` is an asyncio lock, and those are first come, first served: with one request in line for each session that
    is round robin. Model state is touched by functions given to :meth:`run` and by nothing else, and they run one after
    the other in the order they were given.

    HTTP requests come through :meth:`lane`: one of them at a time stands in line for turns, at most ``max_waiting``
    wait behind it, and the next is refused, so that no number of requests can crowd out the sessions. What a request
    needs from elsewhere it gets before, in :meth:`outside`, where as many may be: a slow web server holds up nobody.
    """

    def __init__(self, load: Callable[[], Sam3], *, max_waiting: int = 8) -> None:
        self.model: Sam3 | None = None
        self.turn = asyncio.Lock()
        self.failure: Exception | None = None
        self._load = load
        self._lane = asyncio.Lock()
        self._waiting = 0
        self._outside = 0
        self._max_waiting = max_waiting
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    @property
    def ready(self) -> bool:
        """Whether the model is there."""
        return self.model is not None

    @property
    def waiting(self) -> int:
        """HTTP requests in line for the model, the one being served among them."""
        return self._waiting

    async def load(self) -> None:
        """Load the model on its thread. On failure the reason is kept in ``failure`` and raised."""
        if self.model is not None:
            return
        try:
            self.model = await self.run(self._load)
        except Exception as error:
            self.failure = error
            raise

    def need_model(self) -> Sam3:
        """The model, or NotReady with the reason why it is not there yet."""
        if self.model is not None:
            return self.model
        if self.failure is not None:
            raise NotReady("The model could not be loaded.", detail=str(self.failure), retry_after=60)
        raise NotReady("The model is still being loaded.", detail="Ask again in a few seconds; /readyz tells when.")

    async def run(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function on the model thread, behind what already runs there. It does not wait for the turn."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: func(*args, **kwargs))

    async def take_turn(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Wait in line, then run a function on the model thread. Keep it short: split long work into several turns."""
        async with self.turn:
            return await self.run(func, *args, **kwargs)

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Sam3]:
        """Hold the one lane of HTTP requests and call take_turn for each piece of work. Raises TooMany, NotReady."""
        model = self.need_model()
        if self._waiting > self._max_waiting:
            raise TooMany(f"{self._max_waiting} requests already wait for the model.", retry_after=1)
        self._waiting += 1
        try:
            async with self._lane:
                yield model
        finally:
            self._waiting -= 1

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Hold one of the places of requests that wait for other servers. Raises TooMany."""
        if self._outside > self._max_waiting:
            raise TooMany(f"{self._outside} requests already wait for pictures from other servers.", retry_after=1)
        self._outside += 1
        try:
            yield
        finally:
            self._outside -= 1

    async def close(self) -> None:
        """Wait for what runs on the model thread, drop what waits, end the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._thread.shutdown, wait=True)


def load(config: Config, *, warm: bool = True) -> Sam3:
    """Runs on the model thread, where torch keeps its number of threads. ``warm``: its first answer comes at once."""
    set_threads(config.threads or max(1, (os.cpu_count() or 2) - 1))
    model = load_model(
        config.model,
        checkpoint=config.checkpoint,
        device=config.device,
        progress=log.info,
        half=not config.plain,
    )
    if config.resolution is not None:
        model.resize(config.resolution)
    if config.plain:
        plain(model)
    else:
        accelerate(model, say=log.info)
    if warm:
        warm_up(model, log.info)  # /readyz says yes to what answers at once
    return model
