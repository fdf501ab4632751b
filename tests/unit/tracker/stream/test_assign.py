"""Association: the best pairs overall, and none that is too poor."""

from __future__ import annotations

import itertools

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tracker.stream.association import assign

matrices = arrays.arrays(
    np.float64,
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    elements=st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.45, 0.5, 0.7, 0.9, 1.0]),
)


@given(matrices)
def test_no_other_pairing_is_worth_more(ious: np.ndarray) -> None:
    pairs = assign(ious, 0.1)
    small, large = min(ious.shape), max(ious.shape)
    table = ious if ious.shape[0] <= ious.shape[1] else ious.T
    best = max(
        (
            sum(table[row, column] for row, column in enumerate(columns) if table[row, column] >= 0.1)
            for columns in itertools.permutations(range(large), small)
        ),
        default=0.0,
    )
    assert np.isclose(sum(ious[pair] for pair in pairs), best)


@given(matrices)
def test_each_is_used_once_and_no_pair_is_under_the_least_iou(ious: np.ndarray) -> None:
    pairs = assign(ious, 0.3)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(ious[pair] >= 0.3 for pair in pairs)


def test_a_pair_that_may_not_be_takes_nothing_from_one_that_may() -> None:
    assert assign(np.array([[0.29, 0.0], [0.3, 0.29]]), 0.3) == [(1, 0)]
