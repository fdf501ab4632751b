"""A run of training: a step learns, and it goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tracker.checkpoints.loading import load_model
from tracker.training.data import Batch, make_batch
from tracker.training.recipe import Recipe
from tracker.training.train import Run, to_device


@pytest.fixture(scope="module")
def batch() -> Batch:
    return make_batch(np.random.default_rng(3), pictures=2, prompts=3, clicks=3)


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
