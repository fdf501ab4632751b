"""What a look hands over."""

from __future__ import annotations

from tests.support.moving import looked, shown
from tracker.presenting.snapshot import MOST_SIDE


def test_a_look_that_found_nothing_says_so() -> None:
    nothing = looked(4)
    assert (nothing.index, nothing.scene, nothing.objects, nothing.prompts, dict(nothing.notes)) == (4, 0, (), (), {})


def test_two_looks_are_two_whatever_is_in_them() -> None:
    """They hold arrays, which have no one truth to compare by."""
    assert looked(4, shown(1, 2)) != looked(4, shown(1, 2))
    assert shown(1, 2).logits.shape[0] <= MOST_SIDE
