"""Following between keyframes: what is asked, what is believed, what memory is asked for."""

from __future__ import annotations

from typing import cast

import torch

from benchmarks.support.fake_model import FakeModel, picture
from tests.support.objects import made, remembered, square
from tracker import Box, Sam3, SegmentPrompt
from tracker.stream.follower import Follower, ask, near
from tracker.stream.geometry import bounds
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS
from tracker.types import Stage


def test_an_object_is_asked_for_where_it_has_probably_moved() -> None:
    each = made(square(10, 10, 16))
    each.motion.velocity = (4 / 64 * 30, 0.0)  # four mask pixels a frame
    embedding = FakeModel().embed(picture(height=128, width=256))
    (prompt,) = ask(embedding, [each], 1 / 30)
    assert prompt.box == Box(56, 20, 120, 52)
    assert prompt.logits is not None
    assert bounds(prompt.logits) == bounds(square(14, 10, 16))


def test_where_two_guesses_disagree_both_are_asked_and_the_better_answer_stays() -> None:
    """The picture's motion says that it stood still, its own that it went on; there it is."""
    model = FakeModel()
    each = made(square(4, 10, 10))
    each.motion.off_course = (24 / 64, 0.0)
    Follower(cast(Sam3, model), "pvs").follow(
        model.embed(picture(("red", 56, 20, 20))), [each], 1 / 30, 1, predicted=True
    )
    assert [prompt.box and prompt.box.x0 for prompt in model.prompted] == [8, 56]
    assert bounds(each.logits) == bounds(square(28, 10, 10))
    assert (each.visible, each.doubt.bad) == (True, 0)


def test_what_is_shown_far_from_where_it_was_asked_is_a_look_alike() -> None:
    embedding = FakeModel().embed(picture())
    asked = [SegmentPrompt(box=Box(20, 20, 40, 40))]
    both = torch.maximum(square(10, 10, 10), square(40, 10, 10))
    (kept,) = near(both[None], asked, embedding, DEFAULTS.grown)
    assert bounds(kept) == bounds(square(10, 10, 10))


def test_a_box_that_has_moved_out_of_the_picture_is_cut_at_its_edge() -> None:
    each = made(square(60, 10, 4))
    each.motion.velocity = (3.0, 0.0)
    (prompt,) = ask(FakeModel().embed(picture()), [each], 1 / 30)
    assert prompt.box is not None
    assert prompt.box.x1 == 128


def test_a_lost_object_is_not_asked_for_by_a_box_where_something_else_is_now() -> None:
    model = FakeModel()
    follower = Follower(cast(Sam3, model), "auto")
    lost = made(square(10, 10, 16))
    lost.lose()
    follower.follow(model.embed(picture(("green", 20, 20, 32))), [lost], 1 / 30, 1)
    assert not model.prompted
    assert (lost.visible, lost.doubt.unseen) == (False, 2)


def test_memory_brings_a_lost_object_back() -> None:
    model = FakeModel()
    lost = remembered(made(square(10, 10, 16)))
    lost.lose()
    Follower(cast(Sam3, model), "auto").follow(model.embed(picture(("red", 80, 80, 32))), [lost], 1 / 30, 1)
    assert (lost.visible, lost.doubt.unseen, lost.doubt.bad) == (True, 0, 0)
    assert bounds(lost.logits) == bounds(square(40, 40, 16))
    assert len(lost.memory.bank.recent) == 1


def four_lost_two_to_be_seen() -> list[Followed]:
    lost = [remembered(made(square(10, 10, 16), number)) for number in range(4)]
    for number, each in enumerate(lost):
        each.key = (number,)  # so that they may all be in one place
        each.lose()
    for gone in lost[1::2]:  # the picture shows nothing of their colour
        remembered(gone, (0.0, 0.0, 255.0))
    return lost


def test_in_doubt_only_masks_that_are_believed_are_encoded_and_all_in_one_pass() -> None:
    model, lost = FakeModel(), four_lost_two_to_be_seen()
    follower = Follower(cast(Sam3, model), "auto")
    follower.follow(model.embed(picture(("red", 80, 80, 32))), lost, 1 / 30, 1)
    assert [len(each.memory.bank.recent) for each in lost] == [1, 0, 1, 0]
    assert model.encoded == [2]
    follower.follow(model.embed(picture()), lost, 2 / 30, 2)
    assert model.encoded == [2]


