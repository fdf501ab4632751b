"""Detections meet objects."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.test_objects import made, square
from tracker import Detected
from tracker.keyframe import hopeless, meet
from tracker.objects import Followed, bounds

TICK = 7


def found(*masks: Tensor, score: float = 0.8) -> Detected:
    return Detected(torch.full((len(masks),), score), torch.stack(masks) if masks else torch.empty(0, 64, 64))


def lost(each: Followed) -> Followed:
    each.lose()
    return each


def test_what_agrees_is_taken_over_with_its_score() -> None:
    each = made(square(10, 10, 20))
    assert meet([each], found(square(11, 10, 20)), TICK) == []
    assert (each.detected, round(each.score, 6)) == (TICK, 0.8)
    assert bounds(each.logits) == bounds(square(11, 10, 20))


def test_what_differs_is_taken_over_at_the_second_time() -> None:
    each = made(square(10, 10, 20))
    for keyframe in (1, 2):
        meet([each], found(square(17, 10, 20)), keyframe)
        assert bounds(each.logits) == bounds(square(10 if keyframe == 1 else 17, 10, 20))


def test_the_detector_is_believed_over_a_badly_followed_mask() -> None:
    each = made(square(10, 10, 20))
    each.follow(square(10, 10, 20), 0.5, 0.9)
    meet([each], found(square(17, 10, 20)), TICK)
    assert bounds(each.logits) == bounds(square(17, 10, 20))
    assert each.bad == 0


def test_a_users_mask_stays_while_it_is_seen() -> None:
    each = made(square(10, 10, 20))
    each.by_user = True
    meet([each], found(square(11, 10, 20)), TICK)
    assert bounds(each.logits) == bounds(square(10, 10, 20))
    meet([lost(each)], found(square(11, 10, 20)), TICK + 1)
    assert bounds(each.logits) == bounds(square(11, 10, 20))


def test_visible_objects_choose_before_lost_ones() -> None:
    gone, here = lost(made(square(10, 10, 20), 1)), made(square(14, 10, 20), 2)
    meet([gone, here], found(square(11, 10, 20)), TICK)
    assert (gone.visible, here.detected) == (False, TICK)


def test_a_lost_object_that_is_found_is_visible_again() -> None:
    gone = lost(made(square(10, 10, 20)))
    assert meet([gone], found(square(14, 10, 20)), TICK) == []
    assert (gone.visible, gone.unseen, gone.bad) == (True, 0, 0)


def test_what_nobody_is_is_new_unless_it_lies_on_a_visible_object() -> None:
    each = made(square(10, 10, 20))
    new = meet([each], found(square(10, 10, 20), square(12, 12, 5), square(40, 40, 10)), TICK)
    assert [bounds(logits) for logits, _ in new] == [bounds(square(40, 40, 10))]


def test_a_new_object_is_confirmed_by_two_of_three_and_hopeless_without() -> None:
    for answers, confirmed in (((True,), True), ((False, True), True), ((False, False), False)):
        each = made(square(10, 10, 20), confirmed=False)
        for tick, hit in enumerate(answers, 1):
            meet([each], found(square(10, 10, 20)) if hit else found(), tick)
        assert (each.confirmed, hopeless(each)) == (confirmed, not confirmed)


def test_what_two_keyframes_in_a_row_do_not_find_where_it_is_followed_is_hopeless() -> None:
    for answers, end in (((False, False), True), ((False, True, False), False)):
        each = made(square(10, 10, 20), confirmed=True)
        for tick, hit in enumerate(answers, 1):
            meet([each], found(square(10, 10, 20)) if hit else found(), tick)
        assert hopeless(each) is end


def test_keyframes_say_nothing_against_what_is_lost_or_what_a_user_pointed_at() -> None:
    gone, told = lost(made(square(10, 10, 20))), made(square(40, 40, 10))
    told.by_user = True
    for tick in range(1, 4):
        meet([gone, told], found(), tick)
    assert not hopeless(gone)
    assert not hopeless(told)
