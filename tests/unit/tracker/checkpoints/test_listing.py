"""Keys in messages."""

from __future__ import annotations

from tracker.checkpoints.listing import NAMED, listing


def test_the_first_keys_are_named_and_the_rest_counted() -> None:
    assert listing("missing", []) == ""
    assert listing("missing", iter("ab")) == "2 missing: a, b"
    assert listing("missing", "x" * (NAMED + 2)).endswith("x and 2 more")