def test_following_by_memory_a_doubtful_mask_is_remembered_too_and_what_is_gone_is_not() -> None:
    model, lost = FakeModel(), four_lost_two_to_be_seen()
    model.iou = 0.3
    follower = Follower(cast(Sam3, model), "memory")
    follower.follow(model.embed(picture(("red", 80, 80, 32))), lost, 1 / 30, 1)
    assert [each.visible for each in lost] == [True, False, True, False]
    assert [len(each.memory.bank.recent) for each in lost] == [1, 0, 1, 0]
    assert model.encoded == [2]
    follower.follow(model.embed(picture()), lost, 2 / 30, 2)
    assert model.encoded == [2]


def test_after_a_cut_only_a_keyframe_brings_back_what_was_there() -> None:
    model = FakeModel()
    lost = remembered(made(square(10, 10, 16)))
    lost.lose()
    lost.doubt.cut_away = True
    follower = Follower(cast(Sam3, model), "auto")
    for tick in range(1, 8):
        follower.follow(model.embed(picture(("red", 80, 80, 32))), [lost], tick / 30, tick)
    assert (lost.visible, model.propagated) == (False, 0)
    lost.see(square(40, 40, 16))
    assert not lost.doubt.cut_away


def test_memory_that_is_not_sure_changes_nothing() -> None:
    model = FakeModel()
    model.iou = 0.5
    lost = remembered(made(square(10, 10, 16)))
    lost.lose()
    Follower(cast(Sam3, model), "auto").follow(model.embed(picture(("red", 80, 80, 32))), [lost], 1 / 30, 1)
    assert (lost.visible, lost.doubt.unseen) == (False, 2)
    assert not lost.memory.bank.recent


def test_only_a_few_objects_in_doubt_are_looked_up_on_one_frame() -> None:
    model = FakeModel()
    lost = [remembered(made(square(10, 10, 16), number)) for number in range(DEFAULTS.doubt_batch + 3)]
    for waited, each in enumerate(lost):
        each.key = (waited,)  # so that they may all be in one place
        each.lose()
        each.doubt.unseen += waited
    Follower(cast(Sam3, model), "auto").follow(model.embed(picture(("red", 80, 80, 32))), lost, 1 / 30, 1)
    assert [each.visible for each in lost] == [True] * DEFAULTS.doubt_batch + [False] * 3


def test_memory_is_looked_into_after_two_bad_steps_and_then_now_and_then() -> None:
    model = FakeModel()
    follower = Follower(cast(Sam3, model), "auto")
    lost = remembered(made(square(10, 10, 16)))
    looks = []
    for tick in range(1, 3 + 2 * DEFAULTS.doubt_every):
        follower.follow(model.embed(picture()), [lost], tick / 30, tick)
        looks.append(model.propagated)
    assert looks[:2] == [0, 1]
    assert model.propagated == 3


def test_the_memory_follower_asks_the_head_only_for_what_it_does_not_know() -> None:
    model = FakeModel()
    known, new = remembered(made(square(10, 10, 16), 1)), made(square(40, 40, 16), 2)
    embedding = model.embed(picture(("red", 24, 20, 32), ("green", 80, 80, 32)))
    Follower(cast(Sam3, model), "memory").follow(embedding, [known, new], 1 / 30, 1)
    assert (len(model.prompted), model.propagated) == (1, 1)
    assert bounds(known.logits) == bounds(square(12, 10, 16))
    assert new.visible


def test_sure_masks_go_into_memory_now_and_then_and_a_few_at_a_time() -> None:
    model = FakeModel()
    follower = Follower(cast(Sam3, model), "auto")
    embedding = model.embed(picture(("red", 20, 20, 32)))
    sure = [made(square(10, 10, 16), number) for number in range(DEFAULTS.memorize_batch + 1)]
    doubted, new = made(square(10, 10, 16)), made(square(10, 10, 16), confirmed=False)
    doubted.doubt.bad = 1
    everyone = [*sure, doubted, new]
    follower.memorize(embedding, everyone, 5)
    assert [bool(each.memory.bank) for each in everyone] == [True] * DEFAULTS.memorize_batch + [False] * 3
    follower.memorize(embedding, everyone, 6)
    assert [len(each.memory.bank.conditioning) for each in everyone] == [1] * len(sure) + [0, 0]
    follower.memorize(embedding, everyone, 5 + DEFAULTS.memorize_every)
    assert [len(each.memory.bank.conditioning) for each in sure] == [2] * DEFAULTS.memorize_batch + [1]


