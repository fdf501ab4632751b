"""API keys, where the server has any."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Security
from fastapi.requests import HTTPConnection
from fastapi.security import APIKeyQuery, HTTPAuthorizationCredentials, HTTPBearer

from streamer.config import Config
from streamer.errors import Unauthorized

_QUERY = APIKeyQuery(name="api_key", auto_error=False, description="One of the server's keys, where it has any.")
_BEARER = HTTPBearer(auto_error=False, description="The same key as a header.")


async def check(
    connection: HTTPConnection,
    query: Annotated[str | None, Security(_QUERY)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> None:
    """Dependency of routes: ``?api_key=`` or ``Authorization: Bearer``. Raises Unauthorized."""
    check_key(connection.app.state.config, _one_of(query, bearer))


async def key_of(connection: HTTPConnection) -> str | None:
    """The key that a request or WebSocket brings in its query or its header."""
    return _one_of(await _QUERY(connection), await _BEARER(connection))


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


def _one_of(query: str | None, bearer: HTTPAuthorizationCredentials | None) -> str | None:
    return query or (bearer.credentials if bearer is not None else None)
