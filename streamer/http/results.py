"""Results of a session over a WebSocket, and what its reader asks."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from streamer import auth
from streamer.auth import Scope
from streamer.errors import StreamerError
from streamer.live import reader_options
from streamer.live.conversation import converse
from streamer.live.reader_options import Options
from streamer.live.sessions import Sessions

MOVED = 1012  # "service restart": the session goes on elsewhere, and is found by connecting again
NOT_READING = 4408  # WebSocket close codes are HTTP's status and 4000: 4404 means no such session
CLOSING = 1.0  # seconds that a peer has to take the close frame

router = APIRouter(tags=["live"])


@router.websocket("/sessions/{id}/results")
async def results(socket: WebSocket, id: str) -> None:  # noqa: A002
    """Results out; prompts, clicks, boxes, removals and options in. The query is a :class:`ReaderIn`."""
    await socket.accept()
    sessions: Sessions = socket.app.state.sessions
    try:
        caller = auth.allow(socket, await auth.key_of(socket), Scope.VIEW, session=id)
        session = sessions.get(id)
        general = caller.scope < Scope.MANAGE
        asked = reader_options.of_query(socket.query_params)
        with session.subscribe(
            pictures=asked.pictures, options=Options().changed(asked), general=general
        ) as subscription:
            await converse(session, subscription, _Socket(socket), caller.scope)
        code, reason = MOVED if session.standing.moved else 1000, session.standing.why(general=general)
        if subscription.given_up is not None:
            code, reason = NOT_READING, subscription.given_up
    except StreamerError as error:
        code, reason = 4000 + error.status, error.message
    await _close(socket, code, reason)


class _Socket:
    """A WebSocket as a conversation takes it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, message: str | bytes) -> bool:
        """Send text as text and bytes as binary; False when the peer is gone."""
        try:
            if isinstance(message, str):
                await self._socket.send_text(message)
            else:
                await self._socket.send_bytes(message)
        except WebSocketDisconnect:
            return False
        return True

    async def receive(self) -> str | bytes | None:
        """Wait for the next message, be it text or binary; None when the peer is gone."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            return None
        return received.get("text") or received.get("bytes") or b""


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    """Say why, for as long as the peer may still read it."""
    short = reason.encode()[:120].decode(errors="ignore")  # a close frame holds 123 bytes
    try:
        async with asyncio.timeout(CLOSING):
            await socket.close(code, short)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):  # it is gone already
        return
