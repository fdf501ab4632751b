"""All the sessions of one server."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.errors import Conflict, NotFound, TooMany
from streamer.live.session import Session, Write
from streamer.sources.base import Source, State
from tracker import Prompt

ENDED_KEPT = 32  # ended sessions that stay in the list, so that people see why they ended
STOPPING = 1.0  # seconds that deleting waits for a session to be gone

log = logging.getLogger(__name__)


class Sessions:
    """
    Owns every session's task: enter it with ``async with`` before making sessions; leaving it stops them all.

    At most ``config.max_sessions`` run at once. One that has ended stays in the list with its reason until it is
    deleted or ``ENDED_KEPT`` others have ended after it.
    """

    def __init__(self, engine: Engine, config: Config) -> None:
        self.counters = Counters()
        self._engine = engine
        self._config = config
        self._sessions: dict[str, Session] = {}  # bound: max_sessions running and ENDED_KEPT ended
        self._tasks: dict[Session, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    async def __aenter__(self) -> Sessions:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await self._group.__aexit__(kind, error, trace)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def create(
        self,
        source: Source,
        prompts: Sequence[Prompt] = (),
        *,
        id: str | None = None,  # noqa: A002
        write: Write | None = None,
    ) -> Session:
        """
        Start a session; ``write`` is awaited with every frame looked at and its result.

        Raises NotReady, TooMany, Conflict when the id is taken.
        """
        self._engine.need_model()
        if id is not None and id in self._sessions:
            raise Conflict(f"There is a session {id} already.")
        if self.running >= self._config.max_sessions:
            raise TooMany(
                f"{self.running} sessions run, which is the limit.",
                detail="Delete one, or ask again when one has ended.",
            )
        session = Session(
            id or secrets.token_hex(6),
            source,
            prompts,
            engine=self._engine,
            executor=self._executor,
            config=self._config,
            counters=self.counters,
            write=write,
        )
        self._sessions[session.id] = session
        task = self._group.create_task(session.run(), name=f"session {session.id}")
        self._tasks[session] = task
        task.add_done_callback(lambda _: self._ended(session))
        return session

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
        """Stop a session and forget it. Raises NotFound."""
        session = self.get(id)
        del self._sessions[id]
        task = self._tasks.get(session)
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=STOPPING)

    async def close_all(self) -> None:
        """Stop and forget all of them."""
        for session in self.list():
            await self.delete(session.id)

    def _ended(self, session: Session) -> None:
        self._tasks.pop(session, None)
        session.finish("It was stopped.")  # one that was cancelled before its first step could not say so itself
        ended = [other.id for other in self._sessions.values() if other.state is State.ENDED]
        for old in ended[:-ENDED_KEPT]:
            del self._sessions[old]
