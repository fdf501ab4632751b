"""
WHEP: a session's picture with its masks goes out by one POST (draft-ietf-wish-whep).

Each player is a viewer of its own under ``/whep/{id}/{viewer}``. Trickled candidates are taken, ICE restarts are
refused (aiortc cannot do them): a player whose network changed posts anew.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from streamer import auth
from streamer.auth import Scope
from streamer.config import Config
from streamer.errors import (
    BadRequest,
    Conflict,
    NotFound,
    TooLarge,
    TooMany,
    UnsupportedMedia,
)
from streamer.http import signalling
from streamer.http.openapi import refusals
from streamer.http.signalling import ANSWER, FRAGMENT, PATCH_REFUSALS, SDP
from streamer.live.sessions import Sessions
from streamer.video.viewers import Line, Playback
from streamer.webrtc import ice, sdp
from streamer.webrtc.connection import Connection
from streamer.webrtc.player import Player

router = APIRouter(tags=["webrtc"])
guarded = auth.guarded(Scope.VIEW, responses=refusals(*auth.REFUSALS))


@guarded.post(
    "/whep/{id}",
    status_code=201,
    response_class=Response,
    openapi_extra=signalling.body_of(SDP),
    responses=ANSWER | refusals(BadRequest, NotFound, Conflict, TooLarge, UnsupportedMedia, TooMany),
)
async def play(request: Request, id: str) -> Response:  # noqa: A002
    """
    Watch a session's picture with its masks: an SDP offer in, the SDP answer out.

    Every frame of the source is shown, with the newest masks there are; how much older they are than the frame stands
    in the picture. The video is VP8, and H.264 (constrained baseline) for an offer without VP8.
    """
    config: Config = request.app.state.config
    playback = _find(request, id)
    offer = sdp.read_offer(await signalling.read_body(request, SDP))

    def player(line: Line) -> Player:
        return Player(line, ice.of(config)(), config.announce)

    viewer, made, answer = await playback.admit(player, offer)
    return signalling.created(request, f"/whep/{id}/{viewer}", answer, made)


@guarded.patch(
    "/whep/{id}/{viewer}",
    status_code=204,
    response_class=Response,
    openapi_extra=signalling.body_of(FRAGMENT),
    responses=PATCH_REFUSALS,
)
async def trickle(request: Request, id: str, viewer: str) -> Response:  # noqa: A002
    """Add ICE candidates (RFC 9725, section 4.3.2). ``If-Match`` must name the ETag of the 201 answer."""

    def find() -> Connection | None:
        found = _find(request, id).find(viewer)
        return found if isinstance(found, Connection) else None

    return await signalling.trickle(request, find, f"Post a new offer to /whep/{id:.64}.")


@guarded.delete("/whep/{id}/{viewer}", response_class=Response, responses=refusals(NotFound))
async def stop(request: Request, id: str, viewer: str) -> Response:  # noqa: A002
    """Stop watching; the session goes on."""
    await _find(request, id).dismiss(viewer)
    return Response(status_code=200)


def _find(request: Request, id: str) -> Playback:  # noqa: A002
    sessions: Sessions = request.app.state.sessions
    return sessions.get(id).playback


signalling.answer_options(guarded, router, "/whep/{id}", "/whep/{id}/{viewer}")
router.include_router(guarded)
