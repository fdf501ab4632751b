"""uvicorn, for answers and sockets that never end and readers that do not read them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
from asyncio.transports import BaseTransport
from typing import cast

import h11
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from streamer import limits
from streamer.config import Config
from streamer.http import connections

# Python names it from 3.12 on; before that we know Linux's number.
NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
TRANSPORT = "streamer.transport"  # of a request, in its scope


class LiveHTTP(H11Protocol):
    """
    HTTP whose applications find the connection's transport in the scope, and whose streams end with the server.

    A head has ``HEAD`` seconds to come, what is left of a body after the answer ``REST``; an answer of which nothing is
    read for ``STALLED`` seconds is given up. How slowly a body may come that is being read, bodies.py says.
    """

    HEAD = 10.0
    REST = 5.0
    STALLED = 60.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put the transport into the scope of what is asked over it."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._since = self.loop.time()
        self._phase = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._watch()
        application: ASGIApp = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if (length := _head(scope)) > limits.MAX_HEAD:
                await _too_long(length)(scope, receive, send)
            else:
                await application({**scope, TRANSPORT: transport}, receive, send)

        self.app = app

    @property
    def waits_since(self) -> float | None:
        """The loop's time since which there is no request on this connection; None: there is one."""
        waits = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        return self._since if waits else None

    def data_received(self, data: bytes) -> None:
        """Take bytes, and look whether there must be more of them soon."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._since = self.loop.time()
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._set("", 0)
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        """The peer has read."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch(self) -> None:
        """Give what has to come its deadline, which further bytes do not move."""
        answered = self.cycle is not None and self.cycle.response_complete  # type: ignore[redundant-expr]
        if self.transport.get_protocol() is not self:  # it has become a WebSocket
            self._set("", 0)
        elif self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            self._set("head", self.HEAD)
        elif self.conn.their_state is h11.SEND_BODY and answered:
            self._set("rest", self.REST)
        else:
            self._set("", 0)

    def _set(self, phase: str, seconds: float) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.transport.abort) if phase else None

    def shutdown(self) -> None:
        """End a stream of events as if its reader had gone; other answers are finished first."""
        super().shutdown()
        streaming = self.scope is not None and self.scope["path"].endswith("/events")  # type: ignore[redundant-expr]
        if streaming and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.close()


def _head(scope: Scope) -> int:
    """Bytes of a request's head: of its address and its headers. h11 bounds only what has not come whole."""
    return len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(a) + len(b) + 4 for a, b in scope["headers"])


def _too_long(length: int) -> JSONResponse:
    words = f"The head of the request has {length} bytes; it may have {limits.MAX_HEAD}."
    return JSONResponse({"message": words, "detail": words}, 431)


def hold_little(transport: asyncio.BaseTransport, unsent: int) -> None:
    """
    Let the kernel hold ``unsent`` bytes of what a peer does not read, and the event loop a message at most.

    The kernel would take megabytes on behalf of a slow reader, which is minutes of results that nobody wants any more.
    """
    if isinstance(transport, asyncio.Transport):
        # One byte, not none: asyncio's TLS stops at "as many as", which an empty buffer would be, and never goes on.
        transport.set_write_buffer_limits(high=1, low=0)
        below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
        if below is not None:  # what TLS writes to, which has a buffer of its own
            below.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is not None and NOTSENT_LOWAT is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, unsent)


def server(app: FastAPI, config: Config, tls: ssl.SSLContext | None = None) -> LiveServer:
    """
    A uvicorn server with the settings that live sockets need; ``await server.serve(sockets)`` with what listens.

    With a context ``tls`` it speaks HTTPS, and HTTPS alone.
    """
    return LiveServer(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
            http=LiveHTTP,
            ws=LiveWebSocket,
            h11_max_incomplete_event_size=limits.MAX_HEAD,  # of one that comes in pieces; the others LiveHTTP refuses
            ws_max_size=limits.MAX_MESSAGE,
            ws_per_message_deflate=False,  # run lengths and JPEGs hardly shrink, and the loop has no time for it
            timeout_graceful_shutdown=5,
            log_config=None,  # its lines go where ours go
            log_level="warning",
            access_log=False,
            ssl_context_factory=None if tls is None else lambda *_: tls,
        ),
        config.max_connections or connections.bound(),
    )


class LiveServer(uvicorn.Server):
    """A server whose connections are accepted by a :class:`connections.Door`, ``most`` at a time."""

    def __init__(self, config: uvicorn.Config, most: int) -> None:
        super().__init__(config)
        self.most = most
        self._tasks = asyncio.TaskGroup()

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        rarely = connections.Rarely()
        loggers = [logging.getLogger("uvicorn.error"), connections.log]
        for each in loggers:
            each.addFilter(rarely)
        try:
            async with self._tasks:
                await super()._serve(sockets)
        finally:
            for each in loggers:
                each.removeFilter(rarely)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept connections for it."""
        await super().startup(sockets=[])
        door = connections.Door(self._protocol, self.server_state.connections, self.most, self.config.ssl)
        opened = [Accepting(each, self._tasks.create_task(door.open(each))) for each in sockets or ()]
        self.servers = cast(list[asyncio.Server], opened)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, finish what was asked, end the application. The door closes the sockets."""
        await super().shutdown()

    def _protocol(self) -> asyncio.Protocol:
        make = cast(type[LiveHTTP], self.config.http_protocol_class)
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


class Accepting:
    """A socket on which connections are accepted, as uvicorn takes one of asyncio's servers."""

    def __init__(self, listening: socket.socket, task: asyncio.Task[None]) -> None:
        self.sockets = (listening,)
        self._task = task

    def close(self) -> None:
        """Accept no more."""
        self._task.cancel()

    async def wait_closed(self) -> None:
        """Until the socket is closed."""
        await asyncio.wait([self._task])


class LiveWebSocket(WebSocketsSansIOProtocol):
    """
    uvicorn's WebSocket, for messages that grow stale and peers that do not read them.

    The kernel would take megabytes of results on behalf of a slow reader, half a minute's worth: it is told to hold
    ``UNSENT`` bytes, and the slot before it does the rest. Closing waits until what was written has been read, which a
    peer that reads nothing never does: after ``FLUSH`` seconds the connection is cut.
    """

    UNSENT = 32 * 1024
    FLUSH = 5.0

    def connection_made(self, transport: BaseTransport) -> None:
        """Set the bound on what the kernel holds."""
        super().connection_made(transport)
        hold_little(transport, self.UNSENT)

    async def run_asgi(self) -> None:
        """Run the application, then cut the connection unless it closes by itself."""
        await super().run_asgi()
        handshake = self.close_timeout if self.close_timer is not None else 0.0
        self.loop.call_later(self.FLUSH + handshake, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """A ping was not answered in time."""
        super().keepalive_timeout()
        self.loop.call_later(self.FLUSH, self.transport.abort)
