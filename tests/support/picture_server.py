"""Web servers on this machine that give pictures, or do what no web server should."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from streamer.hosted.fetch import Resolve, Rules, fetch

HERE = Rules(http=True, networks=("127.0.0.0/8",), seconds=60)  # a busy machine is no slow server
TRUST = ssl.create_default_context()
PICTURE = b"\xff\xd8 a picture \xff\xd9"

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server on 127.0.0.1 that remembers what it was asked, and by which name TLS asked for it."""

    port: int = 0
    requests: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def url(self, path: str = "/a.jpg", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [request.split()[1] for request in self.requests]


@contextlib.asynccontextmanager
async def listening(act: Act, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Do this for every connection; the port. The block ends when every client has been served or has left."""
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await act(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*tasks)


@contextlib.asynccontextmanager
async def serving(answer: bytes | dict[str, bytes] | Act, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Answer every request with these bytes, those of its path, or by what the function does."""
    server = Server()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.requests.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        if callable(answer):
            return await answer(reader, writer)
        writer.write(answer[server.paths[-1]] if isinstance(answer, dict) else answer)
        return await writer.drain()

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: server.names.append(name)
    async with listening(act, tls) as server.port:
        yield server


async def get(url: str, rules: Rules = HERE, **options: Any) -> bytes:
    """Fetch from here, without reading the world's certificates each time."""
    return await fetch(url, rules, **{"context": TRUST} | options)


def http(body: bytes = PICTURE, status: str = "200 OK", **headers: Any) -> bytes:
    """An answer as it goes over the wire. A header that is None is left out."""
    headers = {"content_length": len(body), "connection": "close"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


def redirect(location: str, status: str = "302 Found", **headers: Any) -> bytes:
    return http(b"<p>elsewhere</p>", status, location=location, **headers)


def always(*addresses: str) -> Resolve:
    """Resolve every name to these addresses, or to none."""

    async def answer(host: str, port: int) -> list[str]:
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return list(addresses)

    return answer


@dataclass(frozen=True)
class Certificate:
    server: ssl.SSLContext
    client: ssl.SSLContext  # trusts it
