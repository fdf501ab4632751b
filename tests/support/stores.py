"""A store whose disk is full, and waiting for what its thread does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streamer.store import Database
from streamer.store.store import File

MANY = 100_000  # pages: more than any test fills


def fill(database: File, *, full: bool = True) -> None:
    """Stands for a disk that is full, or has room again: SQLite answers both in one way."""
    assert isinstance(database, Database)
    pages = database.connection.execute("PRAGMA page_count").fetchone()[0]
    database.connection.execute(f"PRAGMA max_page_count = {pages if full else MANY}")


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that nobody tells of; the caller bounds the time."""
    while not true():  # noqa: ASYNC110  (each try is counted, none is told)
        await asyncio.sleep(0.01)
