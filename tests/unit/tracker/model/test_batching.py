"""What may share a pass of the model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracker.model.batching import groups_of_equals


def test_equals_go_together_in_their_order_and_no_more_than_the_limit() -> None:
    assert list(groups_of_equals([2, 0, 2, 2, 0], 2)) == [[0, 2], [3], [1, 4]]
    assert list(groups_of_equals([], 2)) == []


@given(st.lists(st.integers(0, 4)), st.integers(1, 5))
def test_every_index_is_in_one_group_of_equals(sizes: list[int], limit: int) -> None:
    groups = list(groups_of_equals(sizes, limit))
    assert sorted(index for group in groups for index in group) == list(range(len(sizes)))
    for group in groups:
        assert len({sizes[index] for index in group}) == 1
        assert len(group) <= limit
