"""Results of a session over a WebSocket, and what its reader asks."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from streamer import auth
from streamer.errors import (
    StreamerError,
)
from streamer.live import reader_options
from streamer.live.orders import handle
from streamer.live.reader_options import Options
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.live.subscription import Subscription

NOT_READING = 4408  # WebSocket close codes are HTTP's status and 4000: 4404 means no such session
CLOSING = 1.0  # seconds that a peer has to take the close frame

router = APIRouter(tags=["live"])


@router.websocket("/sessions/{id}/results")
async def results(socket: WebSocket, id: str) -> None:  # noqa: A002
    """Results out; prompts, clicks, boxes, removals and options in. The query is a :class:`ReaderIn`."""
    await socket.accept()
    sessions: Sessions = socket.app.state.sessions
    try:
        auth.check(socket)
        session = sessions.get(id)
        asked = reader_options.of_query(socket.query_params)
        with session.subscribe(pictures=asked.pictures, options=Options().changed(asked)) as subscription:
            code, reason = await _converse(socket, session, subscription)
    except StreamerError as error:
        code, reason = 4000 + error.status, error.message
    await _close(socket, code, reason)


async def _converse(socket: WebSocket, session: Session, subscription: Subscription) -> tuple[int, str]:
    """Send and listen until one side has had enough; returns how to close."""
    await subscription.converse(_send(socket, subscription), _listen(socket, session, subscription))
    if subscription.given_up is not None:
        return NOT_READING, subscription.given_up
    return 1000, session.reason


async def _send(socket: WebSocket, subscription: Subscription) -> None:
    """Send what there is to be sent, as fast as the peer reads it."""
    try:
        async for message in subscription:
            if isinstance(message, str):
                await socket.send_text(message)
            else:
                await socket.send_bytes(message)
    except WebSocketDisconnect:
        return


async def _listen(socket: WebSocket, session: Session, subscription: Subscription) -> None:
    """Answer one message after the other; while an answer waits for its place in line, nothing more is read."""
    while True:
        received = await socket.receive()
        if received["type"] == "websocket.disconnect":
            return
        message = received.get("text")
        await subscription.answer(await handle(session, subscription, message or received.get("bytes") or b""))


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    """Say why, for as long as the peer may still read it."""
    short = reason.encode()[:120].decode(errors="ignore")  # a close frame holds 123 bytes
    try:
        async with asyncio.timeout(CLOSING):
            await socket.close(code, short)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):  # it is gone already
        return
