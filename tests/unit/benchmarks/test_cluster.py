"""What the cluster's benchmark says of what it has counted."""

from __future__ import annotations

from benchmarks.cluster import Away, bars, p95


def test_p95_is_what_19_of_20_do_not_exceed() -> None:
    assert p95([float(each) for each in range(1, 21)]) == 19.0
    assert p95([7.0]) == 7.0


def test_every_bar_is_missed_by_what_is_past_it() -> None:
    good = bars([1.0] * 20, 0.95, Away([2.0] * 20))
    assert [enough for *_, enough in good] == [True] * 4
    bad = bars([6.0] * 20, 0.8, Away([6.0] * 20, twice=1))
    assert [enough for *_, enough in bad] == [False] * 4
    assert not bars([1.0], 1.0, Away([1.0], lost=1))[-1][-1]
    assert len(bars([1.0], 1.0, Away())) == 2  # nothing was killed


def test_a_stream_is_back_or_lost_and_an_id_that_it_had_was_given_twice() -> None:
    away, known = Away(), {1, 2}
    away.take((5.0, {2, 3}), 3.0, known)
    away.take((6.0, {4}), 3.0, known)
    away.take(TimeoutError(), 3.0, known)
    assert (away.back, away.twice, away.lost, known) == ([2.0, 3.0], 1, 1, {1, 2, 3, 4})
