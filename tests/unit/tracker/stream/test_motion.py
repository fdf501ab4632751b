"""Where an object is going, by the boxes it was seen in."""

from __future__ import annotations

import pytest

from tracker.stream.geometry import Share, size
from tracker.stream.motion import Motion
from tracker.stream.params import DEFAULTS


def at(left: float, side: float = 0.2) -> Share:
    return left, 0.4, left + side, 0.4 + side


def walking(speed: float) -> Motion:
    """An object that moves to the right by ``speed`` shares a second, and is at 0.3 at second 0."""
    motion = Motion(at(0.3 - speed * 14 / 30))
    for frame in range(-14, 1):
        motion.learn(at(0.3 + speed * frame / 30), frame / 30)
    return motion


def test_a_velocity_is_learnt_and_forgotten_when_it_is_stale() -> None:
    motion = walking(0.6)
    assert motion.velocity == pytest.approx((0.6, 0), rel=0.02)
    motion.learn(at(0.3), DEFAULTS.stale + 0.1)
    assert motion.velocity == (0, 0)


def test_it_is_expected_where_its_velocity_takes_it_and_no_further_than_that_is_known() -> None:
    motion = walking(0.3)
    assert motion.expected(0.5) == pytest.approx(at(0.45), abs=0.01)
    assert motion.expected(-1.0) == motion.sure
    assert motion.expected(50.0) == motion.expected(DEFAULTS.stale)
    assert [motion.known(DEFAULTS.stale), motion.known(DEFAULTS.stale + 0.01)] == [True, False]


def test_a_guess_of_one_step_is_bounded() -> None:
    motion = walking(0.6)
    assert motion.within(1 / 30)[0] == pytest.approx(0.02, rel=0.05)
    assert motion.within(0.9)[0] == DEFAULTS.farthest_guess
    assert motion.within(0.0) == motion.within(DEFAULTS.stale + 0.1) == (0, 0)


def test_it_is_off_course_where_the_picture_says_otherwise_and_its_own_motion_is_sure_and_fresh() -> None:
    motion = walking(0.9)
    motion.compare(at(0.3), 0.1, sure=True)  # the picture says that it stood still
    assert motion.off_course is not None
    assert motion.off_course[0] == pytest.approx(0.09, rel=0.1)
    for box, seconds, sure in (
        (at(0.39), 0.1, True),
        (at(0.3), 0.1, False),
        (at(0.3), DEFAULTS.own_motion + 0.1, True),
    ):
        motion.compare(box, seconds, sure=sure)
        assert motion.off_course is None


def test_nearness_falls_from_where_it_should_be_to_the_farthest_that_it_may_be() -> None:
    motion = walking(0.3)
    assert motion.nearness(at(0.33), 0.1) == pytest.approx(1, abs=0.02)
    near, far = motion.nearness(at(0.4), 0.1), motion.nearness(at(0.5), 0.1)
    assert 1 > near > far > 0
    assert motion.nearness(at(0.6), 0.1) == 0
    assert motion.nearness(at(0.6), 0.5) > 0  # it had time to wander


def test_it_may_return_smaller_and_not_much_larger() -> None:
    motion = walking(0.0)
    assert motion.nearness(at(0.35, 0.1), 0.1) > 0.5
    assert motion.nearness(at(0.3, 0.2 * DEFAULTS.resized * 1.01), 0.1) == 0


def test_its_side_shrinks_slowly() -> None:
    motion = walking(0.0)
    motion.learn(at(0.3, 0.1), 1 / 30)
    assert motion.extent == pytest.approx(DEFAULTS.shrink * size(at(0.3)))
    motion.learn(at(0.3, 0.4), 2 / 30)
    assert motion.extent == pytest.approx(0.4)
