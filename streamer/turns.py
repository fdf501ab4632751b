"""Who may use the model next: first come, first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

Meanwhile = Callable[[], Coroutine[Any, Any, None]]


class Turns:
    """
    One holds ``turn``, one is the next, and the others wait in line.

    Who holds ``turn`` itself, past the line, has it before those that wait there.
    """

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._line = asyncio.Lock()

    @asynccontextmanager
    async def take(self, meanwhile: Meanwhile | None = None) -> AsyncIterator[None]:
        """Wait in line and hold the turn. ``meanwhile`` runs while one is the next, and is cancelled then."""
        async with self._line:
            await (self.turn.acquire() if meanwhile is None else self._acquire(meanwhile))
        try:
            yield
        finally:
            self.turn.release()

    async def _acquire(self, meanwhile: Meanwhile) -> None:
        acquired = False
        try:
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(meanwhile())
                acquired = await self.turn.acquire()
                task.cancel()
        except BaseException:
            if acquired:
                self.turn.release()
            raise
