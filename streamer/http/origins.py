"""
Whose pages may use a server that has no keys: its own, and those of the origins it was told.

A browser sends any page's requests, also to servers that only its own machine can reach. What a request says about the
page that made it is ``Origin``, ``Sec-Fetch-Site`` where the page has no ``Origin`` (pictures, scripts, links), and
``Host``: a page whose name points to this server (DNS rebinding) is of the same origin as ours, but under that name.
With keys none of this matters: a page that has one may call.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from streamer import hosts
from streamer.auth import Keyring
from streamer.config import Config
from streamer.errors import StreamerError

SHOWN = 120  # characters of a header that a refusal repeats
PAGES = ("/", "/docs", "/cluster.html")  # and what is under /static/: where a link on another page may lead


class Foreign(StreamerError):
    """A page of another origin, or this server under a name that it was not told, where it has no keys."""

    status = 403
    code = "foreign"


class Pages(CORSMiddleware):
    """
    Lets pages call, and lets none speak for a proxy.

    What a page sends from this machine's own browser comes from an address that proxies are trusted at: it would have
    another address for each key that it tries.
    """

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser is told before it sends a page's request."""
        asked = request_headers.get("access-control-request-headers", "").lower().split(",")
        if any(name.strip().startswith(("forwarded", "x-forwarded-")) for name in asked):
            return PlainTextResponse("A page may not send the headers of a proxy.", 400)
        return super().preflight_response(request_headers)


def callers(config: Config, keys: Keyring) -> dict[str, Any]:
    """The settings of :class:`Pages`."""
    return {
        "allow_origins": config.allow_origins if keys.open else ["*"],
        "allow_methods": ["*"],
        "allow_headers": ["*"],
        "expose_headers": [
            "Location",
            "ETag",
            "Link",
            "Accept-Patch",
            "Retry-After",
            "X-Model",
            "X-Cache",
            "X-Hint",
            "X-Holes",
        ],
    }


class KnownOrigins:
    """Middleware that refuses HTTP requests and WebSockets, preflights among them, by whose page made them."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self.app = app
        self.origins = frozenset(config.allow_origins)
        self.names = frozenset([*config.allow_hosts, config.host.lower()])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] in ("http", "websocket"):
            try:
                check(scope, self.origins, self.names)
            except Foreign as error:
                # Of a WebSocket it is the answer to the handshake.
                await JSONResponse(error.body(), error.status)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def check(scope: Scope, origins: Collection[str], names: Collection[str]) -> None:
    """Raises Foreign unless a connection is for this server and of no page, of its own, or of one of ``origins``."""
    headers = Headers(scope=scope)
    host = headers.get("host")  # left out by HTTP/1.0, which no browser speaks
    if host is not None:
        _check_host(hosts.name_in(host), names)
    origin = headers.get("origin")
    if origin is None:
        _check_site(scope, headers)
    elif origin.lower() != _own(scope, host) and origin.lower() not in origins:
        shown = origin[:SHOWN]
        raise Foreign(
            f"Pages of {shown} may not use this server.",
            detail=f"Start it with --allow-origin {shown}, or with keys."
            if origin != "null"
            else "A page of no origin (a file, a sandboxed frame) needs a server with keys.",
        )


def _check_host(name: str, names: Collection[str]) -> None:
    if not hosts.no_foreign_name(name) and name not in names:
        shown = name[:SHOWN]
        raise Foreign(
            f"This server does not answer to the name {shown!r}.",
            detail=f"Open it by its IP address or as localhost, or start it with --allow-host {shown}, or with keys.",
        )


def _check_site(scope: Scope, headers: Headers) -> None:
    """Of what browsers send without ``Origin``, only a link to a page of ours may come from elsewhere."""
    if headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
        return
    linked = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if linked and (scope["path"] in PAGES or scope["path"].startswith("/static/")):
        return
    raise Foreign(
        "Pages of other origins may not use this server.",
        detail='Start it with --allow-origin and the page\'s origin, and give its <img> the attribute crossorigin="".',
    )


def _own(scope: Scope, host: str | None) -> str | None:
    """The origin of this server's own page, as that request sees the server."""
    if host is None:
        return None
    try:
        return hosts.read_origin(f"{scope['scheme'].replace('ws', 'http')}://{host}")
    except ValueError:
        return None
