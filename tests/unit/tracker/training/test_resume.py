"""A run goes on from its weights alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tracker.training.recipe import Recipe
from tracker.training.resume import resume
from tracker.training.train import Run


def test_a_run_goes_on_from_its_weights_after_the_time_they_took(tmp_path: Path) -> None:
    recipe, cpu = Recipe(), torch.device("cpu")
    (tmp_path / "first").mkdir()
    first = Run(recipe, tmp_path / "first", cpu)
    with torch.no_grad():
        for value in first.kept.values():
            value.add_(1) if value.is_floating_point() else None
    first.save()
    resume(recipe, tmp_path / "first" / "nano.safetensors", 7.5, tmp_path / "second")
    second = Run(recipe, tmp_path / "second", cpu)
    assert (second.seconds, second.step) == (450.0, 0)
    begun = second.model.state_dict()
    for name, value in first.kept.items():
        assert torch.allclose(begun[name], value, atol=2e-3), name
        assert torch.allclose(second.kept[name], value, atol=2e-3), name


def test_a_state_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "state.pt").touch()
    with pytest.raises(FileExistsError, match="holds the state of a run"):
        resume(Recipe(), tmp_path / "nano.safetensors", 1, tmp_path)
