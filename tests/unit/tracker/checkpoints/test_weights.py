"""Weights files: written, read, checked; what is wrong with one is said by key or byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from tracker import WeightsError
from tracker.checkpoints import weights


class Small(nn.Module):
    """The two halves of a checkpoint: the detector's keys and the interactive head's."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.backbone = nn.Linear(width, 4)
        self.inst_interactive_predictor = nn.Module()
        self.inst_interactive_predictor.model = nn.Linear(4, 2)
        self.register_buffer("turns", torch.polar(torch.ones(2), torch.arange(2.0)))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    weights.save(Small(), path, torch.float32)
    return path


def upstream(model: nn.Module) -> dict[str, torch.Tensor]:
    """The model's weights under the keys of upstream's checkpoint."""
    prefix = "inst_interactive_predictor.model."
    return {
        f"tracker.{key.removeprefix(prefix)}" if key.startswith(prefix) else f"detector.{key}": value
        for key, value in model.state_dict().items()
    }


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(value, b.state_dict()[key]) for key, value in a.state_dict().items())


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model, other = Small(), Small()
    weights.save(model, tmp_path / "small.safetensors", torch.float32)
    weights.load(other, tmp_path / "small.safetensors")
    assert same(model, other)


def test_it_is_written_in_upstreams_layout(saved: Path) -> None:
    assert set(weights.read(saved)) == {
        *("detector.backbone.weight", "detector.backbone.bias", "detector.turns"),
        *("tracker.weight", "tracker.bias"),
    }


@pytest.mark.parametrize("wrap", [lambda state: {"model": state}, lambda state: state])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_upstreams_own_file_is_loaded(tmp_path: Path, wrap: Callable[[object], object], dtype: torch.dtype) -> None:
    model, other = Small(), Small()
    state = {key: value if value.is_complex() else value.to(dtype) for key, value in upstream(model).items()}
    torch.save(wrap(state), tmp_path / "sam3.pt")
    told: list[str] = []
    weights.load(other, tmp_path / "sam3.pt", told.append)
    assert all(torch.allclose(value, other.state_dict()[key], atol=1e-2) for key, value in model.state_dict().items())
    assert str(tmp_path / "sam3.pt") in told[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("tracker.bias"), "1 missing: tracker.bias"),
        (lambda state: state.update({"detector.head": torch.ones(1)}), "1 unexpected: detector.head"),
        (
            lambda state: state.update({"detector.backbone.weight": torch.ones(4, 9)}),
            r"1 of the wrong shape: detector.backbone.weight \(4, 9\) instead of \(4, 3\)",
        ),
        (lambda state: state.update({"tracker.weight": torch.full((2, 4), torch.nan)}), "1 not finite: tracker.weight"),
        (lambda state: state.update({str(place): torch.ones(1) for place in range(9)}), "unexpected: .* and 4 more"),
    ],
)
def test_every_key_is_accounted_for(tmp_path: Path, change: Callable[[object], object], says: str) -> None:
    model = Small()
    state = upstream(model)
    change(state)
    safetensors.torch.save_file(state, tmp_path / "other.safetensors")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match=says):
        weights.load(model, tmp_path / "other.safetensors")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x41
    path.write_bytes(data)


def test_a_changed_byte_is_found_and_its_tensor_named(saved: Path) -> None:
    flip(saved, -3)
    with pytest.raises(WeightsError, match=r"is damaged: 1 checksum wrong: (detector|tracker)"):
        weights.read(saved)


def test_a_cut_file_says_where_it_ends(saved: Path) -> None:
    whole = saved.read_bytes()
    for length, says in ((len(whole) - 7, f"promises {len(whole)}"), (30, "cut short"), (3, "cut short"), (0, "cut")):
        saved.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=says):
            weights.read(saved)


def test_a_damaged_header_is_said(saved: Path) -> None:
    flip(saved, 8)
    with pytest.raises(WeightsError, match=r"bytes 8 to .* header"):
        weights.read(saved)


def test_a_damaged_torch_file_names_the_part_and_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "sam3.pt"
    state = upstream(Small()) | {"detector.large": torch.arange(5000.0)}
    torch.save({"model": state}, path)
    flip(path, path.read_bytes().index(torch.arange(2000.0, 2001.0).numpy().tobytes()))
    with pytest.raises(WeightsError, match=r"is damaged: .*/data/\d+, about bytes \d+ to \d+"):
        weights.read(path)


def test_a_cut_torch_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "sam3.pt"
    torch.save(upstream(Small()), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(WeightsError, match="cut short, damaged or no torch file"):
        weights.read(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"<!doctype html><p>Sign in", b"\x00" * 100])
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "a"])
def test_what_is_no_weights_file_is_refused(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=str(tmp_path / name)):
        weights.read(tmp_path / name)


def test_code_in_a_torch_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"model": Path("x")}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError):
        weights.read(tmp_path / "evil.pt")


def test_a_torch_file_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="no dictionary of tensors"):
        weights.read(tmp_path / "other.pt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pt is not a file"):
        weights.read(tmp_path / "none.pt")
