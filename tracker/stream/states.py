"""The states of a followed object, and every way from one to another."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What a stream holds an object for."""

    TENTATIVE = "tentative"  # on the present frame, and not believed yet: too few keyframes have found it
    CONFIRMED = "confirmed"  # on the present frame, and believed: by keyframes, or because a user pointed at it
    LOST = "lost"  # not on the present frame; it may return, as what it was
    REMOVED = "removed"  # let go: its id is never given again, and nothing happens to it any more


NEXT = {
    State.TENTATIVE: {State.TENTATIVE, State.CONFIRMED, State.LOST, State.REMOVED},
    State.CONFIRMED: {State.CONFIRMED, State.LOST, State.REMOVED},  # belief is never taken back
    State.LOST: {State.LOST, State.TENTATIVE, State.CONFIRMED, State.REMOVED},
    State.REMOVED: set[State](),
}


class WrongTransition(AssertionError):
    """A bug of this package: an object was to change as no object may."""


class Life:
    """
    The state of one object, which begins as tentative.

    A lost object remembers what it was, and is that again when it is seen: being lost neither confirms nor denies it.
    """

    __slots__ = ("_seen_as", "_state")

    def __init__(self) -> None:
        self._state = State.TENTATIVE
        self._seen_as = State.TENTATIVE  # when it was last on a frame: tentative or confirmed

    @property
    def state(self) -> State:
        """The present one."""
        return self._state

    @property
    def visible(self) -> bool:
        """Whether it is on the present frame."""
        return self._state in (State.TENTATIVE, State.CONFIRMED)

    @property
    def confirmed(self) -> bool:
        """Whether it is believed, or was when it was last seen."""
        return self._seen_as is State.CONFIRMED

    def see(self) -> None:
        """It is on the present frame."""
        self._to(self._seen_as)

    def confirm(self) -> None:
        """It is believed from now on. Only what is seen can be."""
        if self._state is State.LOST:
            raise WrongTransition("what is lost is not confirmed before it is seen")
        self._to(State.CONFIRMED)
        self._seen_as = State.CONFIRMED

    def lose(self) -> None:
        """It is not on the present frame."""
        self._to(State.LOST)

    def remove(self) -> None:
        """It is let go, once and for all."""
        self._to(State.REMOVED)

    def _to(self, state: State) -> None:
        if state not in NEXT[self._state]:
            raise WrongTransition(f"what is {self._state} does not become {state}")
        self._state = state
