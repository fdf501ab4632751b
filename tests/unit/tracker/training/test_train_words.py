"""Words are taught for longer, and what clicks and memory read stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tracker.checkpoints import weights
from tracker.training import network
from tracker.training.data import make_batch
from tracker.training.recipe import Recipe
from tracker.training.train_words import WordsRun, later


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that was taught to follow by memory."""
    out = tmp_path_factory.mktemp("runs")
    weights.save(network.fresh(), out / "nano-memory.safetensors")
    return out


def test_words_learn_and_what_clicks_and_memory_have_alone_does_not(taught: Path) -> None:
    run = WordsRun(Recipe(warmup=1), taught, torch.device("cpu"))
    batch = run.look_at(make_batch(np.random.default_rng(3), pictures=2, prompts=2, clicks=1), 100.0)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    first = run.learn(batch, 1.0)
    assert first["held"] == 0 and {"dense", "score", "presence"} < first.keys()
    assert "click" not in first
    second = run.learn(batch, 1.0)
    assert second["held"] > 0
    changed = {name for name, value in run.model.state_dict().items() if not torch.equal(value, before[name])}
    assert any("vision_backbone.trunk" in name for name in changed)
    assert any("transformer.decoder" in name for name in changed)
    assert not any("inst_interactive_predictor" in name or "running" in name for name in changed)


def test_it_goes_on_where_it_stopped_and_holds_to_the_same(taught: Path, tmp_path: Path) -> None:
    (tmp_path / "nano-memory.safetensors").write_bytes((taught / "nano-memory.safetensors").read_bytes())
    run = WordsRun(Recipe(warmup=1), tmp_path, torch.device("cpu"))
    batch = make_batch(np.random.default_rng(5), pictures=1, prompts=1, clicks=1)
    run.learn(run.look_at(batch, 100.0), 1.0)
    run.save()
    again = WordsRun(Recipe(), tmp_path, torch.device("cpu"))
    assert again.step == 1
    held = again.losses(again.look_at(batch, 100.0), names_only=False)["held"]
    assert held.item() > 0  # it is not held to what it has become
    assert (tmp_path / "nano-words.safetensors").exists() and not (tmp_path / "nano.safetensors").exists()


def test_nothing_is_taught_first_plainly_or_by_clicks() -> None:
    recipe = later(Recipe())
    assert (recipe.first, recipe.easy, recipe.clicks) == (0, 0, 1)
    assert recipe.minutes == Recipe().words_minutes
    assert recipe.rate == recipe.trunk_rate == Recipe().words_rate
