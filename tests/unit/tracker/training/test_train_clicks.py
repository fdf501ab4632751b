"""Clicks are taught for longer, and what follows by memory stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tracker.checkpoints import weights
from tracker.training import network
from tracker.training.data import BARE, make_batch
from tracker.training.recipe import Recipe
from tracker.training.train_clicks import ClicksRun, later

SHORT = Recipe(clicks_warmup=1, held_clips=1, frames=3, objects=2)


@pytest.fixture
def taught(tmp_path: Path) -> Path:
    """A folder with a model that was taught words for longer."""
    weights.save(network.fresh(), tmp_path / "nano-words.safetensors")
    return tmp_path


def test_the_mask_decoder_learns_and_nothing_else(taught: Path) -> None:
    run = ClicksRun(SHORT, taught, torch.device("cpu"), BARE)
    batch = make_batch(np.random.default_rng(3), pictures=2, prompts=0, clicks=2)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    first = run.learn(run.look_at(batch, 100.0), 1.0)
    assert first["held"] == pytest.approx(0, abs=1e-6) and first["click"] > 0
    assert "score" not in first, "no words are asked"
    assert run.learn(batch, 1.0)["held"] > first["held"]
    changed = {name for name, value in run.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all("sam_mask_decoder" in name and "conv_s" not in name for name in changed)


def test_it_goes_on_where_it_stopped_and_holds_to_the_same(taught: Path) -> None:
    run = ClicksRun(SHORT, taught, torch.device("cpu"), BARE)
    batch = make_batch(np.random.default_rng(5), pictures=1, prompts=1, clicks=2)
    for _ in range(2):
        run.learn(run.look_at(batch, 100.0), 1.0)
    run.save()
    again = ClicksRun(SHORT, taught, torch.device("cpu"), BARE)
    assert again.step == 2
    assert len(again.held) == len(run.held) > 0
    assert again.losses(batch, names_only=False)["held"].item() > 1e-5  # not held to what it has become
    assert (taught / "nano-clicks.safetensors").exists()


def test_the_whole_side_and_clicks_alone_from_the_start() -> None:
    recipe = later(Recipe())
    assert (recipe.first, recipe.easy, recipe.plain, recipe.small, recipe.prompts) == (0, 0, 0, 0, 0)
    assert (recipe.minutes, recipe.rate, recipe.alone) == (18, Recipe().clicks_rate, Recipe().clicks_alone)
