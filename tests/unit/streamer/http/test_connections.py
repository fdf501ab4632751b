"""Connections: a bound, who goes first, and few words; with real descriptors: integration/test_connections.py."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from streamer.http import connections
from streamer.http.connections import Door, Rarely
from tests.support.certificates import NAME, write_certificate

WAIT = 20.0


class Peer(asyncio.Protocol):
    """A connection that is told whether it waits for a request."""

    present: set[Peer]

    def __init__(self, present: set[Peer], *, waits: bool) -> None:
        self.present = present
        self.waits = waits
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.since = asyncio.get_running_loop().time()
        self.present.add(self)
        self.transport.write(b"!")

    def connection_lost(self, exc: Exception | None) -> None:
        self.present.discard(self)

    @property
    def waits_since(self) -> float | None:
        return self.since if self.waits else None


@contextlib.asynccontextmanager
async def opened(
    most: int, waits: Callable[[], bool], context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[tuple[str, int], set[Peer]]]:
    """A door on a port; whether a new connection waits for a request is asked when it comes."""
    present: set[Peer] = set()
    listening = socket.create_server(("127.0.0.1", 0))
    door = Door(lambda: Peer(present, waits=waits()), present, most, context)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(door.open(listening))
        yield listening.getsockname(), present
        task.cancel()
    assert listening.fileno() < 0


async def arrive(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*address)


async def test_connections_are_accepted_up_to_the_bound_and_the_oldest_that_waits_goes() -> None:
    async with opened(3, lambda: True) as (address, present):
        come = []
        for _ in range(5):
            reader, writer = await arrive(address)
            assert await reader.readexactly(1) == b"!"
            come.append((reader, writer))
            assert len(present) <= 3
        for reader, _ in come[:2]:
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert len(present) == 3
        for _, writer in come:
            writer.close()


async def test_where_all_are_busy_the_new_one_is_refused_in_words() -> None:
    async with opened(2, lambda: False) as (address, present):
        come = [await arrive(address) for _ in range(2)]
        for reader, _ in come:
            await reader.readexactly(1)
        reader, writer = await arrive(address)
        assert (await reader.read()).startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n")
        assert len(present) == 2
        for _, each in [*come, (reader, writer)]:
            each.close()


async def test_a_crowd_is_logged_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    rarely = Rarely()
    connections.log.addFilter(rarely)
    try:
        async with opened(3, lambda: True) as (address, _):
            crowd = [await arrive(address) for _ in range(30)]
            await crowd[-1][0].readexactly(1)
            for _, writer in crowd:
                writer.close()
    finally:
        connections.log.removeFilter(rarely)
    assert len(caplog.records) == 1


async def test_without_descriptors_one_that_waits_is_closed_and_it_tries_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "RETRY", 0.01)
    loop = asyncio.get_running_loop()
    really, failing = loop.sock_accept, 3

    async def accept(listening: socket.socket) -> Any:
        nonlocal failing
        if present and failing:
            failing -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return await really(listening)

    monkeypatch.setattr(loop, "sock_accept", accept)
    async with opened(10, lambda: True) as (address, present):
        come = [await arrive(address) for _ in range(2)]
        with contextlib.suppress(ConnectionResetError):
            assert (await come[0][0].read()).strip(b"!") == b""
        come.append(await arrive(address))
        assert await come[-1][0].readexactly(1) == b"!"
        for _, writer in come:
            writer.close()
    assert "Too many open files" in caplog.text


async def test_a_connection_that_is_gone_before_it_was_accepted_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    really, failing = loop.sock_accept, 1

    async def accept(listening: socket.socket) -> Any:
        nonlocal failing
        failing -= 1
        if failing == 0:
            raise ConnectionAbortedError(errno.ECONNABORTED, "gone")
        return await really(listening)

    monkeypatch.setattr(loop, "sock_accept", accept)
    async with opened(10, lambda: True) as (address, _):
        reader, writer = await arrive(address)
        assert await reader.readexactly(1) == b"!"
        writer.close()


@pytest.mark.parametrize(
    ("soft", "most"), [(256, 128), (1024, 512), (10**6, connections.MOST), (resource.RLIM_INFINITY, connections.MOST)]
)
def test_the_bound_leaves_half_of_the_descriptors(monkeypatch: pytest.MonkeyPatch, soft: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, soft))
    assert connections.bound() == most


def test_the_same_warning_is_logged_once_a_minute_with_how_often_it_came() -> None:
    now = 0.0
    rarely = Rarely(lambda: now)

    def logged(words: str, level: int = logging.WARNING) -> str | None:
        record = logging.LogRecord("any", level, "", 0, words, (5,), None)
        return record.getMessage() if rarely.filter(record) else None

    assert logged("full: %d") == "full: 5"
    assert [logged("full: %d") for _ in range(3)] == [None] * 3
    assert logged("other: %d") == "other: 5"
    assert logged("full: %d", logging.ERROR) == "full: 5"
    now = connections.AGAIN + 1
    assert logged("full: %d") == "full: 5 (and 3 more like it)"
    assert [logged(f"{number}: %d") for number in range(10 * connections.KINDS)] != []
    assert len(rarely._said) <= connections.KINDS


async def test_a_handshake_that_does_not_end_is_given_up_and_counts_until_then(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(connections, "GREETING", 0.3)
    write_certificate(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    async with opened(2, lambda: True, context) as (address, present):
        silent = [await arrive(address) for _ in range(3)]  # the first has to go for the third
        reader, writer = await asyncio.open_connection(*address, ssl=trusting, server_hostname=NAME)
        assert await reader.readexactly(1) == b"!"
        assert len(present) == 1
        for far, near in silent:
            with contextlib.suppress(ConnectionResetError):
                assert await far.read() == b""
            near.close()
        writer.close()
