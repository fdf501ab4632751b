"""A run of training: a step learns, and it goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tracker.checkpoints.loading import load_model
from tracker.training.data import Batch, make_batch
from tracker.training.recipe import MODEL, Recipe
from tracker.training.train import Run, learn, to_device


@pytest.fixture(scope="module")
def batch() -> Batch:
    return make_batch(np.random.default_rng(3), pictures=2, prompts=3, clicks=3)


def test_a_few_steps_on_one_batch_lower_its_loss(batch: Batch) -> None:
    run = Run(Recipe(warmup=1), Path("/nonexistent"), torch.device("cpu"))
    half = run.look_at(to_device(batch, run.device), 100.0)  # the run is at its beginning: half the side
    totals = [sum(run.learn(half, 0.5).values()) for _ in range(6)]
    assert totals[-1] < 0.8 * totals[0]
    assert run.step == 6


def test_a_run_saves_a_model_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    recipe = Recipe(pictures=1, prompts=2, clicks=2)
    run = Run(recipe, tmp_path, torch.device("cpu"))
    run.learn(run.look_at(make_batch(np.random.default_rng(5), 1, 2, 2), 100.0), 0.1)
    run.seconds = 12.0
    run.save()
    again = Run(recipe, tmp_path, torch.device("cpu"))
    assert again.step == 1 and again.seconds == 12.0
    restored = again.model.state_dict()
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, restored[name]), name
    assert load_model(MODEL.name, checkpoint=tmp_path / "nano.safetensors").name == MODEL.name


def test_the_rate_warms_up_and_is_let_down() -> None:
    run = Run(Recipe(), Path("/nonexistent"), torch.device("cpu"))
    rates = []
    for run.step, run.seconds in ((0, 0.0), (500, 10.0), (900, 90.0), (999, 100.0)):
        rates.append(run.rate_share(100.0))
    assert rates[0] < rates[1] == 1
    assert rates[1] > rates[2] > rates[3] > 0


def test_the_trunk_learns_at_its_own_rate_and_so_does_all_while_names_alone_teach(batch: Batch) -> None:
    run = Run(Recipe(), Path("/nonexistent"), torch.device("cpu"))
    trunk, others = run.optimizer.param_groups
    assert {id(each) for each in trunk["params"]} == {
        id(each) for each in run.model.backbone.vision_backbone.trunk.parameters()
    }
    assert len(trunk["params"]) + len(others["params"]) == len(run.parameters)
    half = run.look_at(batch, 100.0)
    assert run.learn(half, 0.5, names_only=True).keys() == {"dense"}
    assert trunk["lr"] == others["lr"] == run.recipe.trunk_rate / 2
    assert run.learn(half, 0.5).keys() > {"dense", "extent", "align"}
    assert trunk["lr"] == run.recipe.trunk_rate / 2 and others["lr"] == run.recipe.rate / 2


def test_it_begins_with_dense_losses_at_half_the_side_and_ends_with_all_at_the_whole(batch: Batch) -> None:
    run = Run(Recipe(first=0.1, small=0.5), Path("/nonexistent"), torch.device("cpu"))
    seen = []
    for run.seconds in (5.0, 20.0, 60.0):
        losses = learn(run, batch, 100.0)
        seen.append((run.side, "mask" in losses, "dense" in losses))
    assert seen == [
        (MODEL.image_size // 2, False, True),
        (MODEL.image_size // 2, True, True),
        (MODEL.image_size, True, True),
    ]
