"""Detections are associated with objects: the best pairs overall, and none that is too poor."""

from __future__ import annotations

import itertools
from typing import Any, cast

import hypothesis.extra.numpy as arrays
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.support.fake_model import FakeModel, Picture, picture
from tests.support.objects import made, square
from tracker import Detected, Embedding, Sam3
from tracker.model.bank import Memory
from tracker.stream.appearance import appearances
from tracker.stream.association import Recognition, assign, associate
from tracker.stream.geometry import bounds
from tracker.stream.objects import Followed

TICK = 7
NOW = 0.1  # seconds


def found(*masks: Tensor, score: float = 0.8) -> Detected:
    return Detected(torch.full((len(masks),), score), torch.stack(masks) if masks else torch.empty(0, 64, 64))


Color = tuple[float, float, float]

RED, BLUE = (1.0, 0.1, 0.0), (0.0, 0.1, 1.0)


def looking(pointer: Color) -> Memory:
    return Memory(0, None, torch.tensor([pointer]))


class Looking(FakeModel):
    """A model to whose memory detections look like this, one after the other."""

    def __init__(self, *looks: Color, same: float) -> None:
        super().__init__()
        self.looks, self.same_look = looks, same

    def memorize(self, embedding: Embedding, logits: Tensor, tick: int) -> list[Memory]:
        return [looking(color) for color, _ in zip(itertools.cycle(self.looks), logits, strict=False)]


def recognition(*looks: Color, same: float = 0.5, shows: Picture | None = None) -> Recognition:
    """On a frame that ``shows`` this, or nothing."""
    model = Looking(*looks, same=same)
    return Recognition(cast(Sam3, model), model.embed(picture() if shows is None else shows), TICK)


def lost(each: Followed) -> Followed:
    each.lose()
    return each


def test_the_detectors_mask_and_score_are_taken_over() -> None:
    for left in (11, 17):
        each = made(square(10, 10, 20))
        assert associate([each], found(square(left, 10, 20)), NOW, TICK) == []
        assert (each.evidence.detected, round(each.score, 6), each.doubt.bad) == (TICK, 0.8, 0)
        assert bounds(each.logits) == bounds(square(left, 10, 20))


def test_a_users_mask_stays_while_it_is_seen() -> None:
    each = made(square(10, 10, 20))
    each.told.chosen = True
    associate([each], found(square(11, 10, 20)), NOW, TICK)
    assert bounds(each.logits) == bounds(square(10, 10, 20))
    associate([lost(each)], found(square(11, 10, 20)), NOW, TICK + 1)
    assert bounds(each.logits) == bounds(square(11, 10, 20))


def test_visible_objects_choose_before_lost_ones() -> None:
    gone, here = lost(made(square(10, 10, 20), 1)), made(square(14, 10, 20), 2)
    associate([gone, here], found(square(11, 10, 20)), NOW, TICK)
    assert (gone.visible, here.evidence.detected) == (False, TICK)


def test_a_lost_object_that_is_found_is_visible_again() -> None:
    gone = lost(made(square(10, 10, 20)))
    assert associate([gone], found(square(14, 10, 20)), NOW, TICK) == []
    assert (gone.visible, gone.doubt.unseen, gone.doubt.bad) == (True, 0, 0)


def test_what_matches_no_object_is_new_unless_it_lies_on_a_visible_object() -> None:
    each = made(square(10, 10, 20))
    new = associate([each], found(square(10, 10, 20), square(12, 12, 5), square(40, 40, 10)), NOW, TICK)
    assert [bounds(each.logits) for each in new] == [bounds(square(40, 40, 10))]


def test_a_new_object_is_confirmed_by_two_of_three_and_rejected_without() -> None:
    for answers, confirmed in (((True,), True), ((False, True), True), ((False, False), False)):
        each = made(square(10, 10, 20), confirmed=False)
        for tick, hit in enumerate(answers, 1):
            associate([each], found(square(10, 10, 20)) if hit else found(), NOW, tick)
        assert (each.confirmed, each.rejected) == (confirmed, not confirmed)


def test_what_two_keyframes_in_a_row_do_not_find_where_it_is_followed_is_lost() -> None:
    for answers, visible in (((False, False), False), ((False, True, False), True)):
        each = made(square(10, 10, 20), confirmed=True)
        for tick, hit in enumerate(answers, 1):
            associate([each], found(square(10, 10, 20)) if hit else found(), NOW, tick)
        assert each.visible is visible
        assert not each.rejected


def moving(number: int, left: int, shares: float) -> Followed:
    """A square of 16 samples on its way to the right, ``shares`` of the picture a second, last seen at second 0."""
    each = made(square(left, 20, 16), number)
    for frame in range(-6, 1):
        at = square(left, 20, 16)
        x0, y0, x1, y1 = bounds(at)
        each.place((x0 + shares * frame / 30, y0, x1 + shares * frame / 30, y1), frame / 30)
    return each


def test_what_is_far_from_every_mask_is_the_lost_one_that_should_be_there() -> None:
    """Nothing overlaps: 24 samples further after a third of a second."""
    right, left = lost(moving(1, 4, 24 / 64 * 3)), lost(moving(2, 44, -12 / 64 * 3))
    new = associate([right, left], found(square(28, 20, 16)), 1 / 3, TICK)
    assert new == []
    assert (right.visible, left.visible) == (True, False)
    assert bounds(right.logits) == bounds(square(28, 20, 16))


