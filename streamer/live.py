"""Sessions over HTTP and WebSocket: start, look, prompt, click, subscribe, stop."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, WebSocket, WebSocketDisconnect

from streamer import auth, events, options, wire
from streamer.config import Config
from streamer.errors import (
    BadRequest,
    FrameGone,
    NotFound,
    NotReady,
    StreamerError,
    TooLarge,
    TooMany,
    Unauthorized,
)
from streamer.openapi import refusals
from streamer.options import Options
from streamer.result import FrameInfo
from streamer.session import Session
from streamer.sessions import Sessions
from streamer.sources import open_source
from streamer.subscription import Subscription
from tracker import Answer, Box, Prompt

NOT_READING = 4408  # WebSocket close codes are HTTP's status and 4000: 4404 means no such session
CLOSING = 1.0  # seconds that a peer has to take the close frame

MAX_REQUEST = 1024  # bytes of what an answer echoes

JPEG: dict[int | str, dict[str, Any]] = {200: {"description": "The picture", "content": {"image/jpeg": {}}}}

log = logging.getLogger(__name__)
router = APIRouter(tags=["live"])
guarded = APIRouter(dependencies=[Depends(auth.check)], responses=refusals(Unauthorized))


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


All = Annotated[Sessions, Depends(_sessions)]


@guarded.post("/sessions", status_code=201, responses=refusals(BadRequest, TooLarge, TooMany, NotReady))
async def start(body: wire.SessionIn, request: Request, response: Response, sessions: All) -> dict[str, Any]:
    """Pull a stream or a file: ``rtsp://…``, ``rtmp://…``, ``http://…`` (HLS, MJPEG), a path, ``demo:``."""
    config: Config = request.app.state.config
    prompts = [prompt.prompt() for prompt in body.prompts]
    for index, prompt in enumerate(prompts):
        if prompt.boxes:
            raise BadRequest(
                f"prompts[{index}].boxes: boxes belong to a frame, and there is none yet.",
                detail="Start the session, then send a prompts message with the frame_index they were drawn on.",
            )
    source = open_source(body.source, **config.opening)
    session = sessions.create(source, prompts)
    response.headers["Location"] = f"/sessions/{session.id}"
    return describe(session)


@guarded.get("/sessions")
async def listing(sessions: All) -> dict[str, Any]:
    """All sessions, the ended ones with their reason among them."""
    return {"sessions": [describe(session) for session in sessions.list()]}


@guarded.get("/sessions/{id}", responses=refusals(NotFound))
async def look_up(id: str, sessions: All) -> dict[str, Any]:  # noqa: A002
    """One session."""
    return describe(sessions.get(id))


@guarded.delete("/sessions/{id}", status_code=204, responses=refusals(NotFound))
async def stop(id: str, sessions: All) -> None:  # noqa: A002
    """Stop a session and forget it."""
    await sessions.delete(id)


@guarded.get("/sessions/{id}/frames/latest.jpg", response_class=Response, responses=JPEG | refusals(NotFound))
async def latest_picture(id: str, sessions: All) -> Response:  # noqa: A002
    """The newest picture that was looked at; ``X-Frame-Index`` says which frame it is."""
    return _picture(*await sessions.get(id).picture())


@guarded.get("/sessions/{id}/frames/{index}.jpg", response_class=Response, responses=JPEG | refusals(NotFound))
async def picture(id: str, index: int, sessions: All) -> Response:  # noqa: A002
    """The picture of the frame with that index, if it was looked at and is still kept."""
    return _picture(*await sessions.get(id).picture(index))


@guarded.get("/sessions/{id}/events", response_class=Response, responses=events.STREAM | refusals(NotFound, TooMany))
async def event_stream(
    id: str,  # noqa: A002
    request: Request,
    asked: Annotated[events.EventsIn, Query()],
    sessions: All,
) -> Response:
    """
    The messages of the WebSocket as server-sent events: ``event`` is a message's type, ``id`` its frame's index.

    A comment comes now and then when nothing else does. The last event is ``end``. Prompts cannot be changed here.
    """
    session = sessions.get(id)
    if request.headers.get("last-event-id") == "end":
        return Response(status_code=204)  # tells an EventSource that connects again by itself to leave it
    return events.EventStream(session, Options().changed(asked))


