"""uvicorn, for answers and sockets that never end and readers that do not read them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from asyncio.transports import BaseTransport
from typing import cast

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from streamer.config import Config

# Python names it from 3.12 on; before that we know Linux's number.
NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
TRANSPORT = "streamer.transport"  # of a request, in its scope


class LiveHTTP(H11Protocol):
    """HTTP whose applications find the connection's transport in the scope, and whose streams end with the server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put the transport into the scope of what is asked over it."""
        super().connection_made(cast(asyncio.Transport, transport))
        application: ASGIApp = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await application({**scope, TRANSPORT: transport}, receive, send)

        self.app = app

    def shutdown(self) -> None:
        """End a stream of events as if its reader had gone; other answers are finished first."""
        super().shutdown()
        streaming = self.scope is not None and self.scope["path"].endswith("/events")  # type: ignore[redundant-expr]
        if streaming and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.close()


def hold_little(transport: asyncio.BaseTransport, unsent: int) -> None:
    """
    Let the kernel hold ``unsent`` bytes of what a peer does not read, and the event loop a message at most.

    The kernel would take megabytes on behalf of a slow reader, which is minutes of results that nobody wants any more.
    """
    if isinstance(transport, asyncio.Transport):
        transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is not None and NOTSENT_LOWAT is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, unsent)


def server(app: FastAPI, config: Config) -> uvicorn.Server:
    """A uvicorn server with the settings that live sockets need; ``await server.serve()`` or ``server.run()``."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
            http=LiveHTTP,
            ws=LiveWebSocket,
            ws_max_size=2**20,  # bytes of one message in: prompts and clicks are small
            ws_per_message_deflate=False,  # run lengths and JPEGs hardly shrink, and the loop has no time for it
            timeout_graceful_shutdown=5,
            log_level="warning",
            access_log=False,
        )
    )


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
