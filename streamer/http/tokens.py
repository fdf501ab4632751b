"""``POST /tokens``: a short-lived token for who has a key, so that no long key stands in an address."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field

from streamer import auth
from streamer.auth import Keyring, Scope
from streamer.errors import NotFound
from streamer.http.openapi import refusals
from streamer.live.sessions import Sessions
from streamer.wire import fields

router = auth.guarded(Scope.VIEW, tags=["keys"], any_session=True, responses=refusals(*auth.REFUSALS))


class TokenIn(fields.Input):
    """What a token is to be."""

    scope: Annotated[
        Literal["view", "prompt", "manage"] | None, Field(description="No more than the key may; its own if left out.")
    ] = None
    seconds: Annotated[
        int, Field(ge=1, le=auth.MAX_SECONDS, description="How long it is to hold; tokens of a token end with it.")
    ] = auth.DEFAULT_SECONDS
    session: Annotated[
        str | None, Field(min_length=1, max_length=64, description="The one session that it opens; else all.")
    ] = None


class TokenOut(BaseModel):
    """A token, to be used wherever a key is."""

    token: str
    expires_at: Annotated[str, Field(description="Day and time in UTC.")]
    seconds: Annotated[float, Field(description="From now until then, for clocks that go differently.")]
    scope: Literal["view", "prompt", "manage"]
    session: str | None


@router.post("/tokens", response_model=TokenOut, responses=refusals(NotFound))
async def make(request: Request, body: TokenIn | None = None) -> dict[str, Any]:
    """
    Exchange a key for a token, which holds for ten minutes unless told otherwise.

    A token may be exchanged for a newer one; all of them end a day after the key was shown, with the key, and when the
    server restarts. Send the key as a header here: an address may end up in a log.
    """
    asked = body or TokenIn()
    keys: Keyring = request.app.state.keys
    if asked.session is not None:
        sessions: Sessions = request.app.state.sessions
        sessions.get(asked.session)
    scope = None if asked.scope is None else Scope.of(asked.scope)
    made = keys.token(auth.caller_of(request), asked.seconds, scope, asked.session)
    expires = datetime.datetime.fromtimestamp(made.token.expires, datetime.UTC)
    return {
        "token": made.text,
        "expires_at": expires.isoformat(timespec="milliseconds"),
        "seconds": round(made.seconds, 3),
        "scope": made.token.scope.word,
        "session": made.token.session,
    }
