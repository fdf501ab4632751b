"""A store's file that is elsewhere: the roster's, reached from a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from streamer.store import Kept

PATIENCE = 5.0  # seconds that a write waits for the roster


class Shared:
    """What a ``Store`` writes to. What is there is not read: the roster hands a worker what it is to run."""

    def __init__(self, write: Callable[[Mapping[str, Kept | None]], Awaitable[None]]) -> None:
        """Make it on the event loop that ``write`` is to be awaited on."""
        self.path = Path("the cluster's roster")
        self._write = write
        self._loop = asyncio.get_running_loop()

    def read(self) -> list[Kept]:
        """Nothing: a worker starts empty."""
        return []

    def write(self, changes: Mapping[str, Kept | None]) -> None:
        """Have the roster keep it. Runs on the store's thread. Raises OSError where it does not."""

        async def write() -> None:
            async with asyncio.timeout(PATIENCE):
                await self._write(changes)

        try:
            asyncio.run_coroutine_threadsafe(write(), self._loop).result()
        except Exception as error:
            raise OSError(f"the roster did not take it: {str(error) or type(error).__name__}") from None

    def begin_anew(self) -> None:
        """Its file is the roster's affair."""

    def close(self) -> None:
        """The roster goes on."""
