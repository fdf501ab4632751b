"""The mask of a click or box, and its way to the present."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch

from benchmarks.support.fake_model import FakeModel, picture
from tests.support.objects import square
from tracker import (
    Box,
    History,
    Mask,
    Motion,
    Point,
    Presented,
    Sam3,
    SegmentPrompt,
    Stage,
    Track,
    TrackerError,
)
from tracker.presenting.motion import grid
from tracker.stream import answers
from tracker.stream.clickable_frames import ClickableFrame, ClickableFrames
from tracker.stream.geometry import bounds
from tracker.stream.optical_flow import Flow
from tracker.stream.params import DEFAULTS


def shown(number: int, left: int, top: int, size: int) -> Track:
    mask = Mask.from_dense(picture(("red", left, top, size))[..., 0] > 0)
    return Track(number, None, 0.9, Box(left, top, left + size, top + size), mask, 3, Stage.REFINE)


def kept(*blobs: tuple[str, int, int, int], index: int = 0, tracks: tuple[Track, ...] = ()) -> ClickableFrame:
    return ClickableFrame(index, index / 8, FakeModel().embed(picture(*blobs)), tracks)


def test_a_single_point_is_answered_with_the_best_of_three() -> None:
    model = FakeModel()
    asked: list[bool] = []
    real = model.segment

    def segment(embedding, objects, *, multimask=False):  # type: ignore[no-untyped-def]
        asked.append(multimask)
        return real(embedding, objects, multimask=multimask)

    model.segment = segment  # type: ignore[method-assign]
    frame = kept(("red", 20, 20, 30))
    one, two = (Point(30, 30),), (Point(30, 30), Point(35, 35))
    for prompt in (SegmentPrompt(points=one), SegmentPrompt(points=two), SegmentPrompt(box=Box(20, 20, 50, 50))):
        answers.answer(cast(Sam3, model), frame, prompt)
    assert asked == [True, False, False]


def test_where_the_model_sees_nothing_the_click_is_refused() -> None:
    model, nowhere = cast(Sam3, FakeModel()), SegmentPrompt(points=(Point(5, 5),))
    with pytest.raises(TrackerError, match="sees no object there"):
        answers.answer(model, kept(), nowhere)
    with pytest.raises(TrackerError, match="nothing would be left of object 3; it stays as it was"):
        answers.answer(model, kept(), nowhere, corrected=3)


def walk(frames: int, *, gone: range = range(0)) -> ClickableFrames:
    found = ClickableFrames()
    for index in range(frames):
        blobs = [] if index in gone else [("red", 5 + 8 * index, 20, 20)]
        found.add(kept(*blobs, index=index))
    return found


def test_a_mask_is_carried_step_by_step_further_than_one_jump_could() -> None:
    model, frames = cast(Sam3, FakeModel()), walk(12)
    start = frames.nearest(0)
    logits, _ = answers.answer(model, start, SegmentPrompt(points=(Point(10, 25),)))
    carried = answers.carry(model, frames, start, logits)
    assert carried.unseen == 0
    assert abs(bounds(carried.logits)[0] * 128 - (5 + 88)) <= 2


def test_a_mask_is_carried_with_the_picture_where_its_object_jumps_out_of_it() -> None:
    world = [picture(("red", left, 40, 20)) for left in (20, 40)]
    greys = []
    for each in world:
        flow = Flow()
        flow.look(each)
        greys.append(flow.grey)
    model, logits = cast(Sam3, FakeModel()), square(10, 20, 10)
    for seen, unseen in ((greys, 0), ((None, None), 1)):
        frames = ClickableFrames()
        for index, (image, grey) in enumerate(zip(world, seen, strict=True)):
            frames.add(ClickableFrame(index, index / 8, FakeModel().embed(image), (), grey))
        assert answers.carry(model, frames, frames.nearest(0), logits).unseen == unseen


def test_where_the_motion_between_was_seen_a_mask_is_carried_along_it() -> None:
    model, frames, history = cast(Sam3, FakeModel()), ClickableFrames(), History()
    for index in range(5):
        places = grid(32, 32) - np.array((8 / 128, 0), np.float32)
        step = Motion(index - 1, index, places, np.ones((32, 32), np.bool_))
        presented = Presented(index=index, scene=0, tracks=(), ahead=None, snapshot=None, motion=None, step=step)
        history.add(presented, index / 8, (128, 128))
        if index in (0, 4):
            frames.add(kept(("red", 20 + 8 * index, 40, 20), index=index))
    start = frames.nearest(0)
    unseen = [
        answers.carry(model, frames, start, square(10, 20, 10), path=path).unseen for path in (None, history.path(0))
    ]
    assert unseen == [1, 0]


def test_masks_that_wander_are_carried_by_the_picture_s_motion() -> None:
    """On every frame between such a model finds more than there was; with another one the mask grows."""
    world, sizes = [picture(("red", 40, 40, 20 + 4 * index)) for index in range(6)], []
    for steady in (None, 0.9):
        model, frames = FakeModel(), ClickableFrames()
        model.config = replace(model.config, steady=steady)
        for index, image in enumerate(world):
            frames.add(ClickableFrame(index, index / 8, model.embed(image), ()))
        start = frames.nearest(0)
        logits, _ = answers.answer(cast(Sam3, model), start, SegmentPrompt(box=Box(40, 40, 60, 60)))
        sizes.append(int((answers.carry(cast(Sam3, model), frames, start, logits).logits > 0).sum()))
    assert sizes[0] > 2 * sizes[1]


def test_what_a_model_shows_far_from_the_box_is_no_part_of_the_answer() -> None:
    model = FakeModel()
    real = model.segment

    def segment(embedding, objects, *, multimask=False):  # type: ignore[no-untyped-def]
        found = real(embedding, objects, multimask=multimask)
        found.logits[..., :2, :2] = 5.0
        return found

    model.segment = segment  # type: ignore[method-assign]
    frame = kept(("red", 60, 60, 30))
    logits, _ = answers.answer(cast(Sam3, model), frame, SegmentPrompt(box=Box(60, 60, 90, 90)))
    assert min(bounds(logits)[:2]) > 0.4


def test_a_mask_lost_on_the_way_stays_where_it_was_and_says_so() -> None:
    model, frames = cast(Sam3, FakeModel()), walk(8, gone=range(5, 8))
    start = frames.nearest(3)
    logits, _ = answers.answer(model, start, SegmentPrompt(points=(Point(5 + 24 + 5, 25),)))
    carried = answers.carry(model, frames, start, logits)
    assert carried.unseen == 3
    assert abs(bounds(carried.logits)[0] * 128 - (5 + 32)) <= 2


def test_the_way_to_the_present_has_a_bounded_number_of_steps() -> None:
    model = FakeModel()
    frames = ClickableFrames()
    for index in range(40):
        frames.add(kept(("red", 20, 20, 20), index=index))
    calls = []
    real = model.segment
    model.segment = lambda *a, **k: (calls.append(1), real(*a, **k))[1]  # type: ignore[method-assign, func-returns-value]
    answers.carry(cast(Sam3, model), frames, frames.nearest(0), square(10, 10, 10))
    assert len(calls) == DEFAULTS.most_hops


def test_a_finished_mask_can_be_a_mask_prompt() -> None:
    logits = answers.as_logits(shown(1, 20, 40, 32).mask, 64)
    assert torch.equal(logits > 0, square(10, 20, 16) > 0)
    assert logits.abs().max() == answers.MASK_LOGIT


def test_a_box_at_the_edge_of_the_picture_has_a_cell_too() -> None:
    assert int((answers.filled((0.995, 0.995, 1.0, 1.0), 96) > 0).sum()) == 1