def _picture(index: int, data: bytes) -> Response:
    return Response(data, media_type="image/jpeg", headers={"X-Frame-Index": str(index), "Cache-Control": "no-store"})


def describe(session: Session) -> dict[str, Any]:
    """A session as listings show it; ``hint`` is there when the model has something to say about the prompts."""
    last, hints = session.last, session.hints(session.prompts)
    return {
        "id": session.id,
        "source": session.source.name,
        "kind": session.source.kind,
        "state": str(session.state),
        "reason": session.reason,
        "since": session.since.isoformat(timespec="milliseconds"),
        "fps": round(session.fps, 1),
        "age_ms": None if last is None else round(last.age * 1000, 1),
        "dropped": {"source": session.dropped, "subscriber": session.missed},
        "frames": {"decoded": session.decoded, "looked_at": session.looked},
        "frame": None if last is None else wire.frame_json(last.frame),
        "objects": 0 if last is None or last.step is None else len(last.step.tracks),
        "timings_ms": {} if last is None or last.step is None else _milliseconds(last.step.timings),
        "subscribers": session.subscribers,
        "viewers": session.playback.viewers,
        "prompts": [wire.prompt_json(prompt) for prompt in session.prompts],
        **({"hint": " ".join(hints)} if hints else {}),
    }


def _milliseconds(timings: dict[str, float]) -> dict[str, float]:
    return {name: round(seconds * 1000, 1) for name, seconds in timings.items()}


# The messages, whatever carries them


async def handle(session: Session, subscription: Subscription, message: str | bytes) -> dict[str, Any]:
    """Do what a reader's message asks; the answer is an ``ack`` or an ``error``, with its ``request`` echoed."""
    request = None
    try:
        data = _read(message)
        request = _request(data)
        return {"type": "ack", "request": request, **await _obey(session, subscription, wire.parse_live(data))}
    except StreamerError as error:
        return _error_message(error, request)
    except Exception:
        log.exception("session %s: a message failed", session.id)
        return _error_message(StreamerError("Something failed inside the server."), request)


def _read(message: str | bytes) -> dict[str, Any]:
    try:
        data = json.loads(message)
    except (ValueError, RecursionError):
        raise BadRequest("The message is not JSON.") from None
    if not isinstance(data, dict):
        raise BadRequest("The message must be a JSON object with a type.")
    return data


def _request(data: dict[str, Any]) -> Any:
    """What the answer echoes. Raises BadRequest for what cannot be sent back: NaN, half a surrogate pair, a novel."""
    request = data.get("request")
    try:
        length = len(wire.dumps({"request": request}).encode())
        wire.packs({"request": request})  # which has no integers over 64 bits, and less patience with nesting
    except (ValueError, RecursionError, OverflowError):
        raise BadRequest("request: it cannot be sent back as JSON; use a number.", field="request") from None
    if length > MAX_REQUEST:
        raise BadRequest(f"request: it is longer than {MAX_REQUEST} bytes; use a number.", field="request")
    return request


def _error_message(error: StreamerError, request: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"type": "error", "request": request, "code": error.code, "message": error.message}
    if error.field is not None:
        message["field"] = error.field
    if isinstance(error, FrameGone):
        message["available"] = error.available
    return message


async def _obey(session: Session, subscription: Subscription, message: wire.LiveMessage) -> dict[str, Any]:
    """Returns what the acknowledgement says besides."""
    match message:
        case wire.PromptsMessage():
            return await _set_prompts(session, message)
        case wire.ClickMessage():
            frame = session.history.find(message.frame_index, message.rtp_timestamp)
            for index, point in enumerate(message.points):
                _inside(frame, f"points[{index}]", x=point.x, y=point.y)
            points = [point.point() for point in message.points]
            return _answer(frame, await session.click(frame, points, message.object_id))
        case wire.BoxMessage():
            frame = session.history.find(message.frame_index, message.rtp_timestamp)
            box = message.box.box()
            _box_inside(frame, "box", box)
            return _answer(frame, await session.box(frame, box))
        case wire.RemoveMessage():
            await session.remove(message.object_id)
            return {"object_id": message.object_id}
        case wire.OptionsMessage():
            return _set_options(session, subscription, message)


