"""How a session is doing."""

from __future__ import annotations

from streamer.live.standing import MOVED, Standing
from streamer.sources.base import State


def test_what_the_source_says_holds_unless_the_model_hangs() -> None:
    told: list[tuple[State, str]] = []
    standing = Standing(lambda state, reason: told.append((state, reason)))
    standing.hear(State.LIVE, "")
    standing.hear(State.LIVE, "")
    standing.hang("a step does not come back")
    began = standing.since
    standing.hear(State.RECONNECTING, "no answer")
    assert (standing.state, standing.reason, standing.since) == (State.STALLED, "a step does not come back", began)
    standing.hang(None)
    standing.end("stopped")
    standing.hang("again")
    standing.hear(State.LIVE, "")
    standing.end("twice")
    assert told == [
        (State.LIVE, ""),
        (State.STALLED, "a step does not come back"),
        (State.RECONNECTING, "no answer"),
        (State.ENDED, "stopped"),
    ]
    assert (standing.state, standing.reason) == (State.ENDED, "stopped")


def test_one_that_ends_while_the_model_hangs_has_ended() -> None:
    standing = Standing(lambda state, reason: None)
    standing.hang("a step does not come back")
    standing.end("stopped")
    standing.hang(None)
    assert (standing.state, standing.reason) == (State.ENDED, "stopped")


def test_one_that_goes_on_elsewhere_is_said_to_be_on_its_way_whatever_the_source_says() -> None:
    told: list[tuple[State, str]] = []
    standing = Standing(lambda state, reason: told.append((state, reason)))
    standing.move()
    standing.hear(State.LIVE, "")
    assert told == [(State.RECONNECTING, MOVED)]
    assert standing.message(general=False) == {"type": "state", "state": "reconnecting", "reason": MOVED}
    standing.offer = lambda: "/whip?session=abc"
    assert standing.message(general=False)["offer"] == "/whip?session=abc"


def test_those_who_may_not_manage_are_told_reasons_in_general() -> None:
    for discreet, told in ((False, "There is no file /a."), (True, "The source has ended, or could not be opened.")):
        standing = Standing(lambda state, reason: None, discreet=discreet)
        standing.end("There is no file /a.")
        assert standing.why(general=False) == "There is no file /a."
        assert standing.why(general=True) == told
