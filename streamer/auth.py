"""API keys, where the server has any."""

from __future__ import annotations

import hmac

from fastapi.requests import HTTPConnection

from streamer.config import Config
from streamer.errors import Unauthorized


def check(connection: HTTPConnection) -> None:
    """Dependency of routes: ``?api_key=`` or ``Authorization: Bearer``. Raises Unauthorized."""
    config: Config = connection.app.state.config
    check_key(config, key_of(connection))


def key_of(connection: HTTPConnection) -> str | None:
    """The key that a request or WebSocket brings in its query or its header."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return connection.query_params.get("api_key") or (token.strip() if scheme.lower() == "bearer" else None)


def check_key(config: Config, key: str | None) -> None:
    """Raises Unauthorized unless the server has no keys or this is one of them."""
    if not config.api_keys:
        return
    given = (key or "").encode()
    if not any(hmac.compare_digest(given, each.encode()) for each in config.api_keys):
        words = "An API key is needed." if key is None else "The API key is not one of this server's."
        raise Unauthorized(
            words, detail="Send it as ?api_key=…, as Authorization: Bearer …, or in the JSON body of /sam3/…."
        )
