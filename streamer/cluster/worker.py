"""A worker: the engine and whole sessions, and the same HTTP application as one machine has, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.datastructures import State

from streamer.app import create_app
from streamer.cluster.reports import Report
from streamer.cluster.roster import LEASE, Ask
from streamer.cluster.shared import Shared
from streamer.commands import beginning
from streamer.commands.serve import listen
from streamer.config import Config
from streamer.engines import Engines
from streamer.errors import Conflict, NotReady
from streamer.http.server import server
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.store import Kept, Store

BEAT = 0.5  # seconds from one word to the roster to the next

log = logging.getLogger(__name__)


class Worker:
    """
    Runs sessions for as long as the roster lets it: see :meth:`beat`.

    Its calls are the roster's: ``adopt``, ``release``, ``has``. What its HTTP callers start is written to the roster
    before it is answered.
    """

    def __init__(self, name: str, config: Config, roster: Ask, *, host: str, secret: bytes) -> None:
        """``roster``: asks the roster; ``host``: where to listen; ``secret``: what tokens are signed with."""
        self.name = name
        self.life = secrets.token_hex(6)
        self._roster = roster
        self._config = config.model_copy(update={"host": host, "port": 0})
        self._secret = secret
        self._app: FastAPI | None = None
        self._over = asyncio.Event()
        self._why: Exception | None = None

    @property
    def _state(self) -> State:
        """What the application holds."""
        if self._app is None:
            raise NotReady("This worker is being started.")
        return self._app.state

    @property
    def _sessions(self) -> Sessions:
        sessions: Sessions = self._state.sessions
        return sessions

    async def serve(self) -> None:
        """Serve for as long as the process lives. Asked again, wait along. Raises what ended it."""
        if self._app is not None:
            await self._over.wait()
        else:
            try:
                await self._serve()
            finally:
                self._over.set()
        if self._why is not None:
            raise self._why

    async def _serve(self) -> None:
        with listen(self._config.host, self._config.port) as bound:
            self._app = create_app(
                self._config,
                on_failure=self._failed,
                begin=lambda app: beginning.begin(app, ()),
                store=Store(Shared(self._write)),
                secret=self._secret,
            )
            self._sessions.keeps_all = True
            web = server(self._app, self._config)
            web.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
            host, port = bound.getsockname()[:2]
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat_on(f"http://{host}:{port}"))
                ending = tasks.create_task(self._end(web))
                await web.serve(sockets=[bound])
                beating.cancel()
                ending.cancel()

    def _failed(self, error: Exception) -> None:
        self._why = error
        self._over.set()

    async def _end(self, web: object) -> None:
        await self._over.wait()
        web.should_exit = True  # type: ignore[attr-defined]

    # Its lease

    async def _beat_on(self, address: str) -> None:
        """Tell the roster how it goes, for ever, and stop what it does not let us have."""
        loop = asyncio.get_running_loop()
        heard, known = loop.time(), False
        while True:
            try:
                told = self.report()
                async with asyncio.timeout(LEASE):
                    if not known:
                        await self._roster("hello", self.name, self.life, address, told.sessions)
                        told = self.report()  # what was deleted meanwhile is no one else's
                    allowed = await self._roster("beat", self.name, self.life, told)
                heard, known = loop.time(), allowed is not None
            except Exception as error:
                allowed = None
                log.warning("The roster does not answer: %s", str(error) or type(error).__name__)
            if allowed is not None:
                await self._stop(told.sessions - allowed, "another worker has it")
            elif loop.time() - heard > LEASE:
                kept = {each.id for each in self._sessions.list() if each.keeping is not None}
                await self._stop(kept, "the roster has not answered, and another worker may have it")
            await asyncio.sleep(BEAT)

    async def _stop(self, sessions: set[str], why: str) -> None:
        """At once: there may be nobody who takes what is still to be written."""
        for each in sessions:
            log.warning("Session %s is stopped here: %s.", each, why)
        await asyncio.gather(*(self._drop(each) for each in sessions))

    def report(self) -> Report:
        """How it goes."""
        sessions = self._sessions.list()
        share = sum(_share(each) for each in sessions) / len(self._state.engines.all)
        running = self._sessions.running
        return Report({each.id for each in sessions}, running, min(1.0, share), self._ready)

    @property
    def _ready(self) -> bool:
        try:
            engines: Engines = self._state.engines
            engines.need_answers()
        except NotReady:
            return False
        return True

    async def _write(self, changes: Mapping[str, Kept | None]) -> None:
        await self._roster("write", self.name, changes)

    # What the roster asks

    async def adopt(self, kept: Kept) -> None:
        """Run a session that another worker had, or none yet. Raises StreamerError where it cannot be started."""
        if self._app is None:
            raise NotReady("This worker is being started.")
        sessions = self._sessions
        assert sessions.store is not None
        sessions.store.take(kept)
        try:
            with contextlib.suppress(Conflict):  # it is asked again because the answer was lost
                beginning.again(self._app, kept)
        except BaseException:
            sessions.store.let_go(kept.id)
            raise

    async def release(self, session: str) -> None:
        """Run a session no longer, with all of it written; it is another worker's from now on."""
        if self._sessions.store is not None:
            await self._sessions.store.settled(session)
        await self._drop(session)

    async def _drop(self, session: str) -> None:
        sessions = self._sessions
        if sessions.store is not None:
            sessions.store.let_go(session)
        if await self.has(session):
            await sessions.hand_over(session)

    async def has(self, session: str) -> bool:
        """Whether it has a session in its list, one that has ended too."""
        return any(each.id == session for each in self._sessions.list())


def _share(session: Session) -> float:
    """How much of the time the model looks for a session."""
    return session.looks * session.look_seconds