RED, GREEN = torch.tensor([255.0, 0.0, 0.0]), torch.tensor([0.0, 255.0, 0.0])


def known(each: Followed, appearance: torch.Tensor = RED) -> Followed:
    each.memory.appearance = appearance
    return each


def test_a_mask_that_comes_to_cover_something_else_is_of_an_object_that_is_gone() -> None:
    """A screen took its place: asked with its box, the head is sure to see something there."""
    model = FakeModel()
    screen = model.embed(picture(("green", 16, 16, 40)))
    hidden = known(made(square(10, 10, 16)))
    Follower(cast(Sam3, model), "pvs").follow(screen, [hidden], 1 / 30, 1)
    assert (hidden.visible, hidden.doubt.unseen) == (False, 1)
    model.same_appearance = None  # for a model of which it was never measured
    trusting = known(made(square(10, 10, 16)))
    Follower(cast(Sam3, model), "pvs").follow(screen, [trusting], 1 / 30, 1)
    assert trusting.visible


def test_what_a_user_chose_is_given_a_few_steps_before_it_counts_as_gone() -> None:
    model = FakeModel()
    screen = model.embed(picture(("green", 16, 16, 40)))
    chosen = known(made(square(10, 10, 16)))
    chosen.told.chosen = True
    seen = []
    for tick in range(1, DEFAULTS.hold_steps + 2):
        Follower(cast(Sam3, model), "pvs").follow(screen, [chosen], tick / 30, tick, predicted=True)
        seen.append((chosen.visible, chosen.stage))
    assert seen[: DEFAULTS.hold_steps] == [(True, Stage.FLOW)] * DEFAULTS.hold_steps
    assert not seen[DEFAULTS.hold_steps][0]
    assert bounds(chosen.logits) == bounds(square(10, 10, 16))


def test_what_is_lost_is_seen_again_where_it_should_be_if_it_looks_like_it() -> None:
    model = FakeModel()
    for color, back in (("red", True), ("green", False)):
        lost = known(made(square(10, 10, 16)))
        follower, shown = Follower(cast(Sam3, model), "pvs"), []
        lost.lose()
        for tick in range(1, 2 + DEFAULTS.doubt_every):
            follower.follow(model.embed(picture((color, 24, 20, 32))), [lost], tick / 30, tick)
            shown.append(lost.visible)
        assert any(shown) == back


def test_what_is_lost_does_not_come_back_on_another_object() -> None:
    model = FakeModel()
    for key, back in ((("red",), False), (("another prompt",), True)):
        lost, there = (known(remembered(made(square(10, 10, 16), number))) for number in (1, 2))
        there.key = key
        lost.lose()
        Follower(cast(Sam3, model), "auto").follow(model.embed(picture(("red", 24, 20, 32))), [lost, there], 1 / 30, 1)
        assert (lost.visible, there.visible) == (back, True)


def test_memory_does_not_bring_an_object_back_as_something_else() -> None:
    model = FakeModel()
    lost = known(remembered(made(square(10, 10, 16)), (0.0, 255.0, 0.0)))  # a memory of something else
    lost.lose()
    Follower(cast(Sam3, model), "auto").follow(model.embed(picture(("green", 80, 80, 32))), [lost], 1 / 30, 1)
    assert not lost.visible
    assert not lost.memory.bank.recent


def test_what_an_object_covers_is_noted_where_its_mask_is_surely_right() -> None:
    model = FakeModel()
    follower = Follower(cast(Sam3, model), "pvs")
    embedding = model.embed(picture(("red", 20, 20, 32), ("green", 80, 80, 32)))
    new, sure, doubted = (known(made(square(10, 10, 16), number), GREEN) for number in (1, 2, 3))
    new.evidence.detected, sure.evidence.detected, doubted.doubt.bad = 7, 6, 1
    follower.note_appearances(embedding, [new, sure, doubted], 7)
    assert new.memory.appearance is not None and new.memory.appearance[0] > 200 and new.memory.appearance[1] < 0
    assert (
        sure.memory.appearance is not None
        and 0 < sure.memory.appearance[0] < 0.2 * 255
        and sure.memory.appearance[1] > 0.8 * 255
    )
    assert doubted.memory.appearance is GREEN
