"""What every answer tells the browser not to do with it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer.config import Config

# What the page is made of: files of this server, pictures from the WebSocket or drawn by itself, and its own calls.
PAGE = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)


class BrowserRules:
    """
    Middleware that puts the headers of :func:`rules` on every HTTP answer.

    With keys pages of all origins may show what they have a key for; ``keyed`` says whether there are any.
    """

    def __init__(self, app: ASGIApp, config: Config, keyed: bool) -> None:
        self.app = app
        self.rules = rules(config, keyed=keyed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the headers on."""

        async def ruled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.rules.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, ruled if scope["type"] == "http" else send)


def rules(config: Config, *, keyed: bool) -> dict[str, str]:
    """The headers. Framing: by the own page and by the origins that the server was told."""
    framing = " ".join(["frame-ancestors 'self'", *config.allow_origins])
    found = {
        "Content-Security-Policy": f"{PAGE}; {framing}",
        "Referrer-Policy": "same-origin",  # addresses may hold keys
        "X-Content-Type-Options": "nosniff",
        # Where browsers send no Sec-Fetch-Site (http, not this machine), a picture is sent to a foreign page's <img>.
        "Cross-Origin-Resource-Policy": "cross-origin" if keyed else "same-origin",
    }
    if not config.allow_origins:
        found["X-Frame-Options"] = "SAMEORIGIN"  # for old browsers; it can name no other origin
    return found
