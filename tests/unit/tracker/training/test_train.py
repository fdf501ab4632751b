"""The recipe: batches are right about their pictures, a step learns, a run goes on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tracker.checkpoints.loading import load_model
from tracker.model.configs import NANO
from tracker.model.sam3 import Sam3
from tracker.model.vocabulary import WordTokenizer, unknown_words
from tracker.training import network
from tracker.training.data import FIRST_TRAINING_SEED, MASK_SIDE, Batch, make_batch
from tracker.training.evaluate import compare, evaluate
from tracker.training.losses import corners, detector_loss, interactive_loss, mask_loss, overlaps
from tracker.training.recipe import Recipe
from tracker.training.train import Run, to_device
from tracker.types import Box, Detection, Mask


@pytest.fixture(scope="module")
def batch() -> Batch:
    return make_batch(np.random.default_rng(3), pictures=2, prompts=3, clicks=3)


def test_words_become_ids_and_unknown_ones_are_known_as_such() -> None:
    tokenizer = WordTokenizer()
    assert torch.equal(tokenizer("a red circle", 8), tokenizer(["Red circles"], 8))
    assert not torch.equal(tokenizer("red circle", 8), tokenizer("blue circle", 8))
    assert tokenizer("person", 8)[0, 1] == WordTokenizer.unknown
    assert torch.equal(tokenizer("bunnies", 8), tokenizer("rabbit", 8))
    assert tokenizer(" ".join(["red"] * 50), 8).shape == (1, 8)
    assert unknown_words("the red person, running") == ["person", "running"]


def test_a_batch_agrees_with_itself(batch: Batch) -> None:
    assert batch.images.shape == (2, 3, NANO.image_size, NANO.image_size)
    assert len(batch.texts) == len(batch.image_of_prompt) == len(batch.target_counts) == 6
    assert batch.target_counts.sum() == len(batch.target_boxes) == len(batch.target_masks)
    assert batch.target_masks.shape[1:] == (MASK_SIDE, MASK_SIDE)
    assert batch.points.shape == (6, 4, 2) and batch.point_labels.shape == (6, 4)
    assert torch.equal(batch.click_exists, batch.click_masks.flatten(1).sum(1) > 0)


def test_target_boxes_are_around_their_masks(batch: Batch) -> None:
    for box, mask in zip(corners(batch.target_boxes), batch.target_masks, strict=True):
        rows, columns = np.nonzero(mask.numpy() > 0)
        found = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / MASK_SIDE
        assert (found - box).abs().max() <= 1.5 / MASK_SIDE


def test_positive_points_lie_on_the_object() -> None:
    many = make_batch(np.random.default_rng(4), pictures=12, prompts=1, clicks=6)
    on, asked = 0, 0
    for points, labels, mask in zip(many.points, many.point_labels, many.click_masks, strict=True):
        for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True):
            if label == 1 and mask.any():
                asked += 1
                on += bool(mask[int(y * MASK_SIDE), int(x * MASK_SIDE)] > 0)
    assert asked > 10 and on == asked


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


def test_every_head_gets_a_gradient(batch: Batch) -> None:
    """What gets none is the memory follower's, and heads that only training with memory uses."""
    run = Run(Recipe(), Path("/nonexistent"), torch.device("cpu"))
    backbone = run.model.backbone.forward_image(batch.images)
    backbone |= run.model.backbone.forward_text(batch.texts, device=run.device)
    out = network.ground(run.model, backbone, batch)
    losses = detector_loss(out, batch, run.model.matcher, run.many_matcher)
    losses |= interactive_loss(*network.interact(run.model, backbone, batch), batch)
    torch.stack(list(losses.values())).sum().backward()
    taught = {
        name.split(".")[0]
        for name, value in run.model.named_parameters()
        if value.grad is not None and value.grad.any()
    }
    assert taught >= {"backbone", "geometry_encoder", "transformer", "segmentation_head", "dot_prod_scoring"}
    assert any("sam_mask_decoder" in name and value.grad is not None for name, value in run.model.named_parameters())


def test_a_few_steps_on_one_batch_lower_its_loss(batch: Batch) -> None:
    run = Run(Recipe(warmup=1), Path("/nonexistent"), torch.device("cpu"))
    totals = [sum(run.learn(to_device(batch, run.device), 3e-4).values()) for _ in range(6)]
    assert totals[-1] < 0.8 * totals[0]
    assert run.step == 6


def test_a_run_saves_a_model_and_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    recipe = Recipe(pictures=1, prompts=2, clicks=2)
    run = Run(recipe, tmp_path, torch.device("cpu"))
    run.learn(make_batch(np.random.default_rng(5), 1, 2, 2), 1e-4)
    run.seconds = 12.0
    run.save()
    again = Run(recipe, tmp_path, torch.device("cpu"))
    assert again.step == 1 and again.seconds == 12.0
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    assert load_model("nano", checkpoint=tmp_path / "nano.safetensors").name == "nano"


def test_the_rate_warms_up_and_is_let_down() -> None:
    run = Run(Recipe(), Path("/nonexistent"), torch.device("cpu"))
    rates = []
    for run.step, run.seconds in ((0, 0.0), (500, 10.0), (900, 90.0), (999, 100.0)):
        rates.append(run.rate(100.0))
    assert rates[0] < rates[1] == run.recipe.rate
    assert rates[1] > rates[2] > rates[3] > 0


def test_evaluation_refuses_seeds_that_were_trained_on() -> None:
    with pytest.raises(ValueError, match="trained on"):
        evaluate(Sam3.untrained(), 1, FIRST_TRAINING_SEED)


def test_evaluation_counts_hits_alarms_and_crumbs() -> None:
    def square(x: int) -> np.ndarray:
        mask = np.zeros((40, 40), bool)
        mask[10:20, x : x + 10] = True
        return mask

    def detection(x: int) -> Detection:
        return Detection(0, 0.9, Box(x, 10, x + 10, 20), Mask.from_dense(square(x)))

    hits, alarms, ious = compare([detection(0), detection(25)], [square(1)], [])
    assert (hits, alarms) == (1, 1) and ious == [pytest.approx(9 / 11)]
    assert compare([detection(25)], [], [square(25)])[:2] == (0, 0)
    assert compare([], [square(1)], []) == (0, 0, [])


def test_an_untrained_model_evaluates_badly_but_fairly() -> None:
    figures = evaluate(Sam3.untrained(), 2).figures()
    assert json.loads(json.dumps(figures)) == figures
    assert all(0 <= value <= 1 for value in figures.values()) and figures["F1 @ IoU 0.5"] < 0.3