async def _set_prompts(session: Session, message: wire.PromptsMessage) -> dict[str, Any]:
    prompts = [prompt.prompt() for prompt in message.prompts]
    frame = _exemplar_frame(session, message, prompts)
    await session.set_prompts(prompts, frame)
    answer: dict[str, Any] = {"prompts": [wire.echo_json(index, prompt) for index, prompt in enumerate(prompts)]}
    hints = session.hints(prompts)
    return {**answer, "hint": " ".join(hints)} if hints else answer


def _exemplar_frame(session: Session, message: wire.PromptsMessage, prompts: list[Prompt]) -> FrameInfo | None:
    """The frame that new exemplar boxes were drawn on; None: there are no new ones. Raises BadRequest, FrameGone."""
    known = {prompt.key for prompt in session.prompts}
    new = [index for index, prompt in enumerate(prompts) if prompt.boxes and prompt.key not in known]
    if not new:
        return None
    named = {index: message.prompts[index].frame_index for index in new}
    frames = {message.frame_index if own is None else own for own in named.values()}
    if None in frames:
        field = f"prompts[{new[0]}].frame_index"
        raise BadRequest(f"{field}: boxes need the frame_index they were drawn on.", field=field)
    if len(frames) > 1:
        raise BadRequest("frame_index: all new boxes of one message must be drawn on one frame.", field="frame_index")
    frame = session.history.find(frames.pop())
    for index in new:
        for place, box in enumerate(prompts[index].boxes):
            _box_inside(frame, f"prompts[{index}].boxes[{place}]", box)
    return frame


def _set_options(session: Session, subscription: Subscription, message: wire.OptionsMessage) -> dict[str, Any]:
    if subscription.pictures and message.encoding is not None:  # pictures and messages would be taken for each other
        raise BadRequest(
            "encoding: a connection with pictures chooses it in its address: ?pictures=1&encoding=msgpack.",
            field="encoding",
        )
    subscription.options = subscription.options.changed(message)
    answer, unmatched = subscription.options.told(), subscription.options.unmatched(session.prompts)
    if not unmatched:
        return answer
    return {**answer, "hint": f"No prompt has this text or id at present: {', '.join(unmatched)}."}


def _answer(frame: FrameInfo, answer: Answer) -> dict[str, Any]:
    return {
        "object_id": answer.object_id,
        "frame_index": frame.index,
        "answered_frame_index": answer.frame_index,
        "score": round(float(answer.score), 4),
    }


def _inside(frame: FrameInfo, field: str, **coordinates: float) -> None:
    for name, value in coordinates.items():
        limit = frame.width if name.startswith("x") else frame.height
        if not 0 <= value <= limit:
            raise BadRequest(
                f"{field}.{name}: {value:g} is outside the picture of {frame.width}×{frame.height} pixels.",
                field=f"{field}.{name}",
            )


def _box_inside(frame: FrameInfo, field: str, box: Box) -> None:
    if box.x1 - box.x0 < 1 or box.y1 - box.y0 < 1:
        raise BadRequest(f"{field}: it is less than a pixel wide or high.", field=field)
    _inside(frame, field, x0=box.x0, y0=box.y0, x1=box.x1, y1=box.y1)


# The WebSocket


@router.websocket("/sessions/{id}/results")
async def results(socket: WebSocket, id: str) -> None:  # noqa: A002
    """Results out; prompts, clicks, boxes, removals and options in. The query is a :class:`streamer.wire.ReaderIn`."""
    await socket.accept()
    sessions: Sessions = socket.app.state.sessions
    try:
        auth.check(socket)
        session = sessions.get(id)
        asked = options.of_query(socket.query_params)
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


router.include_router(guarded)
