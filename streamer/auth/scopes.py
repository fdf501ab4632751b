"""What a key may do, and who calls with it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from streamer.errors import Forbidden

ANY = "*"  # in place of a session's id: what a token of any one session opens too


class Scope(enum.IntEnum):
    """
    What a key may do; each scope includes those before it.

    VIEW: results, pictures, WHEP, the list of sessions, metrics. PROMPT: also prompts, clicks, boxes, and ``/sam3/*``.
    MANAGE: everything, such as starting and stopping sessions and sending a camera's picture.
    """

    VIEW = 1
    PROMPT = 2
    MANAGE = 3

    @property
    def word(self) -> str:
        """As keys and tokens write it: ``view``, ``prompt`` or ``manage``."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Scope:
        """The scope of that word. Raises ValueError."""
        for scope in cls:
            if scope.word == word:
                return scope
        raise ValueError(f"the scope is {word!r}; it must be {', '.join(scope.word for scope in cls)}")


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Who calls. ``account`` is a digest of the key, the same for the key and for tokens made of it.

    ``session`` is the one session that a token is for; None: all of them. ``until`` (Unix time) is when the last of the
    tokens made with this one ends; None: it is a key. Without keys everyone may manage.
    """

    account: str
    scope: Scope = Scope.MANAGE
    session: str | None = None
    until: float | None = None

    def check(self, needed: Scope, session: str | None = None) -> None:
        """May it do what needs that scope, at that session? None: at no one session. Raises Forbidden."""
        if self.scope < needed:
            raise Forbidden(
                f"This key may {self.scope.word}; this needs a key that may {needed.word}.",
                detail="Scopes are view, prompt and manage; each includes those before it.",
            )
        if self.session is not None and session not in (ANY, self.session):
            raise Forbidden(
                f"This token is for session {self.session} only.",
                detail=f"It opens /sessions/{self.session} and what is under it.",
            )
