"""Short-lived tokens, which stand for a key where a long one should not be: in addresses, and in a page's storage."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from streamer.auth.scopes import Scope

TOKEN = "token_"  # noqa: S105  (what tokens begin with)
DEFAULT_SECONDS = 600
MAX_SECONDS = 24 * 3600  # of one token, and of all that follow from one showing of a key


@dataclass(frozen=True, slots=True)
class Token:
    """
    What a token says. ``account`` names the key it was made with, ``expires`` and ``until`` are Unix times.

    At ``until`` ends what can be asked for with this token; ``session`` None means all sessions.
    """

    account: str
    scope: Scope
    expires: float
    until: float
    session: str | None = None


def write(token: Token, secret: bytes) -> str:
    """A token as text: printable ASCII, shorter than 256 characters for the session ids that a server gives."""
    said = [token.account, token.scope.word, round(token.expires, 3), round(token.until, 3), token.session]
    body = _text(json.dumps(said, separators=(",", ":")).encode())
    return f"{TOKEN}{body}.{_text(_signature(body, secret))}"


def read(text: str, secret: bytes) -> Token | None:
    """What a token says, be it over or not; None for one that was not written with this secret."""
    body, dot, signature = text.removeprefix(TOKEN).partition(".")
    if not (text.startswith(TOKEN) and dot and text.isascii()):
        return None
    if not hmac.compare_digest(signature, _text(_signature(body, secret))):
        return None
    account, scope, expires, until, session = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return Token(account, Scope.of(scope), expires, until, session)


def _signature(body: str, secret: bytes) -> bytes:
    return hmac.digest(secret, b"token " + body.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
