"""Requests and WebSockets handed on to a worker, and what it answers handed back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from urllib.parse import quote, urlsplit

import httpx
from fastapi import Request, Response, WebSocket, WebSocketDisconnect
from fastapi.requests import HTTPConnection
from fastapi.responses import StreamingResponse
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from streamer.errors import NotReady

CONNECTING = 2.0  # seconds that a worker may take to accept a connection: it is on this network
HELD = 64 * 1024  # bytes that the kernel holds of a worker's results: what is older than that helps nobody
GONE = 1012  # WebSocket's "service restart": connect again
# Of one connection and not of the message (RFC 9110, section 7.6.1); the length is set anew.
HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"content-length"}
OURS = HOP | {b"date", b"server"}  # of an answer: our own server says it
OF_HANDSHAKE = {b"host", b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions"}


class Unreached(Exception):
    """A worker does not accept a connection, or left before it answered."""


class Relay:
    """Hands on to workers. Close it."""

    def __init__(self) -> None:
        none = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(None, connect=CONNECTING), limits=none, trust_env=False)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def request(self, address: str, request: Request, body: bytes) -> Response:
        """What a worker answers, as it comes. Raises Unreached."""
        target = f"{address}{_target(request)}"
        headers = [*_kept(request.headers.raw, HOP), *_forwarded(request)]
        asked = httpx.Request(request.method, target, headers=headers, content=body or None)
        try:
            answer = await self._http.send(asked, stream=True)
        except httpx.TransportError as error:
            raise Unreached(str(error)) from error
        handed = StreamingResponse(_pieces(answer), answer.status_code)
        length = [(b"content-length", each.encode()) for each in answer.headers.get_list("content-length")]
        handed.raw_headers = [*_kept(answer.headers.raw, OURS), *length]
        return handed

    async def whole(self, address: str, request: Request) -> httpx.Response:
        """What a worker answers to a request without a body, all of it. Raises Unreached."""
        headers = _kept(request.headers.raw, HOP | {b"accept-encoding"})
        try:
            return await self._http.send(httpx.Request("GET", f"{address}{_target(request)}", headers=headers))
        except httpx.TransportError as error:
            raise Unreached(str(error)) from error

    async def websocket(self, address: str, client: WebSocket) -> None:
        """Hand messages on, both ways, until one side closes. Raises Unreached before the handshake is answered."""
        place = urlsplit(address)
        named = client.headers.get("host", place.netloc)
        headers = [*_kept(client.headers.raw, HOP | OF_HANDSHAKE), *_forwarded(client)]
        try:
            worker = await connect(
                f"ws://{named}{_target(client)}",
                host=place.hostname,
                port=place.port,
                additional_headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
                user_agent_header=None,
                compression=None,
                max_size=None,
                max_queue=1,  # what a slow reader does not take is to wait with the worker, which drops it
                open_timeout=CONNECTING,
                ping_interval=None,  # who is silent is found out by the worker at its end, and by us at ours
                proxy=None,
            )
        except (OSError, WebSocketException) as error:
            raise Unreached(str(error)) from error
        worker.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD)
        async with worker:
            await client.accept()
            await _both_ways(client, worker)


async def _both_ways(client: WebSocket, worker: ClientConnection) -> None:
    async def out() -> None:
        code, reason = GONE, "The worker is gone: connect again."
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: the client has gone already
            try:
                async for message in worker:
                    await (client.send_text(message) if isinstance(message, str) else client.send_bytes(message))
                code, reason = worker.close_code or 1000, worker.close_reason or ""
            except ConnectionClosed as closed:
                if closed.rcvd is not None:
                    code, reason = closed.rcvd.code, closed.rcvd.reason
            await client.close(code, reason)

    async def back() -> None:
        with contextlib.suppress(ConnectionClosed):
            while (message := await client.receive())["type"] == "websocket.receive":
                await worker.send(message.get("text") or message.get("bytes") or b"")
        await worker.close()

    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(each) for each in (out(), back())]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    """An answer as it comes; it ends early where the worker does."""
    try:
        with contextlib.suppress(httpx.TransportError):
            async for piece in answer.aiter_raw():
                yield piece
    finally:
        await answer.aclose()


def _target(connection: HTTPConnection) -> str:
    query = connection.scope["query_string"].decode("latin-1")
    return f"{raw_path(connection)}{'?' if query else ''}{query}"


def raw_path(connection: HTTPConnection) -> str:
    """The path as the client wrote it, with its percent signs."""
    path: bytes = connection.scope.get("raw_path") or quote(connection.scope["path"]).encode()
    return path.decode("latin-1")


def parts_of(connection: HTTPConnection) -> list[str]:
    """The parts of the path, decoded. Not by ``url``: it writes some marks encoded, and fails with some Starlettes."""
    path: str = connection.scope["path"]
    return path.strip("/").split("/")


def _kept(headers: Iterable[tuple[bytes, bytes]], without: set[bytes]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() not in without]


def _forwarded(connection: HTTPConnection) -> list[tuple[bytes, bytes]]:
    """Whom we speak for, for a worker that believes us."""
    remote = connection.client.host if connection.client is not None else ""
    scheme = str(connection.scope["scheme"]).replace("ws", "http")
    return [(b"x-forwarded-for", remote.encode()), (b"x-forwarded-proto", scheme.encode())]


def nobody(why: str) -> NotReady:
    """What is answered where no worker can."""
    return NotReady(why, detail="Try again in a moment; GET /cluster lists the workers.", retry_after=2)
