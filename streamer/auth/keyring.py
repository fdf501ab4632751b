"""The keys of one server, and the tokens made with them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from streamer.auth import tokens
from streamer.auth.keys_file import Entry, KeysFile, digest_of
from streamer.auth.scopes import ANY, Caller, Scope
from streamer.auth.slowdown import Slowdown
from streamer.auth.tokens import Token
from streamer.errors import Forbidden, TooMany, Unauthorized

HOW = "Send it as ?api_key=…, as Authorization: Bearer …, or in the JSON body of /sam3/…."
ANEW = "Ask for another by POST /tokens, with a key."
WRONG, OVER, SLOWED = "wrong", "over", "slowed"  # why a key was refused, as it is counted


class Made(NamedTuple):
    """A token: as text, what it says, and for how many seconds it holds."""

    text: str
    token: Token
    seconds: float


class Keyring:
    """
    Says who calls with a key. Without chosen ``keys`` and without a ``file`` everyone may manage.

    Chosen keys may manage. ``refused`` hears of each key that opens nothing: ``wrong``, ``over`` (a token that has
    ended) or ``slowed``. ``clock`` gives Unix time; ``slowdown`` says how many wrong keys an address may send.
    """

    def __init__(
        self,
        keys: Sequence[str] = (),
        file: Path | None = None,
        *,
        refused: Callable[[str], object] = lambda reason: None,
        clock: Callable[[], float] = time.time,
        slowdown: Slowdown | None = None,
        secret: bytes | None = None,
    ) -> None:
        """``secret``: what tokens are signed with, where several processes are to read them; None: a new one."""
        self._secret = secret or secrets.token_bytes(32)
        self._chosen = {self._account(digest_of(key)) for key in keys}
        self._file = None if file is None else KeysFile(file)
        self._entries: Mapping[str, Entry] | None = None  # of the file, when the next was made of them
        self._scopes: Mapping[str, Scope] = {}
        self._refused = refused
        self._clock = clock
        self._slowdown = slowdown or Slowdown()

    @property
    def open(self) -> bool:
        """Whether the server has no keys, so that everyone may manage."""
        return not self._chosen and self._file is None

    def caller(self, key: str | None, remote: str) -> Caller:
        """
        Who calls with that key or token, from that address.

        Raises Unauthorized for none and for one that opens nothing, TooMany when too many wrong ones came from there.
        """
        account = self._account(digest_of(key or ""))
        if self.open:
            return Caller(account)
        if not key:
            raise Unauthorized("An API key is needed.", detail=HOW)
        # What cannot be guessed is looked at first: it stays open to who shares an address with somebody who guesses.
        scope = self._made().get(account)
        if scope is not None:
            return Caller(account, scope)
        token = tokens.read(key, self._secret)
        if token is not None:
            return self._holder(token)
        if wait := self._slowdown.wait(remote):
            self._refused(SLOWED)
            detail = "This key was not looked at. A key that was right before may have been changed or removed."
            raise TooMany("Too many wrong API keys came from this address.", retry_after=wait, detail=detail)
        if account in self._chosen:
            return Caller(account)
        self._refused(WRONG)
        if key.startswith(tokens.TOKEN):  # too long to be guessed, and each restart leaves pages with old ones
            raise Unauthorized("The token is not one of this server's, or it was restarted since.", detail=ANEW)
        self._slowdown.failed(remote)
        raise Unauthorized("The API key is not one of this server's.", detail=HOW)

    def token(self, caller: Caller, seconds: float, scope: Scope | None = None, session: str | None = None) -> Made:
        """
        Make a token for who calls, with its scope unless a smaller one is named, for one session or all of its own.

        One made with a token ends no later than ``MAX_SECONDS`` after the key was shown. Raises Forbidden for what the
        caller may not do itself.
        """
        if scope is not None:
            caller.check(scope, ANY)
        if session is not None and caller.session not in (None, session):
            raise Forbidden(f"This token is for session {caller.session} only.")
        now = self._clock()
        until = now + tokens.MAX_SECONDS if caller.until is None else caller.until
        expires = min(now + seconds, until)
        token = Token(caller.account, scope or caller.scope, expires, until, session or caller.session)
        return Made(tokens.write(token, self._secret), token, expires - now)

    def _holder(self, token: Token) -> Caller:
        """Who calls with a token of ours. Raises Unauthorized when it has ended, or its key was removed."""
        if token.expires <= self._clock():
            self._refused(OVER)
            raise Unauthorized("The token has ended.", detail=ANEW)
        whole = Scope.MANAGE if self.open or token.account in self._chosen else self._made().get(token.account)
        if whole is None:
            self._refused(OVER)
            raise Unauthorized("The key that this token was made with has been removed.", detail=ANEW)
        return Caller(token.account, min(whole, token.scope), token.session, token.until)

    def _made(self) -> Mapping[str, Scope]:
        """What the keys of the file open, by account."""
        if self._file is None:
            return {}
        entries = self._file.by_digest()
        if entries is not self._entries:
            self._entries = entries
            self._scopes = {self._account(digest): entry.scope for digest, entry in entries.items()}
        return self._scopes

    def _account(self, digest: str) -> str:
        """A name for a key that tells nothing of it to who reads a token, and differs after each start."""
        return hmac.digest(self._secret, b"account " + digest.encode(), hashlib.sha256).hex()[:32]
