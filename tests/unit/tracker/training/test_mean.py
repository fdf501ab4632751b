"""The mean of weights at several times of training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tracker import WeightsError
from tracker.checkpoints import weights
from tracker.checkpoints.loading import load_model
from tracker.training import network
from tracker.training.mean import main, mean


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "before.safetensors", tmp_path / "after.safetensors"]
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        weights.save(network.fresh(), path)
    return paths


def test_every_weight_lies_in_the_middle(two: list[Path]) -> None:
    states = []
    for path in two:
        model = network.fresh()
        weights.load(model, path)
        states.append(model.state_dict())
    between = mean(two).state_dict()
    for name, value in between.items():
        if value.is_floating_point():
            assert torch.allclose(value, (states[0][name] + states[1][name]) / 2), name
    assert any(not torch.equal(between[name], states[0][name]) for name in between)


def test_the_mean_of_one_is_itself(two: list[Path]) -> None:
    model = network.fresh()
    weights.load(model, two[0])
    alone = mean(two[:1]).state_dict()
    assert all(torch.equal(value, alone[name]) for name, value in model.state_dict().items())


def test_it_is_written_as_a_model(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["mean", *map(str, two), "--out", str(tmp_path / "mean.safetensors")])
    main()
    assert load_model("nano", checkpoint=tmp_path / "mean.safetensors").name == "nano"


def test_what_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.safetensors").write_bytes(b"none")
    with pytest.raises(WeightsError):
        mean([tmp_path / "none.safetensors"])
