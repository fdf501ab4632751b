"""What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) share: bodies, headers and trickled candidates over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from streamer.config import Config
from streamer.errors import (
    BadRequest,
    NotFound,
    StreamerError,
    TooLarge,
    UnsupportedMedia,
)
from streamer.http.openapi import refusals
from streamer.webrtc import ice, sdp
from streamer.webrtc.connection import Connection

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
ENDPOINT_METHODS = "OPTIONS, POST"
SESSION_METHODS = "DELETE, OPTIONS, PATCH"


class PreconditionFailed(StreamerError):
    """The ICE session named is not the present one."""

    status = 412
    code = "precondition_failed"


class Unprocessable(StreamerError):
    """What the request asks for is not supported here."""

    status = 422
    code = "unprocessable"


class PreconditionRequired(StreamerError):
    """The request must name the ICE session it is for."""

    status = 428
    code = "precondition_required"


def body_of(kind: str) -> dict[str, Any]:
    """OpenAPI's words for a body of text of this content type."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": {"type": "string"}}}}}


ANSWER: dict[int | str, dict[str, Any]] = {
    201: {"description": "The SDP answer", "content": {SDP: {"schema": {"type": "string"}}}}
}
PATCH_REFUSALS = refusals(
    *(BadRequest, NotFound, PreconditionFailed, TooLarge, UnsupportedMedia, Unprocessable, PreconditionRequired)
)


async def read_body(request: Request, kind: str) -> str:
    """The body as text. Raises UnsupportedMedia for another content type, TooLarge, BadRequest."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind:
        raise UnsupportedMedia(f"The body is {given or 'of no content type'}; it must be {kind}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > sdp.MAX_BYTES:
            raise TooLarge(f"The body has more than {sdp.MAX_BYTES} bytes.")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadRequest("The body is not SDP: it is not UTF-8 text.") from None


def created(request: Request, location: str, answer: str, connection: Connection | None) -> Response:
    """The 201 answer to an offer."""
    config: Config = request.app.state.config
    response = Response(answer, status_code=201, media_type=SDP)
    response.headers["Location"] = location
    response.headers["Accept-Patch"] = FRAGMENT
    if connection is not None:
        response.headers["ETag"] = f'"{connection.etag}"'
    return _with_servers(response, config)


async def trickle(request: Request, find: Callable[[], Connection | None], instead: str) -> Response:
    """
    Add ICE candidates (RFC 9725, section 4.3.2). ``If-Match`` must name the ETag of the 201 answer.

    ``find`` returns the connection, or raises NotFound; ``instead`` is what to do where an ICE restart was asked for.
    """
    connection = find()
    body = await read_body(request, FRAGMENT)
    tags = {tag.strip() for tag in request.headers.get("if-match", "").split(",") if tag.strip()}
    if not tags:
        raise PreconditionRequired("If-Match is missing.", detail="Send the ETag of the 201 answer.")
    if tags & {"*", '"*"'}:
        raise _no_restart(instead)
    if connection is None or f'"{connection.etag}"' not in tags:
        raise PreconditionFailed("If-Match names another ICE session than the present one.")
    fragment = sdp.read_fragment(body)
    if fragment.ufrag not in (None, connection.ufrag):
        raise _no_restart(instead)
    await connection.add(fragment)
    return Response(status_code=204)


def answer_options(guarded: APIRouter, router: APIRouter, endpoint: str, session: str) -> None:
    """
    Say at both paths what may be sent there, as RFC 9725 asks. Preflights of browsers are answered before.

    At the endpoint also which ICE servers there are (section 4.6): a browser's connection wants them before it makes
    its offer. They may have logins, so that it needs the key that the offer needs: ``guarded`` asks for it.
    """

    async def endpoint_options(request: Request) -> Response:
        config: Config = request.app.state.config
        return _with_servers(Response(headers={"Allow": ENDPOINT_METHODS, "Accept-Post": SDP}), config)

    async def session_options() -> Response:
        return Response(headers={"Allow": SESSION_METHODS, "Accept-Patch": FRAGMENT})

    guarded.add_api_route(endpoint, endpoint_options, methods=["OPTIONS"], include_in_schema=False)
    router.add_api_route(session, session_options, methods=["OPTIONS"], include_in_schema=False)


def _with_servers(response: Response, config: Config) -> Response:
    """Name the ICE servers, each in a Link header, with logins that are fresh."""
    for server in ice.of(config)():
        response.headers.append("Link", ice.link(server).encode().decode("latin-1"))  # a password may be UTF-8
    return response


def _no_restart(instead: str) -> Unprocessable:
    return Unprocessable("ICE restarts are not supported; the connection goes on as it is.", detail=instead)
