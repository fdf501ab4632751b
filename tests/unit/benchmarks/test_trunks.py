"""The image encoders that nano might have: one face, equal answers when folded, and a recipe that teaches them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import trunks
from tracker.model.configs import NANO
from tracker.training.data import make_batch
from tracker.training.recipe import Recipe


@pytest.mark.parametrize("name", trunks.CANDIDATES)
def test_every_candidate_has_the_face_of_a_trunk(name: str) -> None:
    trunk = trunks.CANDIDATES[name]().eval()
    side = NANO.image_size
    with torch.inference_mode():
        *_, features = trunk(torch.zeros(1, 3, side, side))
    assert features.shape == (1, trunk.channel_list[-1], side // NANO.patch, side // NANO.patch)  # type: ignore[index]


def test_repvit_answers_the_same_when_folded() -> None:
    torch.manual_seed(0)
    trunk = trunks.RepVitTrunk((8, 16, 24, 32), (1, 2, 2, 1), 16)
    pixels = torch.randn(2, 3, 64, 64)
    trunk(pixels)  # batch normalisation has seen something
    trunk.eval()
    with torch.inference_mode():
        before = trunk(pixels)[-1]
        trunk.fold()
        after = trunk(pixels)[-1]
    assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in trunk.modules())
    assert torch.allclose(before, after, atol=1e-3 * float(before.abs().max()))


@pytest.mark.parametrize("name", trunks.CANDIDATES)
def test_the_recipe_teaches_a_candidate_which_then_serves(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunks, "RUNS", tmp_path)
    assert trunks.candidate(name)[1] is False  # nothing was taught
    (tmp_path / name).mkdir()
    run = trunks.TrunkRun(name, Recipe(warmup=1), tmp_path / name, torch.device("cpu"))
    first = next(iter(run.model.backbone.vision_backbone.trunk.parameters())).clone()
    batch = make_batch(np.random.default_rng(3), pictures=1, prompts=2, clicks=2)
    run.learn(run.look_at(batch, 100.0), 1.0)  # the first share: half the side
    assert not torch.equal(first, next(iter(run.model.backbone.vision_backbone.trunk.parameters())))
    run.save()  # at half the side
    run = trunks.TrunkRun(name, Recipe(warmup=1), tmp_path / name, torch.device("cpu"))
    assert run.step == 1
    run.seconds = 90.0
    assert all(np.isfinite(value) for value in run.learn(run.look_at(batch, 100.0), 1.0).values())
    run.save()
    model, taught = trunks.candidate(name)
    assert taught
    embedding = model.embed(np.zeros((48, 64, 3), np.uint8))
    assert embedding.interactive[2].shape[-1] == NANO.grid
