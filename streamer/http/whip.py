"""
WHIP: a camera's picture comes in by one POST (RFC 9725).

The WHIP session is the session: the same id under ``/whip/{id}`` and ``/sessions/{id}``. Trickled candidates are taken,
ICE restarts are refused (aiortc cannot do them): a camera whose network changed posts a new offer with
``?session={id}``, and goes on with its prompts and object ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request, Response

from streamer import auth
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
    UnsupportedMedia,
)
from streamer.http import signalling
from streamer.http.openapi import refusals
from streamer.http.signalling import ANSWER, FRAGMENT, PATCH_REFUSALS, SDP
from streamer.live.conversation import converse
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.sources.base import State
from streamer.store import Kept, Origin
from streamer.webrtc import ice, sdp
from streamer.webrtc.channel import Channel
from streamer.webrtc.source import WebRTCSource
from streamer.wire import fields
from tracker import Prompt

router = APIRouter(tags=["webrtc"])
guarded = auth.guarded(Scope.MANAGE, responses=refusals(*auth.REFUSALS))


@guarded.post(
    "/whip",
    status_code=201,
    response_class=Response,
    openapi_extra=signalling.body_of(SDP),
    responses=ANSWER | refusals(BadRequest, NotFound, Conflict, TooLarge, UnsupportedMedia, TooMany, NotReady),
)
async def publish(
    request: Request,
    prompt: Annotated[list[str] | None, Query()] = None,
    session: str | None = None,
) -> Response:
    """
    Send a camera's picture: an SDP offer in, the SDP answer out.

    ``prompt`` may be repeated. ``session`` continues a session whose connection was lost, with its prompts and ids;
    prompts given with it replace the ones it had.
    """
    body = await signalling.read_body(request, SDP)
    sessions: Sessions = request.app.state.sessions
    prompts = fields.text_prompts(prompt or [], sessions.threshold)
    if session is not None:
        found, source = _find(sessions, session)
        if found.state is State.ENDED:
            raise Conflict(f"Session {session} has ended.", detail="Start a new one by a POST without ?session=.")
        answer = await source.answer(sdp.read_offer(body))
        if prompts:
            await found.tracking.set_prompts(prompts)
        return _created(request, found, source, answer)
    offer = sdp.read_offer(body)  # one that cannot be read makes no session
    name = f"webrtc from {request.client.host:.64}" if request.client else "webrtc"
    keep = Kept.new(name, prompts, Origin.WHIP) if sessions.keeps_all else None
    made, source = begin(request.app, name, prompts, keep)
    try:
        answer = await source.answer(offer)
    except BaseException:
        await sessions.delete(made.id)
        raise
    if made.keeping is not None:
        await made.keeping.settled()  # who comes back finds it wherever; where it cannot be written, while this runs
    return _created(request, made, source, answer)


def begin(
    app: FastAPI, name: str, prompts: Sequence[Prompt], keep: Kept | None, *, lost: str | None = None
) -> tuple[Session, WebRTCSource]:
    """
    Make a session that a camera is to send to. Raises what ``Sessions.create`` raises.

    ``keep``: what is kept of it; ``lost``: why the connection that it had elsewhere is lost.
    """
    config: Config = app.state.config
    source = WebRTCSource(
        name=name, grace=config.grace, ice_servers=ice.of(config), announce=config.announce, lost=lost
    )
    session: Session = app.state.sessions.create(source, prompts, keep=keep)
    source.talk = lambda channel: _talk(session, channel)
    session.standing.offer = lambda: f"/whip?session={session.id}" if source.lost or session.standing.moved else None
    return session, source


@guarded.patch(
    "/whip/{id}",
    status_code=204,
    response_class=Response,
    openapi_extra=signalling.body_of(FRAGMENT),
    responses=PATCH_REFUSALS,
)
async def trickle(request: Request, id: str) -> Response:  # noqa: A002
    """Add ICE candidates (RFC 9725, section 4.3.2). ``If-Match`` must name the ETag of the 201 answer."""
    instead = f"Post a new offer to /whip?session={id}: prompts and object ids are kept."
    return await signalling.trickle(request, lambda: _find(request.app.state.sessions, id)[1].peer, instead)


@guarded.delete("/whip/{id}", response_class=Response, responses=refusals(NotFound, NotStored))
async def stop(request: Request, id: str) -> Response:  # noqa: A002
    """Stop sending; the session ends and is forgotten."""
    sessions: Sessions = request.app.state.sessions
    _, source = _find(sessions, id)
    await sessions.delete(id)
    await source.close()
    return Response(status_code=200)


async def _talk(session: Session, channel: Channel) -> None:
    """
    Speak a session's messages over a data channel, as the WebSocket does, until one side has had enough.

    Who sends the camera's picture may manage, and so may its data channel.
    """
    with session.subscribe(limit=channel.limit) as subscription:
        await converse(session, subscription, channel, Scope.MANAGE)


def _find(sessions: Sessions, id: str) -> tuple[Session, WebRTCSource]:  # noqa: A002
    session = sessions.get(id)
    if not isinstance(session.source, WebRTCSource):
        raise NotFound(f"Session {id} is not one that a camera sends to.", field="session")
    return session, session.source


def _created(request: Request, session: Session, source: WebRTCSource, answer: str) -> Response:
    return signalling.created(request, f"/whip/{session.id}", answer, source.peer)


signalling.answer_options(guarded, router, "/whip", "/whip/{id}")
router.include_router(guarded)
