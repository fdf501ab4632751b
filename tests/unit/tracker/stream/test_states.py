"""The states of a followed object: every way from one to another, and no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tracker.stream.states import NEXT, Life, State, WrongTransition

EVENTS: dict[str, Callable[[Life], None]] = {
    "see": Life.see,
    "confirm": Life.confirm,
    "lose": Life.lose,
    "remove": Life.remove,
}


def after(*events: str) -> Life:
    life = Life()
    for event in events:
        EVENTS[event](life)
    return life


@pytest.mark.parametrize(
    ("events", "state", "visible", "confirmed"),
    [
        ((), State.TENTATIVE, True, False),
        (("see",), State.TENTATIVE, True, False),
        (("confirm",), State.CONFIRMED, True, True),
        (("confirm", "confirm"), State.CONFIRMED, True, True),
        (("lose",), State.LOST, False, False),
        (("lose", "lose"), State.LOST, False, False),
        (("lose", "see"), State.TENTATIVE, True, False),
        (("confirm", "lose"), State.LOST, False, True),
        (("confirm", "lose", "see"), State.CONFIRMED, True, True),
        (("lose", "see", "confirm"), State.CONFIRMED, True, True),
        (("remove",), State.REMOVED, False, False),
        (("confirm", "remove"), State.REMOVED, False, True),
        (("lose", "remove"), State.REMOVED, False, False),
    ],
)
def test_what_happens_to_an_object_decides_its_state(
    events: tuple[str, ...], state: State, visible: bool, confirmed: bool
) -> None:
    life = after(*events)
    assert (life.state, life.visible, life.confirmed) == (state, visible, confirmed)


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_happens_to_what_was_removed(event: str) -> None:
    removed = after("remove")
    with pytest.raises(WrongTransition, match="removed"):
        EVENTS[event](removed)
    assert removed.state is State.REMOVED


@pytest.mark.parametrize("before", [("lose",), ("confirm", "lose")])
def test_what_is_lost_is_not_confirmed_before_it_is_seen(before: tuple[str, ...]) -> None:
    lost = after(*before)
    with pytest.raises(WrongTransition, match="before it is seen"):
        lost.confirm()
    assert lost.state is State.LOST


def test_belief_is_never_taken_back() -> None:
    assert State.TENTATIVE not in NEXT[State.CONFIRMED]
    confirmed = after("confirm")
    with pytest.raises(WrongTransition, match="confirmed does not become tentative"):
        confirmed._to(State.TENTATIVE)


def test_every_state_has_its_ways_and_a_wrong_one_is_a_bug_of_ours() -> None:
    assert set(NEXT) == set(State)
    assert issubclass(WrongTransition, AssertionError)
