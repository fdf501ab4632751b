"""How a session is doing: what its source says of itself, unless the model hangs or it has ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from streamer.sources.base import State
from streamer.sources.reasons import in_general
from streamer.wire import results

MOVED = "It goes on at another worker: connect again."


class Standing:
    """
    The state of a session, its reason in words, and since when.

    While the model hangs it is STALLED, whatever the source says; then the source's newest word holds again. Nothing
    changes after ENDED. ``changed`` hears each change. ``offer`` says where its camera is to post a new offer, while
    one is waited for.
    """

    def __init__(self, changed: Callable[[State, str], None], *, discreet: bool = False) -> None:
        """``discreet``: its reasons speak of the disk and the network, of which not everyone may know."""
        self._discreet = discreet
        self.offer: Callable[[], str | None] = lambda: None
        self.moved = False  # it goes on elsewhere
        self.state = State.CONNECTING
        self.reason = ""
        self.since = datetime.now(UTC)
        self._changed = changed
        self._source = (State.CONNECTING, "")
        self._hangs: str | None = None

    def hear(self, state: State, reason: str) -> None:
        """What the source says of itself."""
        self._source = (state, reason)
        self._settle()

    def hang(self, reason: str | None) -> None:
        """Why the model answers nothing for now, None when it does again."""
        self._hangs = reason
        self._settle()

    def why(self, *, general: bool) -> str:
        """The reason; ``general``: as it is told to those who may not manage."""
        return in_general(self.state, self.reason) if general and self._discreet else self.reason

    def message(self, *, general: bool) -> dict[str, Any]:
        """The state and the reason as a reader is sent them."""
        return results.state_message(self.state, self.why(general=general), self.offer())

    def move(self) -> None:
        """It goes on elsewhere, and here there is only its end."""
        self.moved = True
        self._set(State.RECONNECTING, MOVED)

    def end(self, reason: str) -> None:
        """Nothing more will come."""
        self._set(State.ENDED, reason)

    def _settle(self) -> None:
        now = self._source if self._hangs is None else (State.STALLED, self._hangs)
        if now != (self.state, self.reason) and not self.moved:
            self._set(*now)

    def _set(self, state: State, reason: str) -> None:
        if self.state is State.ENDED:
            return
        self.state, self.reason, self.since = state, reason, datetime.now(UTC)
        self._changed(state, reason)
