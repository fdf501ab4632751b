"""A store's file in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamer.store import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sessions.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[[], Database]]:
    """Opens the store; whatever was opened before is closed first, as at the end of a process."""
    databases: list[Database] = []

    def reopen() -> Database:
        for each in databases:
            each.close()
        databases.append(Database(path))
        return databases[-1]

    yield reopen
    for each in databases:
        each.close()
