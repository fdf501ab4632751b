"""Masks of clicks and boxes end where the picture has a border."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tests.support.models import SEED
from tracker import Box, Point, SegmentPrompt
from tracker.model.cuts import cut
from tracker.model.guides import HEIGHT
from tracker.model.sam3 import Sam3

SIDE = 48  # of masks; the picture has twice that
SIZE = (480, 960)  # height and width of the picture that people point at
CUP = Box(200.0, 120.0, 500.0, 300.0)  # in its pixels: columns 20 to 50 and rows 24 to 60 of 96


def picture() -> np.ndarray:
    """A noisy red cup on a noisy grey table, with another red thing far from it: (96, 96, 3)."""
    rng = np.random.default_rng(0)
    found = np.full((96, 96, 3), 120.0)
    found[24:60, 20:50] = found[70:90, 70:90] = (190, 50, 40)
    return np.clip(found + rng.normal(0, 8, found.shape), 0, 255).astype(np.uint8)


def logits(*boxes: tuple[int, int, int, int]) -> torch.Tensor:
    """One object's one mask, the rows and columns of ``boxes`` of it inside."""
    found = torch.full((1, 1, SIDE, SIDE), -HEIGHT)
    for top, bottom, left, right in boxes:
        found[..., top:bottom, left:right] = HEIGHT
    return found


def iou(found: torch.Tensor) -> float:
    truth = np.zeros((SIDE, SIDE), bool)
    truth[12:30, 10:25] = True
    mask = found[0, 0].numpy() > 0
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.parametrize("prompt", [SegmentPrompt(points=(Point(350, 200),)), SegmentPrompt(box=CUP)])
def test_a_mask_that_is_too_large_or_too_small_ends_at_the_border_of_the_thing(prompt: SegmentPrompt) -> None:
    for rough in (logits((9, 33, 7, 28)), logits((15, 27, 13, 22))):
        before = rough.clone()
        found = cut(rough, picture(), SIZE, [prompt])
        assert iou(found) > 0.9 > 0.7 > iou(rough)
        assert torch.equal(rough, before)
        assert torch.equal(found, cut(rough, picture(), SIZE, [prompt]))  # nothing of it is chance


def test_what_looks_the_same_far_away_is_no_part_of_it() -> None:
    found = cut(logits((9, 33, 7, 28)), picture(), SIZE, [SegmentPrompt(points=(Point(350, 200),))])
    assert not (found[0, 0, 34:, 34:] > 0).any()


def test_a_negative_click_is_outside_whatever_the_colours_say() -> None:
    asked = [SegmentPrompt(points=(Point(350, 200), Point(480, 280, positive=False)))]
    found = cut(logits((9, 33, 7, 28)), picture(), SIZE, asked)
    assert found[0, 0, 28, 24] < 0 < found[0, 0, 20, 17]


def test_masks_for_which_there_is_nothing_to_cut_stay() -> None:
    asked = [SegmentPrompt(points=(Point(350, 200),))]
    for rough in (logits(), logits((20, 22, 17, 19)), logits((0, SIDE, 0, SIDE))):
        assert torch.equal(cut(rough, picture(), SIZE, asked), rough)


def test_each_candidate_of_each_object_is_cut_by_itself() -> None:
    one, two = logits((9, 33, 7, 28)), logits((33, 47, 33, 47))
    asked = [SegmentPrompt(points=(Point(350, 200),)), SegmentPrompt(points=(Point(800, 400),))]
    both = cut(torch.cat([one, two]), picture(), SIZE, asked)
    assert torch.equal(both[:1], cut(one, picture(), SIZE, asked[:1]))
    assert torch.equal(both[1:], cut(two, picture(), SIZE, asked[1:]))
    many = cut(torch.cat([one, two], 1), picture(), SIZE, asked[:1])
    assert torch.equal(many[:, :1], both[:1])


def test_a_line_that_is_thinner_than_a_cell_is_no_reason_to_show_nothing() -> None:
    thin = np.full((96, 96, 3), 120, np.uint8)
    thin[20:80, 40:41] = (200, 30, 30)
    rough = logits((10, 40, 19, 21))
    found = cut(rough, thin, SIZE, [SegmentPrompt(box=Box(380, 100, 420, 400))])
    assert torch.equal(found, rough)


def test_the_best_masks_of_each_object_are_cut_and_only_of_a_model_that_is_to() -> None:
    model = Sam3.untrained("nano", seed=SEED)
    embedding = model.embed(np.kron(picture(), np.ones((2, 2, 1), np.uint8)))
    assert embedding.fine is not None and embedding.fine.shape == (2 * model.side, 2 * model.side, 3)
    asked = [SegmentPrompt(box=Box(20.0, 20.0, 120.0, 120.0)), SegmentPrompt(points=(Point(60, 80),))]
    found = model.segment(embedding, asked, multimask=True)
    one, all_of_them = (model.cut(embedding, asked, found, masks=masks) for masks in (1, 3))
    changed = [
        [not torch.equal(*both) for both in zip(a, b, strict=True)]
        for a, b in zip(found.logits, one.logits, strict=True)
    ]
    assert changed[0][0] and not any(each for some in changed for each in some[1:])
    assert torch.equal(one.logits[:, 0], all_of_them.logits[:, 0])
    assert not torch.equal(one.logits[0, 1], all_of_them.logits[0, 1])
    model.config = dataclasses.replace(model.config, cut=False)
    assert model.cut(embedding, asked, found) is found
