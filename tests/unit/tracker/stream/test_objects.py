"""One followed object: seen, lost, moved; and objects that share a frame."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.support.objects import SIDE, made, square
from tracker import Stage
from tracker.stream.geometry import bounds, size
from tracker.stream.objects import Followed, entangle, settle
from tracker.stream.params import DEFAULTS
from tracker.stream.states import State


def test_it_is_doubtful_after_two_bad_steps_and_trusted_after_a_good_one() -> None:
    each = made(square(10, 10, 10))
    states = []
    for iou in (0.9, 0.5, 0.5, 0.9):
        each.follow(square(11, 10, 10), iou, 0.9)
        states.append((each.doubt.bad, each.doubtful, each.visible))
    assert states == [(0, False, True), (1, False, True), (2, True, True), (0, False, True)]


@pytest.mark.parametrize(("logits", "present"), [(square(5, 5, 5), 0.4), (square(5, 5, 0), 0.9)])
def test_absent_or_empty_it_is_lost_and_its_last_mask_is_kept(logits: Tensor, present: float) -> None:
    last = square(10, 10, 10)
    each = made(last)
    each.follow(logits, 0.9, present, there=bool((logits > 0).any()))
    assert (each.visible, each.doubt.unseen, each.doubtful) == (False, 1, True)
    assert torch.equal(each.logits, last)


def test_its_motion_is_learnt_from_where_it_was() -> None:
    each = made(square(10, 10, 10))
    for step in range(1, 12):
        each.place(bounds(square(10 + step, 10, 10)), step / 30)
    x, y = each.motion.within(12 / 30 - each.seconds)
    assert x == pytest.approx(1 / SIDE, rel=0.05)
    assert y == 0
    assert each.motion.within(50.0 - each.seconds) == (0, 0)
    each.place(bounds(square(50, 50, 10)), 12 / 30)
    assert each.motion.within(1.0 - each.seconds)[1] <= DEFAULTS.farthest_guess


def walked(number: int, left: int, step: float, frames: int = 8) -> Followed:
    """A square of 10 samples that has moved by ``step`` samples a frame, and stands at ``left`` at second 0."""
    each = made(square(left, 10, 10), number)
    for frame in range(1 - frames, 1):
        x0, y0, x1, y1 = bounds(square(left, 10, 10))
        each.place((x0 + step * frame / SIDE, y0, x1 + step * frame / SIDE, y1), frame / 30)
    return each


def test_where_it_should_be_goes_on_from_when_it_was_followed_well() -> None:
    each = walked(1, 20, 1.0, frames=15)
    each.doubt.bad = 1
    each.place(bounds(square(2, 40, 10)), 3 / 30)  # its mask has slipped
    x0, y0, _, _ = each.motion.expected(6 / 30)
    assert x0 * SIDE == pytest.approx(26, abs=0.3)
    assert y0 * SIDE == pytest.approx(10)
    each.doubt.bad = 0
    each.place(bounds(square(26, 10, 10)), 6 / 30)
    assert each.motion.sure == bounds(square(26, 10, 10))


def test_its_full_size_outlasts_its_being_hidden() -> None:
    each = walked(1, 20, 0.0)
    for frame in range(1, 6):
        each.place(bounds(square(20, 10, 10 - 2 * frame + 1)), frame / 30)
    assert each.motion.extent > 0.8 * size(bounds(square(20, 10, 10)))


def test_a_mask_that_the_model_hardly_believes_goes_after_a_few_steps_unless_a_user_pointed_at_it() -> None:
    for told in (False, True):
        each = made(square(10, 10, 10))
        each.told.chosen = told
        seen = []
        for _ in range(DEFAULTS.faint_steps):
            each.follow(square(10, 10, 10), 0.4, 0.99)
            seen.append(each.visible)
        assert seen == [True] * (DEFAULTS.faint_steps - 1) + [told]


def test_a_mask_moved_along_stands_for_a_while_against_a_doubted_one_that_disagrees() -> None:
    each = made(square(10, 10, 10))
    for step in range(DEFAULTS.hold_steps):
        each.follow(square(40, 40, 10), 0.65, 0.99, predicted=True, agrees=0.0)
        assert bounds(each.logits) == bounds(square(10, 10, 10))
        assert (each.visible, each.doubt.bad, each.stage) == (True, step + 1, Stage.FLOW)
    each.follow(square(40, 40, 10), 0.65, 0.99, predicted=True, agrees=0.0)
    assert bounds(each.logits) == bounds(square(40, 40, 10))


def test_masks_of_a_model_that_wander_are_taken_where_they_agree_with_the_moved_one_however_long_they_do_not() -> None:
    each = made(square(10, 10, 10))
    for step in range(3 * DEFAULTS.hold_steps):
        each.follow(square(10, 10, 11), 0.99, 0.99, predicted=True, agrees=0.83, steady=0.9)
        assert bounds(each.logits) == bounds(square(10, 10, 10))
        assert (each.visible, each.doubt.bad, each.stage) == (True, step + 1, Stage.FLOW)
    each.follow(square(10, 10, 11), 0.99, 0.99, predicted=True, agrees=0.92, steady=0.9)
    assert bounds(each.logits) == bounds(square(10, 10, 11))
    each.follow(square(10, 10, 11), 0.99, 0.2, predicted=True, agrees=0.92, steady=0.9)
    assert not each.visible


def test_a_believed_mask_stands_against_one_moved_along_unless_look_alikes_touch() -> None:
    for touching in (False, True):
        each = made(square(10, 10, 10))
        each.entangled = touching
        each.follow(square(16, 10, 10), 0.9, 0.99, predicted=True, agrees=0.25)
        assert bounds(each.logits) == bounds(square(10 if touching else 16, 10, 10))


def test_the_motion_of_the_picture_and_its_own_may_disagree() -> None:
    each = walked(1, 20, 3.0)
    each.predict(square(23, 10, 10), bounds(square(23, 10, 10)), 1 / 30)
    assert each.motion.off_course is None
    each = walked(1, 20, 3.0)
    each.predict(square(20, 10, 10), bounds(square(20, 10, 10)), 1 / 30)  # the picture seems to stand still
    assert each.motion.off_course is not None
    x, y = each.motion.off_course
    assert x * SIDE == pytest.approx(3, rel=0.3)
    assert y == pytest.approx(0, abs=1e-6)


def test_those_that_touch_are_entangled_seen_or_not_and_those_apart_are_not() -> None:
    one, two, far = walked(1, 10, 0.0), walked(2, 17, 0.0), walked(3, 45, 0.0)
    two.lose()
    entangle([one, two, far], 1 / 30)
    assert [each.entangled for each in (one, two, far)] == [True, True, False]
    entangle([one, far], 1 / 30)
    assert not one.entangled
    entangle([one, two], 5.0)  # it is not known where they should be by now
    assert not one.entangled


def test_a_mask_that_has_become_larger_than_its_object_is_of_more_than_it() -> None:
    one, far = walked(1, 10, 0.0), walked(2, 45, 0.0)
    one.box = bounds(square(10, 10, 20))
    entangle([one, far], 1 / 30)
    assert (one.entangled, far.entangled) == (True, False)


def test_what_is_believed_stays_within_what_may_be_fed_back() -> None:
    each = made(square(1, 1, 1))
    each.see(square(10, 10, 10, value=500.0))
    assert each.logits.max() == 32


def test_of_two_on_one_thing_the_one_believed_longer_stays() -> None:
    for first, second in ((made(square(10, 10, 20), 1), made(square(11, 10, 20), 2, born=5)),):
        settle([second, first])
        assert (first.visible, second.visible) == (True, False)
    new, old = made(square(10, 10, 20), 1, confirmed=False), made(square(10, 10, 20), 2, born=5)
    settle([new, old])
    assert (new.visible, old.visible) == (False, True)


def test_a_pixel_belongs_to_the_mask_that_is_surer_of_it() -> None:
    back, front = made(square(10, 10, 20, value=3.0), 1), made(square(24, 10, 20, value=8.0), 2)
    settle([back, front])
    assert bounds(back.logits) == (10 / SIDE, 10 / SIDE, 24 / SIDE, 30 / SIDE)
    assert bounds(front.logits) == (24 / SIDE, 10 / SIDE, 44 / SIDE, 30 / SIDE)


def test_what_is_not_shown_takes_no_pixel_from_what_is() -> None:
    shown, hidden = made(square(10, 10, 20, value=3.0), 1), made(square(24, 10, 20, value=8.0), 2, confirmed=False)
    hidden.score = 0.5
    settle([shown, hidden])
    assert bounds(shown.logits)[2] == 30 / SIDE


def test_what_is_lost_keeps_its_own_mask_and_not_everybodys() -> None:
    masks = torch.stack([square(10, 10, 10), square(30, 30, 10)])
    each = made(masks[1])
    each.lose()
    assert torch.equal(each.logits, square(30, 30, 10))
    assert each.logits.untyped_storage().nbytes() == masks.nbytes / 2


def test_a_lost_object_comes_back_as_what_it_was() -> None:
    new, believed = made(square(10, 10, 10), confirmed=False), made(square(10, 10, 10))
    for each in (new, believed):
        each.lose()
        assert each.state is State.LOST
        each.see(square(10, 10, 10))
    assert [new.state, believed.state] == [State.TENTATIVE, State.CONFIRMED]


def test_what_a_user_points_at_is_confirmed_at_once_even_where_the_model_did_not_see_it_any_more() -> None:
    each = made(square(10, 10, 10), confirmed=False)
    each.lose()
    mask = square(20, 20, 10)
    each.choose(mask, bounds(mask), 2.0, unseen=3)
    assert (each.state, each.told.chosen, each.doubt.unseen) == (State.CONFIRMED, True, 3)
    assert (each.box, each.seconds, each.memory.appearance) == (bounds(mask), 2.0, None)


def test_what_a_cut_took_away_comes_back_by_a_keyframe_unless_a_user_pointed_at_it() -> None:
    found, pointed_at = made(square(10, 10, 10)), made(square(10, 10, 10))
    pointed_at.key = None
    for each in (found, pointed_at):
        each.cut()
    assert [each.state for each in (found, pointed_at)] == [State.LOST, State.LOST]
    assert [each.doubt.cut_away for each in (found, pointed_at)] == [True, False]


def test_the_frame_it_was_made_on_says_nothing_more_of_it() -> None:
    each = made(square(0, 0, 10), born=5, confirmed=False)
    each.detect(square(0, 0, 10), 0.9, 5)
    each.judge(5)
    assert not each.confirmed
    each.detect(square(0, 0, 10), 0.9, 6)
    each.judge(6)
    assert each.confirmed
