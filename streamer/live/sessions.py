"""All the sessions of one server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import secrets
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import Conflict, NotFound, TooMany
from streamer.live.keeping import Keeping
from streamer.live.presenters import workers
from streamer.live.publisher import Write
from streamer.live.session import Session
from streamer.sources.base import FINISHED, Source, State
from streamer.store import Kept, Store
from streamer.wire import fields
from tracker import Prompt, Sam3

ENDED_KEPT = 32  # ended sessions that stay in the list, so that people see why they ended
BUSY = 30  # seconds after which who is refused because the model is busy may ask again: what looks take has changed
NEW = 0.25  # of a device's time that a stream counts as until it was looked at: 8 looks a second of 30 ms
STOPPING = 1.0  # seconds that deleting waits for a session to be gone
GOODBYE = 0.5  # seconds that readers have to hear that their session goes on elsewhere
LOOK = 0.01  # seconds between looks whether they all have
WATCH = 1.0  # seconds between looks at the processes that present frames

log = logging.getLogger(__name__)


class Sessions:
    """
    Owns every session's task: enter it with ``async with`` before making sessions; leaving it stops them all.

    At most ``config.max_sessions`` run at once. One that has ended stays in the list with its reason until it is
    deleted or ``ENDED_KEPT`` others have ended after it.
    """

    def __init__(self, engines: Engines, config: Config, store: Store | None = None) -> None:
        """``store``: where those are kept that are to stay; None: none is."""
        self.counters = Counters()
        self.store = store
        self.keeps_all = False  # whether what callers start is kept although they do not ask for it
        self.left_out: dict[str, tuple[Kept, str]] = {}  # what is kept and could not be started, with the reason
        self._engines = engines
        self._config = config
        self._sessions: dict[str, Session] = {}  # bound: max_sessions running and ENDED_KEPT ended
        self._tasks: dict[Session, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        # One job of each session at a time; the model's thread has a core of its own. While a process does a job, one
        # more thread hands over the next, or takes what came of the last.
        cores = max(1, (os.cpu_count() or 2) - 1)
        count = cores if config.presenters is None else config.presenters
        self._workers = workers(count, self.counters.presenters_lost.inc)
        threads = 2 * len(self._workers) if config.presenters != 0 else cores
        self._presenters = ThreadPoolExecutor(threads, thread_name_prefix="presenting")

    async def __aenter__(self) -> Sessions:
        await self._group.__aenter__()
        self._watching = self._group.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in [self._watching, *self._tasks.values()]:
            task.cancel()
        await self._group.__aexit__(kind, error, trace)
        for executor in (self._executor, self._presenters):
            executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.gather(*(asyncio.to_thread(worker.close) for worker in self._workers))

    async def _watch(self) -> None:
        """Look for ever whether the processes that present frames come back."""
        while True:
            await asyncio.sleep(WATCH)
            for worker in self._workers:
                worker.watch(WATCH)

    def create(
        self,
        source: Source,
        prompts: Sequence[Prompt] = (),
        *,
        id: str | None = None,  # noqa: A002
        write: Write | None = None,
        keep: Kept | None = None,
    ) -> Session:
        """
        Start a session; ``write`` is awaited with every frame looked at and its result.

        ``keep``: what the store is to have of it. Raises NotReady, TooMany, Conflict when the id is taken.
        """
        id = id if keep is None else keep.id  # noqa: A001
        self._engines.need_one()
        if id is not None and id in self._sessions:
            raise Conflict(f"There is a session {id} already.")
        if self.running >= self._config.max_sessions:
            raise TooMany(
                f"{self.running} sessions run, which is the limit.",
                detail="Delete one, or ask again when one has ended.",
            )
        engine = self._place()
        session = Session(
            id or secrets.token_hex(6),
            source,
            prompts,
            engine=engine,
            executor=self._executor,
            presenters=self._presenters,
            worker=min(self._workers, key=lambda worker: worker.streams),
            config=self._config,
            counters=self.counters,
            write=write,
            keeping=None if keep is None or self.store is None else Keeping(self.store, keep),
        )
        self._sessions[session.id] = session
        task = self._group.create_task(session.run(), name=f"session {session.id}")
        self._tasks[session] = task
        task.add_done_callback(lambda done: self._ended(session, by_itself=not done.cancelled()))
        return session

    def _place(self) -> Engine:
        """
        The device that does least, in tenths of its time, then in sessions, of those with room for one more stream.

        Raises TooMany where one more would leave too few looks a second for each on any of them, and NotReady.
        """
        engines, least = self._engines.need_one(), self._config.least_looks
        left = {engine: self._left(engine) for engine in engines}
        self._check_share(max(left.values()))
        roomy = [engine for engine in engines if least is None or left[engine] >= least]
        return min(roomy, key=self._load)

    def _load(self, engine: Engine) -> tuple[float, int]:
        """What a device does, to be compared."""
        seconds = [session.look_seconds for session in self._on(engine)]
        return round(engine.share + NEW * seconds.count(0.0), 1), len(seconds)

    def _left(self, engine: Engine) -> float:
        """Looks a second that a device would have for each stream with one more; infinite where that is not known."""
        seconds = [session.look_seconds for session in self._on(engine)]
        known = [each for each in seconds if each]
        return 1 / (statistics.fmean(known) * (len(seconds) + 1)) if known else math.inf

    def _on(self, engine: Engine) -> list[Session]:
        """The running sessions of a device."""
        return [each for each in self._sessions.values() if each.engine is engine and each.state is not State.ENDED]

    def _check_share(self, left: float) -> None:
        """Raises TooMany where so many looks a second for each are too few."""
        least = self._config.least_looks
        if least is not None and left < least:
            raise TooMany(
                f"The model is busy: with one more stream it would look at each {left:.1f} times a second.",
                retry_after=BUSY,
                detail=f"At least {least:g} are to be left for each. Delete one, or ask again when one has ended.",
            )

    @property
    def threshold(self) -> float:
        """The least score that counts, where a prompt names none: the model's. (Without one no session is made.)"""
        model = self._engines.model
        return fields.DEFAULT_THRESHOLD if model is None else model.threshold

    @property
    def running(self) -> int:
        """Sessions that have not ended."""
        return sum(session.state is not State.ENDED for session in self._sessions.values())

    def get(self, id: str) -> Session:  # noqa: A002
        """The session with that id. Raises NotFound."""
        try:
            return self._sessions[id]
        except KeyError:
            words = f"There is no session {id:.64}."
            raise NotFound(words, detail="GET /sessions lists them.", field="session") from None

    def list(self) -> list[Session]:
        """All sessions, the oldest first."""
        return list(self._sessions.values())

    async def delete(self, id: str) -> None:  # noqa: A002
        """Stop a session and forget it. Raises NotFound, and NotStored where it is done and a restart would undo it."""
        kept = None if self.store is None else self.store.wanted(id)
        if kept is None or id in self._sessions:
            await self._stop(self.get(id))
        self.left_out.pop(id, None)
        if self.store is not None and kept is not None:
            await self.store.remove(id)

    async def hand_over(self, id: str) -> None:  # noqa: A002
        """Stop a session that goes on elsewhere: its readers are told to connect again. Raises NotFound."""
        session = self.get(id)
        del self._sessions[id]
        session.standing.move()
        session.publisher.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                while session.subscribers:  # noqa: ASYNC110  (each leaves by itself)
                    await asyncio.sleep(LOOK)
        await self._cancel(session)

    async def _stop(self, session: Session) -> None:
        del self._sessions[session.id]
        await self._cancel(session)

    async def _cancel(self, session: Session) -> None:
        task = self._tasks.get(session)
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=STOPPING)

    async def close_all(self) -> None:
        """Stop all of them, all at once; those that are kept come back."""
        await asyncio.gather(*(self._stop(session) for session in self.list()))

    def use(self, engine: Engine, model: Sam3) -> Callable[[], None]:
        """
        Let every session of an engine go on with another model. Runs on its thread, in a turn.

        Returns what tells them and their readers, to be called on the event loop.
        """
        shown = [(session, session.tracking.use(model)) for session in self.list() if session.engine is engine]

        def tell() -> None:
            for session, snapshot in shown:
                session.tracking.used(snapshot)
                told = [{**session.standing.message(general=each), "model": model.name} for each in (False, True)]
                session.publisher.tell(*told)

        return tell

    def hang(self, engine: Engine, reason: str | None) -> None:
        """Why an engine answers nothing for now, None when it does again: every session of it says so."""
        for session in self.list():
            if session.engine is engine:
                session.standing.hang(reason)

    def _ended(self, session: Session, *, by_itself: bool) -> None:
        self._tasks.pop(session, None)
        over = session.source.kind == "webrtc" or session.reason.startswith(FINISHED[:-1])
        if by_itself and session.keeping is not None and over:
            # A camera that came no more, or a recording that was read to its end; what failed is tried again at the
            # next start.
            session.keeping.done()
        session.finish("It was stopped.")  # one that was cancelled before its first step could not say so itself
        ended = [other.id for other in self._sessions.values() if other.state is State.ENDED]
        for old in ended[:-ENDED_KEPT]:
            del self._sessions[old]
