"""What is kept, and the one thread that writes it: nobody who has a frame in hand ever waits for the disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Protocol

from streamer.errors import NotStored, TooMany
from streamer.store.database import Lost, is_damage
from streamer.store.records import Kept

MAX_KEPT = 256  # sessions; many times as many as run on one machine
RETRY = 5.0  # seconds from a write that failed to the next try
PATIENCE = 5.0  # seconds that who asked for something to stay waits for its write; longer, and the disk hangs
CLOSING = 2.0  # seconds that the end of the server waits for what is still to be written

log = logging.getLogger(__name__)


class File(Protocol):
    """Where it is written: a ``Database``, or one that is elsewhere."""

    path: Path

    def read(self) -> list[Kept]:
        """All sessions. Raises BadRequest."""
        ...

    def write(self, changes: Mapping[str, Kept | None]) -> None:
        """Write sessions, and remove those that are None, all of them or none. Raises sqlite3.Error, OSError."""
        ...

    def begin_anew(self) -> None:
        """Take another file, where the one that is there is damaged or gone. Raises OSError."""
        ...

    def close(self) -> None:
        """Let others have it."""
        ...


class Store:
    """
    The sessions that stay: as they are wanted, and as the file has them.

    What is put is written at once, in one transaction with whatever else has come meanwhile, by a thread that does
    nothing else. Where that fails, everything goes on: ``problem`` says why, and it is tried again, every ``RETRY``
    seconds, with the newest of each session. Enter it with ``async with`` before anything is put.
    """

    def __init__(self, database: File) -> None:
        """Takes the database over. Raises BadRequest where it cannot be read."""
        self.writes = 0  # transactions
        self.failures = 0
        self._database = database
        self._lasting: dict[str, Kept] = {each.id: each for each in database.read()}  # as the file has them
        self._wanted = dict(self._lasting)  # bound: MAX_KEPT
        self._changed: set[str] = set()  # ids; bound: those that are wanted, and those that are in the file
        self._failed: str | None = None
        self._began: float | None = None  # when the write that is under way began
        self._news = asyncio.Event()
        self._turned = asyncio.Condition()  # a write has come back
        self._group = asyncio.TaskGroup()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def __aenter__(self) -> Store:
        await self._group.__aenter__()
        self._writing = self._group.create_task(self._write_on())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING), self._turned:
                await self._turned.wait_for(lambda: not self._changed or self._failed is not None)
        self._writing.cancel()
        await self._group.__aexit__(kind, error, trace)
        closing = self._thread.submit(self._database.close)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                await asyncio.wrap_future(closing)
        self._thread.shutdown(wait=False)

    def close(self) -> None:
        """The same where it was never entered."""
        self._database.close()
        self._thread.shutdown()

    @property
    def name(self) -> str:
        """The path of its file."""
        return str(self._database.path)

    @property
    def problem(self) -> str | None:
        """Why what is put does not last at the moment; None: it does."""
        if self._began is not None and time.monotonic() - self._began > PATIENCE:
            return f"A write has not come back for {time.monotonic() - self._began:.0f} s."
        return self._failed

    @property
    def kept(self) -> list[Kept]:
        """The sessions that are to stay, the oldest first."""
        return list(self._wanted.values())

    def wanted(self, id: str) -> Kept | None:  # noqa: A002
        """A session as it is to stay."""
        return self._wanted.get(id)

    def lasting(self, id: str) -> Kept | None:  # noqa: A002
        """A session as the file has it: what of it would be there after the process had ended this moment."""
        return self._lasting.get(id)

    def lasts(self, id: str) -> bool:  # noqa: A002
        """Whether the file has what was put last of a session."""
        return id not in self._changed

    def check_room(self) -> None:
        """Raises TooMany where no further session can stay."""
        if len(self._wanted) >= MAX_KEPT:
            words = f"{len(self._wanted)} sessions are kept, which is the limit."
            raise TooMany(words, detail="Delete one that is kept, or start this one without keep.")

    def take(self, kept: Kept) -> None:
        """Have a session that the file has already, as another one's. Raises TooMany."""
        if kept.id not in self._wanted:
            self.check_room()
        self._wanted[kept.id] = self._lasting[kept.id] = kept

    def let_go(self, id: str) -> None:  # noqa: A002
        """Have a session no longer, which stays in the file: it is another one's from now on."""
        self._wanted.pop(id, None)
        self._lasting.pop(id, None)
        self._changed.discard(id)
        if not self._changed:
            self._failed = None  # what could not be written was this one

    def put(self, kept: Kept) -> None:
        """Let a session stay as it is given. Raises TooMany for a new one that there is no room for."""
        if kept.id not in self._wanted:
            self.check_room()
        self._wanted[kept.id] = kept
        self._change(kept.id)

    def forget(self, id: str) -> None:  # noqa: A002
        """Let a session stay no longer."""
        if self._wanted.pop(id, None) is not None:
            self._change(id)

    async def settled(self, id: str) -> bool:  # noqa: A002
        """Wait until what was put last of a session is in the file; False where that fails, or takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE), self._turned:
                await self._turned.wait_for(lambda: self.lasts(id) or self._failed is not None)
        return self.lasts(id)

    async def remove(self, id: str) -> None:  # noqa: A002
        """Forget a session, and wait until the file has. Raises NotStored where it cannot, which is tried again."""
        self.forget(id)
        if not await self.settled(id):
            raise NotStored(
                f"Session {id:.64} was stopped, but is still in the store: {self.problem or 'the write takes long.'}",
                detail="It is tried again until it works; after a restart before that the session would be back.",
            )

    def _change(self, id: str) -> None:  # noqa: A002
        self._changed.add(id)
        self._news.set()

    async def _write_on(self) -> None:
        """Write for ever, whenever there is something to be written."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not self._changed:
                continue
            if not await self._write({each: self._wanted.get(each) for each in self._changed}):
                await asyncio.sleep(RETRY)
                self._news.set()

    async def _write(self, changes: Mapping[str, Kept | None]) -> bool:
        """Whether it could be written."""
        self._began = time.monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._database.write, changes)
        except (sqlite3.Error, OSError) as error:
            await self._fail(error)
        else:
            self._done(changes)
        finally:
            self._began = None
        async with self._turned:
            self._turned.notify_all()
        return self._failed is None

    def _done(self, changes: Mapping[str, Kept | None]) -> None:
        self.writes += 1
        for id, kept in changes.items():  # noqa: A001
            if kept is None:
                self._lasting.pop(id, None)
            else:
                self._lasting[id] = kept
            if self._wanted.get(id) is kept:
                self._changed.discard(id)
        if self._failed is not None:
            self._failed = None
            log.warning("The store %s can be written again: everything is in it.", self.name)

    async def _fail(self, error: Exception) -> None:
        """Live goes on; where the file itself is damaged or gone, all that is known goes into a new one."""
        self.failures += 1
        if self._failed is None:
            log.error("The store %s cannot be written: %s. It is tried again.", self.name, error)
        self._failed = f"It cannot be written: {error}."
        if is_damage(error) or isinstance(error, Lost):
            with contextlib.suppress(sqlite3.Error, OSError):
                await asyncio.get_running_loop().run_in_executor(self._thread, self._database.begin_anew)
                self._lasting.clear()
                self._changed.update(self._wanted)
