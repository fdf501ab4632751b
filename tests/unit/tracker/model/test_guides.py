"""Boxes and clicks are guided by masks, where the model learnt it so."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.models import SEED
from tests.support.vit import untrained_vit
from tracker import Box, Point, SegmentPrompt
from tracker.model import guides
from tracker.model.features import Segmentation
from tracker.model.sam3 import Sam3

SIZE = (80, 160)  # height and width of the picture


def cups() -> np.ndarray:
    """Three red cups on a grey table, the second touching a blue one: (96, 96, 3)."""
    picture = np.full((96, 96, 3), 120, np.uint8)
    picture[30:60, 10:25] = picture[30:60, 40:55] = picture[30:60, 70:85] = (200, 40, 30)
    picture[30:60, 55:62] = (30, 40, 200)
    return picture


def inside(*places: tuple[float, float]) -> np.ndarray:
    return np.array(places, np.float64).reshape(-1, 2) / 96


def test_the_ellipse_touches_the_sides_of_its_box() -> None:
    drawn = guides.ellipse((0.5, 0.5, 0.5, 0.25), 64)
    rows, columns = np.nonzero(drawn > 0)
    assert (columns.min(), columns.max() + 1) == (16, 48) and (rows.min(), rows.max() + 1) == (24, 40)
    assert abs((drawn > 0).mean() - np.pi / 4 * 0.5 * 0.25) < 0.01
    assert drawn.max() <= guides.HEIGHT and drawn.min() == -guides.HEIGHT
    assert drawn.dtype == np.float32


@pytest.mark.parametrize("box", [(0.3, 0.7, 0.0, 0.0), (0.3, 0.7, 0.001, 0.9), (1.5, 0.5, 0.2, 0.2)])
def test_a_box_without_area_or_outside_the_picture_is_an_ellipse_too(box: tuple[float, float, float, float]) -> None:
    drawn = guides.ellipse(box, 32)
    assert np.isfinite(drawn).all() and abs(drawn).max() <= guides.HEIGHT


def test_a_region_reaches_to_the_border_of_the_colour_that_was_clicked() -> None:
    found = guides.regions(cups(), inside((47, 45)), inside())
    assert len(found) == guides.CANDIDATES
    truth = np.zeros((96, 96), bool)
    truth[30:60, 40:55] = True
    first = found[0] > 0
    assert (first & truth).sum() / (first | truth).sum() > 0.8


def test_a_negative_click_takes_its_part_away() -> None:
    both = guides.regions(cups(), inside((47, 45), (58, 45)), inside())
    one = guides.regions(cups(), inside((47, 45)), inside((58, 45)))
    assert max((each[40:50, 56:61] > 0).mean() for each in both) == 1
    assert max((each[40:50, 56:61] > 0).mean() for each in one) == 0


@pytest.mark.parametrize("picture", [np.zeros((96, 96, 3), np.uint8), np.full((96, 96, 3), 255, np.uint8)])
def test_a_picture_of_one_colour_has_regions_too(picture: np.ndarray) -> None:
    found = guides.regions(picture, inside((0, 0), (400, -3)), inside((95, 95)))
    assert len(found) == guides.CANDIDATES and all(np.isfinite(each).all() for each in found)


def test_where_negative_clicks_leave_nothing_the_regions_are_empty() -> None:
    found = guides.regions(cups(), inside((47, 45)), inside((47, 45)))
    assert len(found) == guides.CANDIDATES and not any((each > 0).any() for each in found)


def test_a_box_is_drawn_and_what_has_no_box_or_has_logits_stays_as_it_is() -> None:
    before = torch.ones(16, 16)
    box = Box(40, 20, 120, 60)
    asked = [
        SegmentPrompt(box=box, points=(Point(80, 40),)),
        SegmentPrompt(points=(Point(80, 40),)),
        SegmentPrompt(box=box, logits=before),
    ]
    given = guides.with_boxes(asked, SIZE, 16)
    assert given[1:] == asked[1:]
    assert given[0].box == box and given[0].points == asked[0].points
    assert given[0].logits is not None
    assert (given[0].logits > 0).any(0).nonzero().flatten().tolist() == list(range(4, 12))
    assert (given[0].logits > 0).any(1).nonzero().flatten().tolist() == list(range(4, 12))


@pytest.fixture(scope="module")
def model() -> Sam3:
    plain = Sam3.untrained(seed=SEED)
    plain.config = dataclasses.replace(plain.config, one_piece=False)
    return plain


def test_only_a_model_that_learnt_it_keeps_the_picture(model: Sam3) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (384, 384, 3), np.uint8)
    kept = model.embed(picture).small
    assert kept is not None and kept.shape == (96, 96, 3)
    cells = picture.reshape(96, 4, 96, 4, 3).astype(float).mean((1, 3))
    assert abs(kept - cells).max() <= 1
    assert untrained_vit().embed(picture).small is None


def test_a_device_is_given_nearly_the_same_small_picture_made_by_the_host(model: Sam3) -> None:
    rows, columns = np.mgrid[:480, :640]
    image = np.stack([rows // 2, columns // 3, (rows + columns) // 5], -1).astype(np.uint8)
    kept = model.embed(image).small
    assert kept is not None
    assert np.abs(guides.shrunk(image, 96).astype(int) - kept).max() <= 2


def test_objects_asked_for_together_are_answered_as_alone(model: Sam3) -> None:
    embedding = model.embed(np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8))
    asked = [
        SegmentPrompt(points=(Point(30, 30),)),
        SegmentPrompt(box=Box(40, 20, 120, 60)),
        SegmentPrompt(points=(Point(90, 50), Point(20, 20, positive=False))),
        SegmentPrompt(points=(Point(90, 50, positive=False),)),
    ]
    for multimask, candidates in ((True, 3), (False, 1)):
        together = model.segment(embedding, asked, multimask=multimask)
        assert together.logits.shape[:2] == (4, candidates) and together.present.shape == (4,)
        for row, each in enumerate(asked):
            alone = model.segment(embedding, [each], multimask=multimask)
            assert torch.allclose(together.logits[row], alone.logits[0], atol=1e-4)
    assert not len(model.segment(embedding, []).logits)


def test_of_points_alone_every_region_is_decoded(model: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[SegmentPrompt] = []
    decode = model.segmenter.segment

    def watched(levels: Any, size: Any, objects: Any, *rest: Any, **more: Any) -> Segmentation:
        seen.extend(objects)
        return decode(levels, size, objects, *rest, **more)

    monkeypatch.setattr(model.segmenter, "segment", watched)
    embedding = model.embed(np.zeros((*SIZE, 3), np.uint8))
    asked = [SegmentPrompt(points=(Point(30, 30),)), SegmentPrompt(box=Box(40, 20, 120, 60))]
    model.segment(embedding, asked)
    assert [each.box is None for each in seen] == [False, True], "one answer: the clearest region alone"
    assert all(each.logits is not None for each in seen)
    seen.clear()
    model.segment(embedding, asked, multimask=True)
    assert [each.box is None for each in seen] == [False, True, True, True]
