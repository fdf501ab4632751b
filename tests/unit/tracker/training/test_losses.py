"""What training makes smaller."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tracker.training.data import make_batch
from tracker.training.losses import answers, corners, find_targets, mask_loss, overlaps, score_loss


def test_mask_loss_is_lowest_at_the_truth() -> None:
    truth = torch.zeros(1, 16, 16)
    truth[:, 4:9, 4:9] = 1
    right, wrong, empty = (
        mask_loss(logits, truth) for logits in ((truth * 2 - 1) * 9, -(truth * 2 - 1) * 9, truth * 0 - 9)
    )
    assert right < 0.01 < empty < wrong


def test_overlaps_of_known_boxes() -> None:
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
    b = torch.tensor([[1.0, 0.0, 3.0, 2.0], [3.0, 0.0, 4.0, 1.0]])
    iou, giou = overlaps(a, b)
    assert iou.tolist() == pytest.approx([1 / 3, 0.0])
    assert giou.tolist() == pytest.approx([1 / 3, -0.5])


def test_corners_of_a_box() -> None:
    assert corners(torch.tensor([[0.5, 0.4, 0.2, 0.4]]))[0].tolist() == pytest.approx([0.4, 0.2, 0.6, 0.6])


def test_scores_aim_at_the_quality_of_the_box_that_was_matched() -> None:
    prompt, query, iou = torch.tensor([0]), torch.tensor([1]), torch.tensor([0.81])

    def loss(matched: float, other: float) -> float:
        logits = torch.logit(torch.tensor([[other, matched, other]]))
        return float(score_loss(logits, prompt, query, iou))

    assert loss(0.9, 0.01) < loss(0.5, 0.01)
    assert loss(0.9, 0.01) < loss(0.9, 0.5)


def test_targets_are_padded_to_the_longest_answer() -> None:
    batch = make_batch(np.random.default_rng(8), pictures=2, prompts=3, clicks=1)
    targets = find_targets(batch)
    assert targets["num_boxes"].tolist() == batch.target_counts.tolist()
    assert targets["boxes_padded"].shape == (6, max(1, int(batch.target_counts.max())), 4)


def test_all_that_answers_a_prompt_is_one_mask() -> None:
    batch = make_batch(np.random.default_rng(8), pictures=2, prompts=3, clicks=1)
    joined = answers(batch)
    for row, masks in enumerate(batch.target_masks.split(batch.target_counts.tolist())):
        assert torch.equal(joined[row] > 0, masks.sum(0) > 0)
