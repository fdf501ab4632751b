"""Two workers and a roster in this process, without Ray: real applications on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streamer.cluster.roster import Roster
from streamer.cluster.worker import Worker
from streamer.config import Config
from streamer.store import Database
from tests.support.weights import random_weights

ONE, TWO = "worker-1", "worker-2"


class Cluster:
    """Its workers serve until they are killed; ``deaf``: the roster is not reached."""

    def __init__(self, database: Database, config: Config) -> None:
        self.config = config
        self.workers: dict[str, Worker] = {}
        self.roster = Roster(database, self._worker, expected=2, secret=b"0" * 32)
        self.deaf = False
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, method: str, *given: Any) -> Any:
        """Ask the roster."""
        if self.deaf:
            raise ConnectionError("no way")
        return await getattr(self.roster, method)(*given)

    async def _worker(self, name: str, method: str, *given: Any) -> Any:
        return await getattr(self.workers[name], method)(*given)

    async def start(self, tasks: asyncio.TaskGroup, name: str) -> None:
        """Start a worker, and wait until its model is there."""
        worker = self.workers[name] = Worker(name, self.config, self.ask, host="127.0.0.1", secret=b"0" * 32)
        self._tasks[name] = tasks.create_task(worker.serve())
        while not any(seat.name == name and seat.ready for seat in await self.roster.seats()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def end(self, name: str) -> None:
        """Let a worker's process be over, as far as the roster sees it."""
        self.workers[name]._over.set()
        await asyncio.wait([self._tasks[name]])
        self.roster.lost(name)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
async def cluster(weights: Path, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """``request.param``: further settings."""
    database, more = Database(tmp_path / "cluster.db"), getattr(request, "param", {})
    cluster = Cluster(database, Config(checkpoint=weights, threads=1, presenters=0, max_sessions=2, **more))
    with contextlib.closing(database):
        async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
            for name in (ONE, TWO):
                await cluster.start(tasks, name)
            watching = tasks.create_task(cluster.roster.watch())
            yield cluster
            watching.cancel()
            for worker in cluster.workers.values():
                worker._over.set()
