"""What a key may do."""

from __future__ import annotations

import pytest

from streamer.auth import Caller, Scope
from streamer.errors import Forbidden


@pytest.mark.parametrize("has", Scope)
@pytest.mark.parametrize("needed", Scope)
def test_each_scope_includes_those_before_it(has: Scope, needed: Scope) -> None:
    caller = Caller("someone", has)
    if has >= needed:
        caller.check(needed)
    else:
        with pytest.raises(Forbidden, match=f"may {has.word}; this needs a key that may {needed.word}"):
            caller.check(needed)


def test_a_token_of_one_session_opens_that_one_only() -> None:
    caller = Caller("someone", Scope.MANAGE, session="mine")
    caller.check(Scope.MANAGE, "mine")
    for other in ("yours", None):
        with pytest.raises(Forbidden, match="for session mine only"):
            caller.check(Scope.VIEW, other)


def test_scopes_are_written_as_words() -> None:
    assert [Scope.of(word) for word in ("view", "prompt", "manage")] == list(Scope)
    with pytest.raises(ValueError, match="'look'; it must be view, prompt, manage"):
        Scope.of("look")
