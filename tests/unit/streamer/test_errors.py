"""Every refusal."""

from __future__ import annotations

import pytest

from streamer import errors


def test_an_error_says_what_was_wrong_and_what_would_be_right() -> None:
    error = errors.BadRequest("It is wrong.", detail="Do it right.", field="prompts[0].text")
    assert error.body() == {"message": "It is wrong.", "detail": "Do it right."}
    assert (error.status, error.code, error.field) == (400, "bad_request", "prompts[0].text")


def test_detail_is_the_message_when_there_is_nothing_to_add() -> None:
    assert errors.NotFound("Gone.").body() == {"message": "Gone.", "detail": "Gone."}


def test_who_is_full_or_not_ready_says_when_to_come_back() -> None:
    assert errors.TooMany("Full.", retry_after=7).headers == {"Retry-After": "7"}
    assert errors.NotReady("Loading.").headers == {"Retry-After": "5"}


@pytest.mark.parametrize("kind", [each for each in vars(errors).values() if isinstance(each, type)])
def test_there_is_one_hierarchy(kind: type) -> None:
    assert issubclass(kind, errors.StreamerError)
