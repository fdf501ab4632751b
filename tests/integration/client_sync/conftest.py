"""A server in this process, a client of it, and a session of that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamer.client import Client, Session
from tests.support.client import ALL, DEMO
from tests.support.models import untrained
from tests.support.serving import SECONDS, Served, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained(), max_sessions=4) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(f"http://{served.address}", timeout=SECONDS) as client:
        yield client


@pytest.fixture
def session(client: Client) -> Iterator[Session]:
    with client.start(DEMO, ALL) as session:
        yield session