def test_what_was_half_hidden_when_it_was_lost_returns_smaller_or_whole_but_not_larger() -> None:
    for side, same in ((8, True), (16, True), (40, False)):
        gone = lost(moving(1, 4, 0.0))
        new = associate([gone], found(square(21, 20, side)), 1 / 3, TICK)
        assert (gone.visible, not new) == (same, same)


def test_what_is_too_far_away_is_new() -> None:
    gone = lost(moving(1, 0, 0.0))
    assert len(associate([gone], found(square(46, 46, 16)), 1 / 3, TICK)) == 1
    assert not gone.visible


def test_a_lost_object_is_recognised_by_its_looks() -> None:
    """Two were lost at one place; what returns there looks like the second."""
    one, other = lost(moving(1, 4, 0.0)), lost(moving(2, 4, 0.0))
    for each, color in ((one, RED), (other, BLUE)):
        each.memory.bank.condition(looking(color))
    assert associate([one, other], found(square(21, 20, 16)), 1 / 3, TICK, recognition=recognition(BLUE)) == []
    assert (one.visible, other.visible) == (False, True)


def test_what_looks_different_is_new_however_near_it_is() -> None:
    gone = lost(moving(1, 4, 0.0))
    gone.memory.bank.condition(looking(RED))
    assert len(associate([gone], found(square(21, 20, 16)), 1 / 3, TICK, recognition=recognition(BLUE))) == 1
    assert not gone.visible


def test_who_has_no_memory_is_recognised_by_place_alone() -> None:
    gone = lost(moving(1, 4, 0.0))
    assert associate([gone], found(square(21, 20, 16)), 1 / 3, TICK, recognition=recognition(BLUE)) == []


def test_what_is_followed_well_is_not_called_elsewhere() -> None:
    each = moving(1, 4, 0.0)
    assert len(associate([each], found(square(22, 20, 16)), 1 / 30, TICK)) == 1
    assert bounds(each.logits) == bounds(square(4, 20, 16))


def test_the_entangled_are_told_apart_by_their_motion_and_not_by_their_masks() -> None:
    """Two have changed places while their masks stood still on each other."""
    right, left = moving(1, 20, 0.6), moving(2, 32, -0.6)
    for each in (right, left):
        each.entangled = True
    associate([right, left], found(square(32, 20, 16), square(20, 20, 16)), 0.3, TICK)
    assert bounds(right.logits) == bounds(square(32, 20, 16))
    assert bounds(left.logits) == bounds(square(20, 20, 16))


def test_an_entangled_one_that_is_not_found_does_not_count_as_missed() -> None:
    each = made(square(10, 10, 20))
    each.entangled = True
    for tick in range(1, 5):
        associate([each], found(), NOW, tick)
    assert each.visible


def test_keyframes_say_nothing_against_what_is_lost_or_what_a_user_pointed_at() -> None:
    gone, told = lost(made(square(10, 10, 20))), made(square(40, 40, 10))
    told.told.chosen = True
    for tick in range(1, 4):
        associate([gone, told], found(), NOW, tick)
    assert not gone.rejected
    assert told.visible


def blob(color: str, left: int, top: int, size: int) -> Picture:
    """A picture that shows this under ``square(left, top, size)``."""
    return picture((color, 2 * left, 2 * top, 2 * size))


def known(each: Followed) -> Followed:
    """One that covered red when it was seen."""
    x0, y0, x1, _ = (round(64 * edge) for edge in bounds(each.logits))
    shows = FakeModel().embed(blob("red", x0, y0, x1 - x0))
    (each.memory.appearance,) = appearances(shows, each.logits[None])
    return each


def test_what_is_half_hidden_is_known_by_what_it_covers_whatever_memory_says() -> None:
    for color, back in (("red", True), ("blue", False)):
        gone = known(lost(moving(1, 4, 24 / 64 * 3)))
        gone.memory.bank.condition(looking(RED))
        told = recognition(BLUE, same=0.7, shows=blob(color, 28, 20, 16))
        new = associate([gone], found(square(28, 20, 16)), 1 / 3, TICK, recognition=told)
        assert (gone.visible, not new) == (back, back)


def test_of_several_that_cover_the_same_memory_and_place_decide() -> None:
    """Both are as near; the second looks like it."""
    gone = known(lost(moving(1, 20, 0.0)))
    gone.memory.bank.condition(looking(RED))
    told = recognition(BLUE, RED, same=0.7, shows=picture(("red", 40, 6, 32), ("red", 40, 74, 32)))
    new = associate([gone], found(square(20, 3, 16), square(20, 37, 16)), 0.1, TICK, recognition=told)
    assert bounds(gone.logits) == bounds(square(20, 37, 16))
    assert len(new) == 1


def test_what_lies_where_it_was_lost_and_covers_something_else_is_not_it() -> None:
    for color, back in (("red", True), ("blue", False)):
        gone = known(lost(made(square(20, 20, 16))))
        told = recognition(BLUE, same=0.7, shows=blob(color, 21, 20, 16))
        new = associate([gone], found(square(21, 20, 16)), NOW, TICK, recognition=told)
        assert (gone.visible, not new) == (back, back)


def test_where_it_was_never_measured_how_alike_looks_are_only_the_place_counts() -> None:
    gone = known(lost(moving(1, 4, 0.0)))
    gone.memory.bank.condition(looking(RED))
    told = recognition(BLUE, shows=blob("blue", 21, 20, 16))
    cast(Any, told.model).same_look = cast(Any, told.model).same_appearance = None
    assert associate([gone], found(square(21, 20, 16)), 1 / 3, TICK, recognition=told) == []


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
