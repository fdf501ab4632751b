"""One thread owns the model. Everybody else waits in line for a turn."""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

from streamer.errors import DeviceBroke, NotReady, TooMany
from streamer.faults import Faults
from streamer.turns import Turns
from tracker import Sam3

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)

# A step that has not come back for the longest of these hangs: LONGEST seconds, TIMES the median of the last STEPS, and
# PASSES of all that warming up asks. The last is for a full-size model on a CPU, whose steps differ by a minute.
LONGEST, TIMES, STEPS, PASSES = 30.0, 10, 31, 3
EVERY = 0.5  # seconds between looks whether it hangs
RETRY = 10  # seconds after which who is refused because of that may ask again
SHORTEST = 1.0  # seconds that the share of its time is told of at least: one step alone says little
ENDING = 1.0  # seconds that closing waits for what runs: the process has 10 to end, and others want some of them


class Engine:
    """
    The model on one device, its thread, and the turn. Who changes it for another: :class:`streamer.engines.Engines`.

    ``turns`` are first come, first served: with one request in line for each session that is round robin. Model state
    is touched by functions given to :meth:`run` and by nothing else, one after the other in the order they were given.

    What a session is told by its readers (:meth:`order`) waits for no turn: it runs as soon as the thread is free, and
    inside of a long look wherever that calls :meth:`between`.

    While a step hangs (:meth:`watch` looks) what stands in line, and what comes, is refused with NotReady.

    HTTP requests come through :meth:`lane`: one of them at a time stands in line for turns, at most ``max_waiting``
    wait behind it, and the next is refused, so that no number of requests can crowd out the sessions. What a request
    needs from elsewhere it gets before, in :meth:`outside`, where as many may be: a slow web server holds up nobody.
    """

    def __init__(
        self,
        load: Callable[[], Sam3],
        *,
        warm: Callable[[Sam3], float] = lambda model: 0.0,
        max_waiting: int = 8,
        device: str | None = None,
        name: str = "",
    ) -> None:
        """
        ``load`` makes the model; ``warm`` asks it everything once, and tells how many seconds that may well take.

        ``device`` is what torch calls the device, None the one that it chooses; ``name`` is what people are told.
        """
        self.device, self._name = device, name
        self.model: Sam3 | None = None
        self.turns = Turns()
        self.turn = self.turns.turn
        self.failure: Exception | None = None
        self.faults = Faults()
        self._load, self._warm = load, warm
        self._pass = 0.0  # seconds of all that warming up asks; 0: not known
        self._lane = asyncio.Lock()
        self._waiting = self._outside = 0
        self._max_waiting = max_waiting
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._rests: str | None = None  # why it answers nothing while the thread makes another model ready
        self._orders: deque[tuple[Future[Any], Callable[[], Any]]] = deque()  # bound: one a reader, who waits for it
        self._ident = 0  # of the thread
        self._began: float | None = None  # when what runs on it began
        self._steps: deque[float] = deque(maxlen=STEPS)  # seconds that they took
        self._begins: deque[float] = deque(maxlen=STEPS)  # when they began
        self._hanging: float | None = None  # when the step that hangs began
        self._stopped = False
        self._waits: set[asyncio.Timeout] = set()  # of what waits for the thread; bound: requests in line, and orders

    @property
    def ready(self) -> bool:
        """Whether the model is there."""
        return self.model is not None

    @property
    def name(self) -> str:
        """The device in words; empty while nobody knows."""
        return self._name or (str(self.model.device) if self.model is not None else "")

    @property
    def waiting(self) -> int:
        """HTTP requests in line for the model, the one being served among them."""
        return self._waiting

    @property
    def share(self) -> float:
        """How much of its time the last steps took, 0 to 1."""
        begins = list(self._begins)
        return min(1.0, sum(self._steps) / max(SHORTEST, time.monotonic() - begins[0])) if begins else 0.0

    async def load(self) -> None:
        """Load the model on its thread. On failure the reason is kept in ``failure`` and raised."""
        if self.model is not None:
            return
        try:
            model = await self.run(self._load)
            self._pass = await self.run(self._warm, model)
        except Exception as error:
            self.failure = error
            raise
        self.model = model

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold the lane and the turn: orders alone are carried out. Raises NotReady where the model hangs meanwhile."""
        async with AsyncExitStack() as held:
            async with self._while_it_answers():
                await held.enter_async_context(self._lane)
                await held.enter_async_context(self.turn)
            yield

    def rest(self, why: str | None) -> None:
        """Refuse what waits and what comes, for that reason, while another model is made ready; None: answer again."""
        self._rests = why
        if why is not None:
            self._give_up()

    async def take(self, model: Sam3, adopt: Callable[[Sam3], None]) -> None:
        """
        Answer with another model from now on. Call it :meth:`alone`.

        ``adopt`` takes what holds something of the old one over, on the model's thread: whatever comes after it there
        finds the new model everywhere.
        """

        def taken() -> None:
            adopt(model)
            self.model = model

        await self.run(taken)

    def renewed(self, seconds: float) -> None:
        """Forget how long steps took: it is another model, and ``seconds`` as ``warm`` told them."""
        self._pass = seconds
        self._steps.clear()
        self._begins.clear()

    def need_model(self) -> Sam3:
        """The model, or NotReady with the reason why it is not there yet."""
        if self.model is not None:
            return self.model
        if self.failure is not None:
            raise NotReady("The model could not be loaded.", detail=str(self.failure), retry_after=60)
        raise NotReady("The model is still being loaded.", detail="Ask again in a few seconds; /readyz tells when.")

    def need_answers(self) -> Sam3:
        """The model, or NotReady where it is not there, hangs, is being changed, or is to end."""
        model = self.need_model()
        if self._stopped or self.silence is not None:
            raise self.refusal()
        return model

    @property
    def silence(self) -> str | None:
        """In words why it answers nothing for now, as its sessions are told; None: it answers."""
        return self.faults.broken or self.hangs or self._rests

    @property
    def hangs(self) -> str | None:
        """In words that a step of the model does not come back, with the time until now; None: all is well."""
        if self._hanging is None:
            return None
        usual = f"usually {statistics.median(self._steps):.1f} s" if self._steps else "the first"
        return f"A step of the model ({usual}) has not come back for {time.monotonic() - self._hanging:.0f} s."

    @property
    def limit(self) -> float:
        """Seconds after which a step that has not come back hangs."""
        return max(LONGEST, TIMES * statistics.median(list(self._steps) or [0.0]), PASSES * self._pass)

    async def watch(self, tell: Callable[[str | None], None], broke: Callable[[Exception], None] | None = None) -> None:
        """Look for ever whether a step hangs: ``tell`` hears why, None when it is back; ``broke``: the device did."""
        while True:
            await asyncio.sleep(EVERY)
            if self.faults.broken is not None and self.failure is None:
                self.failure = DeviceBroke(self.faults.broken)
                self._give_up()
                tell(self.faults.broken)
                if broke is not None:
                    broke(self.failure)
            began, now = self._began, time.monotonic()
            late = self.ready and self._rests is None and began is not None and now - began > self.limit
            hanging = began if late or began == self._hanging else None  # until it is back, whatever comes meanwhile
            if hanging == self._hanging:
                continue
            self._hanging = hanging
            if hanging is not None:
                log.error("%s It is in %s.", self.hangs, self._whereabouts())
                self._give_up()
            else:
                log.warning("The model's step has come back.")
            tell(self.silence)

    async def run(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function on the model thread, behind what already runs there. It does not wait for the turn."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._timed, lambda: func(*args, **kwargs))

    async def step(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same of what a turn is held for: the time it takes tells what is usual."""

        def measured() -> R:
            began = time.monotonic()
            try:
                answer = func(*args, **kwargs)
            finally:
                self._begins.append(began)
                self._steps.append(time.monotonic() - began)
            self.faults.well()
            return answer

        return await self.run(measured)

    async def order(self, func: Callable[[], R]) -> R:
        """Run a short function on the model thread, before whatever waits for its turn."""
        answer: Future[R] = Future()
        async with self._while_it_answers():
            self._orders.append((answer, func))
            self._thread.submit(self._timed, self.between)  # unless a look has done it before
            return await asyncio.wrap_future(answer)

    def between(self) -> None:
        """Carry out the orders that wait. Called on the model thread, between the stages of a look too."""
        for _ in range(len(self._orders)):  # those that come meanwhile are for the next time
            answer, func = self._orders.popleft()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(func())
            except BaseException as error:
                self.faults.note(error)
                answer.set_exception(error)

    async def take_turn(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Wait in line, then run a function on the model thread. Keep it short: split long work into several turns."""
        async with self.turns.take():
            return await self.step(func, *args, **kwargs)

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Sam3]:
        """Hold the one lane of HTTP requests and call take_turn for each piece of work. Raises TooMany, NotReady."""
        self.need_answers()
        if self._waiting > self._max_waiting:
            raise TooMany(f"{self._max_waiting} requests already wait for the model.", retry_after=1)
        self._waiting += 1
        try:
            async with self._while_it_answers(), self._lane:
                yield self.need_model()  # it may have been changed meanwhile
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

    def stop(self) -> None:
        """The server ends: refuse what waits for the model, and what comes."""
        self._stopped = True
        self._give_up()

    async def close(self) -> None:
        """Drop what waits, and end the thread; what runs on it is waited for ``ENDING`` seconds, then left alone."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def wait() -> None:
            self._thread.shutdown(wait=True)
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=wait, name="end of the model", daemon=True).start()
        try:
            async with asyncio.timeout(ENDING):
                await ended.wait()
        except TimeoutError:
            log.error("The model's thread does not end: it is in %s.", self._whereabouts())
        while self._orders:
            self._orders.popleft()[0].cancel()

    def _timed(self, func: Callable[[], R]) -> R:
        """Runs on the model thread."""
        self._began, self._ident = time.monotonic(), threading.get_ident()
        try:
            with self.faults.noted():
                return func()
        finally:
            self._began = None

    def _whereabouts(self) -> str:
        """The function that the model's thread is in."""
        frame = sys._current_frames().get(self._ident)
        return "no function" if frame is None else f"{frame.f_code.co_qualname} (line {frame.f_lineno})"

    @asynccontextmanager
    async def _while_it_answers(self) -> AsyncIterator[None]:
        """Raises NotReady where the model hangs, or as soon as it does."""
        self.need_answers()
        try:
            async with asyncio.timeout(None) as waiting:
                self._waits.add(waiting)
                try:
                    yield
                finally:
                    self._waits.discard(waiting)
        except TimeoutError:
            if waiting.expired():
                raise self.refusal() from None
            raise

    def _give_up(self) -> None:
        """Let nothing wait any longer."""
        for waiting in self._waits:
            waiting.reschedule(0)
        self._waits.clear()

    def refusal(self) -> NotReady:
        """Why nothing is answered."""
        if self._stopped:
            return NotReady("The server is being stopped.", retry_after=RETRY)
        if self.faults.broken is not None:
            return DeviceBroke(self.faults.broken)
        if self._rests is not None and self._hanging is None:
            words = "It answers as soon as it is ready; GET /models tells how far it is."
            return NotReady(self._rests, detail=words, retry_after=RETRY)
        return NotReady("The model hangs.", detail=self.hangs or "It has come back: ask again.", retry_after=RETRY)
