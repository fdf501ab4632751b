"""Sessions over HTTP: start, list, look at a picture, read events, stop."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from streamer import auth, redaction
from streamer.auth import Scope
from streamer.config import Config
from streamer.errors import (
    BadRequest,
    Conflict,
    NotFound,
    NotReady,
    NotStored,
    TooLarge,
    TooMany,
)
from streamer.http import events, motion_jpeg
from streamer.http.openapi import refusals
from streamer.live.reader_options import Options
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.sources import open_source
from streamer.store import Kept, Origin, Store
from streamer.wire import messages
from streamer.wire.results import dropped_json, frame_json, prompt_json

JPEG: dict[int | str, dict[str, Any]] = {200: {"description": "The picture", "content": {"image/jpeg": {}}}}

router = APIRouter(tags=["live"])
viewing = auth.guarded(Scope.VIEW, responses=refusals(*auth.REFUSALS))
managing = auth.guarded(Scope.MANAGE, responses=refusals(*auth.REFUSALS))


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


All = Annotated[Sessions, Depends(_sessions)]


@managing.post("/sessions", status_code=201, responses=refusals(BadRequest, TooLarge, TooMany, NotReady))
async def start(body: messages.SessionIn, request: Request, response: Response, sessions: All) -> dict[str, Any]:
    """Pull a stream or a file: ``rtsp://…``, ``rtmp://…``, ``http://…`` (HLS, MJPEG), a path, ``demo:``."""
    config: Config = request.app.state.config
    prompts = [prompt.prompt(sessions.threshold) for prompt in body.prompts]
    for index, prompt in enumerate(prompts):
        if prompt.boxes:
            raise BadRequest(
                f"prompts[{index}].boxes: boxes belong to a frame, and there is none yet.",
                detail="Start the session, then send a prompts message with the frame_index they were drawn on.",
            )
    keys: auth.Keyring = request.app.state.keys
    if body.keep and sessions.store is None:
        raise BadRequest(f"keep: {request.app.state.storeless}", field="keep")
    source = open_source(body.source, **config.opening_for_callers(keyed=not keys.open))
    keep = Kept.new(body.source, prompts, Origin.HTTP) if body.keep or sessions.keeps_all else None
    session = sessions.create(source, prompts, keep=keep)
    if session.keeping is not None:
        await session.keeping.settled()  # what is answered is true after a kill, too
    response.headers["Location"] = f"/sessions/{session.id}"
    return describe(session, general=False)


@viewing.get("/sessions")
async def listing(request: Request, sessions: All) -> dict[str, Any]:
    """All sessions, the ended ones with their reason among them; ``store``, where there is one: how it stands."""
    general = _general(request)
    told = [describe(session, general=general) for session in sessions.list()]
    store = sessions.store
    return {"sessions": told, **({} if store is None else {"store": _store(sessions, store, general=general)})}


@viewing.get("/sessions/{id}", responses=refusals(NotFound))
async def look_up(id: str, request: Request, sessions: All) -> dict[str, Any]:  # noqa: A002
    """One session."""
    return describe(sessions.get(id), general=_general(request))


@managing.delete("/sessions/{id}", status_code=204, responses=refusals(NotFound, NotStored))
async def stop(id: str, sessions: All) -> None:  # noqa: A002
    """Stop a session and forget it: one that was kept does not come back."""
    await sessions.delete(id)


@viewing.get("/sessions/{id}/frames/latest.jpg", response_class=Response, responses=JPEG | refusals(NotFound))
async def latest_picture(id: str, sessions: All) -> Response:  # noqa: A002
    """The newest picture that was looked at; ``X-Frame-Index`` says which frame it is."""
    return _picture(*await sessions.get(id).picture())


@viewing.get("/sessions/{id}/frames/{index}.jpg", response_class=Response, responses=JPEG | refusals(NotFound))
async def picture(id: str, index: int, sessions: All) -> Response:  # noqa: A002
    """The picture of the frame with that index, if it was looked at and is still kept."""
    return _picture(*await sessions.get(id).picture(index))


@viewing.get("/sessions/{id}/events", response_class=Response, responses=events.STREAM | refusals(NotFound, TooMany))
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
    return events.EventStream(session, Options().changed(asked), general=_general(request))


@viewing.get(
    "/sessions/{id}/live.mjpg",
    response_class=Response,
    responses=motion_jpeg.STREAM | refusals(NotFound, Conflict, TooMany),
)
async def motion(id: str, asked: Annotated[motion_jpeg.MotionIn, Query()], sessions: All) -> Response:  # noqa: A002
    """
    The picture with its masks as Motion JPEG: what WHEP shows, for recorders, ``<img>`` and video libraries.

    A slow reader gets the newest picture. It ends with the session.
    """
    return motion_jpeg.MotionJpeg(sessions.get(id).playback, asked.picture_width or None)


def _general(request: Request) -> bool:
    """Whether the caller is told reasons in general words: it may not manage."""
    return auth.caller_of(request).scope < Scope.MANAGE


def _store(sessions: Sessions, store: Store, *, general: bool) -> dict[str, Any]:
    """How what is kept stands, and which sessions of it could not be started."""
    left_out = [
        {
            "id": kept.id,
            "source": redaction.address(kept.address),
            "reason": "It could not be started." if general else reason,
        }
        for kept, reason in sessions.left_out.values()
    ]
    failing, words = store.problem is not None, "It cannot be written."
    return {
        "state": "failing" if failing else "ok",
        "reason": "" if not failing else words if general else store.problem,
        "kept": len(store.kept),
        "not_started": left_out,
    }


def _picture(index: int, data: bytes) -> Response:
    return Response(data, media_type="image/jpeg", headers={"X-Frame-Index": str(index), "Cache-Control": "no-store"})


def describe(session: Session, *, general: bool = False) -> dict[str, Any]:
    """
    A session as listings show it; ``hint`` is there when the model has something to say about the prompts.

    ``general``: its reason as it is told to those who may not manage.
    """
    age = session.age
    received = session.publisher.received(age)
    last, hints = session.last, session.tracking.hints(session.prompts)
    return {
        "id": session.id,
        "source": session.source.name,
        "keep": session.keeping is not None,
        "kept": session.keeping is not None and session.keeping.lasts,
        "kind": session.source.kind,
        "device": session.engine.name,
        "state": str(session.state),
        "reason": session.standing.why(general=general),
        "since": session.standing.since.isoformat(timespec="milliseconds"),
        "fps": round(session.fps, 1),
        "looks": round(session.looks, 1),
        "age_ms": None if age is None else round(age * 1000, 1),
        **({} if received is None else {"received_ms": round(received * 1000, 1)}),
        "dropped": dropped_json(session.dropped, session.lost, session.missed),
        "frames": {"decoded": session.decoded, "results": session.told, "looked_at": session.looked},
        "frame": None if last is None else frame_json(last.frame),
        "objects": 0 if last is None or last.step is None else len(last.step.tracks),
        "timings_ms": {} if last is None or last.step is None else _milliseconds(last.step.timings),
        "subscribers": session.subscribers,
        "viewers": session.playback.viewers,
        "prompts": [prompt_json(prompt) for prompt in session.prompts],
        **({"hint": " ".join(hints)} if hints else {}),
        **({} if (offer := session.standing.offer()) is None else {"offer": offer}),
    }


def _milliseconds(timings: dict[str, float]) -> dict[str, float]:
    return {name: round(seconds * 1000, 1) for name, seconds in timings.items()}


router.include_router(viewing)
router.include_router(managing)
