"""Clicks, boxes and earlier masks against the wheel's own way of asking: the same network, the same answers."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.models import untrained
from tests.support.wheel import chw, image, upstream
from tracker import Box, Embedding, Point, Sam3, SegmentPrompt


@pytest.fixture(scope="module")
def model() -> Sam3:
    alone = copy.copy(untrained())
    alone.config = replace(alone.config, one_piece=False, guided=False)  # upstream's network, and no rule of ours
    return alone


@pytest.fixture(scope="module")
def embedding(model: Sam3) -> Embedding:
    return model.embed(image())


@pytest.mark.parametrize("multimask", [True, False])
def test_clicks_boxes_and_masks_are_answered_as_upstream_does(
    model: Sam3, embedding: Embedding, multimask: bool
) -> None:
    state = upstream(model).set_image(chw(image()))  # type: ignore[attr-defined]
    previous = torch.randn(model.side, model.side, generator=torch.Generator().manual_seed(3)) * 5
    asked: list[tuple[SegmentPrompt, dict[str, Any]]] = [
        (SegmentPrompt(points=(Point(30, 40),)), {"point_coords": [[30, 40]], "point_labels": [1]}),
        (
            SegmentPrompt(points=(Point(30, 40), Point(70, 20, False))),
            {"point_coords": [[30, 40], [70, 20]], "point_labels": [1, 0]},
        ),
        (SegmentPrompt(box=Box(10, 20, 90, 80)), {"box": [10, 20, 90, 80]}),
        (
            SegmentPrompt(points=(Point(30, 40),), box=Box(10, 20, 90, 80), logits=previous),
            {"point_coords": [[30, 40]], "point_labels": [1], "box": [10, 20, 90, 80], "mask_input": previous[None]},
        ),
        (SegmentPrompt(), {}),
    ]
    ours = model.segment(embedding, [prompt for prompt, _ in asked], multimask=multimask)
    for row, (_, question) in enumerate(asked):
        arrays = {key: np.asarray(value, np.float32) for key, value in question.items()}
        _, ious, logits = model.network.predict_inst(state, multimask_output=multimask, **arrays)
        order = np.argsort(-ious, kind="stable")
        assert np.allclose(ours.ious[row], ious[order], atol=1e-5)
        assert np.allclose(ours.logits[row], logits[order], atol=1e-4)


def test_many_objects_in_one_call_are_answered_as_each_alone(model: Sam3, embedding: Embedding) -> None:
    earlier = torch.randn(model.side, model.side, generator=torch.Generator().manual_seed(4)) * 5
    objects = [
        SegmentPrompt(box=Box(place, 10, place + 30, 60), logits=earlier if place % 3 else None)
        for place in range(model.speed.segment_batch + 4)
    ]
    objects += [SegmentPrompt(points=(Point(5, 5),)), SegmentPrompt(logits=earlier), SegmentPrompt()]
    together = model.segment(embedding, objects)
    for row, each in enumerate(objects):
        alone = model.segment(embedding, [each])
        assert torch.allclose(alone.logits[0], together.logits[row], atol=1e-4)
        assert torch.allclose(alone.present[0], together.present[row], atol=1e-5)
    assert len(model.segment(embedding, []).ious) == 0


def test_candidates_come_best_first_and_within_what_may_be_fed_back(model: Sam3, embedding: Embedding) -> None:
    found = model.segment(embedding, [SegmentPrompt(points=(Point(30, 40),))], multimask=True)
    assert found.logits.shape == (1, 3, model.side, model.side)
    assert found.ious[0].tolist() == sorted(found.ious[0].tolist(), reverse=True)
    assert found.logits.abs().max() <= 32
    assert 0 <= float(found.present) <= 1
