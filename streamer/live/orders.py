"""What a client may ask of a live session, whatever channel carries the message."""

from __future__ import annotations

import json
import logging
from typing import Any

from streamer.auth import Scope
from streamer.errors import (
    BadRequest,
    Forbidden,
    FrameGone,
    StreamerError,
)
from streamer.limits import MAX_VALUES
from streamer.live import examples, pointing
from streamer.live.recent_frames import Decoded
from streamer.live.session import Session
from streamer.live.subscription import Subscription
from streamer.wire import fields, messages, results, values
from streamer.wire.values import TooManyValues
from tracker import Answer, Prompt

log = logging.getLogger(__name__)


MAX_REQUEST = 1024  # bytes of what an answer echoes


async def handle(session: Session, subscription: Subscription, message: str | bytes, scope: Scope) -> dict[str, Any]:
    """
    Do what a reader's message asks; the answer is an ``ack`` or an ``error``, with its ``request`` echoed.

    ``scope`` is what the reader may do: one that may only view sets its own options, and nothing of the session.
    """
    request = None
    try:
        data = _read(message)
        request = _request(data)
        order = messages.parse_live(data)
        if scope < Scope.PROMPT and not isinstance(order, messages.OptionsMessage):
            raise Forbidden("This key may view only; prompts, clicks and removals need one that may prompt.")
        return {"type": "ack", "request": request, **await _obey(session, subscription, order)}
    except StreamerError as error:
        return _error_message(error, request)
    except Exception:
        log.exception("session %s: a message failed", session.id)
        return _error_message(StreamerError("Something failed inside the server."), request)


def _read(message: str | bytes) -> dict[str, Any]:
    try:
        values.check(message, MAX_VALUES)
        data = json.loads(message)
    except TooManyValues as error:
        raise BadRequest(f"The message is too much JSON: {error}.") from None
    except (ValueError, RecursionError):
        raise BadRequest("The message is not JSON.") from None
    if not isinstance(data, dict):
        raise BadRequest("The message must be a JSON object with a type.")
    return data


def _request(data: dict[str, Any]) -> Any:
    """What the answer echoes. Raises BadRequest for what cannot be sent back: NaN, half a surrogate pair, a novel."""
    request = data.get("request")
    try:
        length = len(results.dumps({"request": request}).encode())
        results.packs({"request": request})  # which has no integers over 64 bits, and less patience with nesting
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


async def _obey(session: Session, subscription: Subscription, message: messages.LiveMessage) -> dict[str, Any]:
    """Returns what the acknowledgement says besides."""
    match message:
        case messages.PromptsMessage():
            return await _set_prompts(session, message)
        case messages.ClickMessage():
            frame = session.recent.find(message.frame_index, message.rtp_timestamp)
            points = [point.point() for point in message.points]
            answer = _answer(frame, await pointing.click(session, frame, points, message.object_id))
            return {**answer, "hint": fields.SHARES} if fields.shares(points) else answer
        case messages.BoxMessage():
            frame = session.recent.find(message.frame_index, message.rtp_timestamp)
            return _answer(frame, await pointing.box(session, frame, message.box.box()))
        case messages.RemoveMessage():
            await session.tracking.remove(message.object_id)
            return {"object_id": message.object_id}
        case messages.OptionsMessage():
            return _set_options(session, subscription, message)


async def _set_prompts(session: Session, message: messages.PromptsMessage) -> dict[str, Any]:
    prompts = [prompt.prompt(session.tracking.threshold) for prompt in message.prompts]
    frame = _exemplar_frame(session, message, prompts)
    keeping = session.keeping
    drawn = {} if keeping is None or frame is None else await examples.drawn(session, prompts, frame)
    await pointing.set_prompts(session, prompts, frame)
    answer: dict[str, Any] = {"prompts": [results.echo_json(index, prompt) for index, prompt in enumerate(prompts)]}
    if keeping is not None:
        keeping.edited(session.prompts, drawn)  # what is in force now, whoever asked meanwhile
        answer["kept"] = await keeping.settled()
    hints, untaught = session.tracking.hints(prompts), session.tracking.untaught(prompts)
    answer |= {"hint": " ".join(hints)} if hints else {}
    return answer | ({"untaught": untaught} if untaught else {})


def _exemplar_frame(session: Session, message: messages.PromptsMessage, prompts: list[Prompt]) -> Decoded | None:
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
    return session.recent.find(frames.pop())


def _set_options(session: Session, subscription: Subscription, message: messages.OptionsMessage) -> dict[str, Any]:
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


def _answer(frame: Decoded, answer: Answer) -> dict[str, Any]:
    return {
        "object_id": answer.object_id,
        "frame_index": frame.index,
        "answered_frame_index": answer.frame_index,
        "score": round(float(answer.score), 4),
    }
