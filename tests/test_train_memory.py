"""The second part of the recipe follows objects through the product's own code, and teaches only what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tracker import load_model, weights
from tracker.nano import train_memory
from tracker.nano.config import NANO
from tracker.nano.data import BARE
from tracker.nano.network import fresh
from tracker.nano.recipe import RECIPES
from tracker.nano.train_memory import Lesson, Lessons, MemoryRun, draw_clip

SMOKE = RECIPES["smoke"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> MemoryRun:
    folder = tmp_path_factory.mktemp("run")
    weights.save(fresh(), folder / "nano.safetensors")
    return MemoryRun(SMOKE, folder, torch.device("cpu"))


def test_a_clip_starts_with_every_object_in_sight() -> None:
    pictures, truth = draw_clip(np.random.default_rng(1), SMOKE)
    assert len(pictures) == len(truth) == SMOKE.frames
    assert 1 <= truth.shape[1] <= SMOKE.objects
    assert truth[0].flatten(1).any(1).all()
    assert pictures[0].shape == (NANO.image_size, NANO.image_size, 3)


def test_a_step_teaches_memory_and_mask_decoder_only(run: MemoryRun) -> None:
    lesson: Lesson = next(iter(Lessons(SMOKE, 0, BARE)))
    before = {name: value.clone() for name, value in run.model.network.state_dict().items()}
    losses = run.learn(lesson, 1.0)
    assert losses["follow"] > 0
    assert losses["same"] > 0
    changed = {name for name, value in run.model.network.state_dict().items() if not torch.equal(value, before[name])}
    assert any("maskmem_backbone" in name for name in changed)
    assert any("model.transformer" in name for name in changed)
    assert not [name for name in changed if not name.startswith("inst_interactive_predictor.model.")]


def test_training_ends_on_time_and_writes_a_model(run: MemoryRun, capsys: pytest.CaptureFixture[str]) -> None:
    train_memory.train(run, minutes=0.001, supply=BARE)
    written = Path(run.out) / "nano-memory.safetensors"
    assert load_model("nano", checkpoint=written).name == "nano"
