"""EfficientSAM3's files: every key has its place, as its authors' own classes name it, and such a file is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support import seeded
from tests.support.efficientsam3 import KINDS, digest, reference
from tracker import WeightsError
from tracker.checkpoints import efficientsam3_layout, weights
from tracker.checkpoints.efficientsam3_layout import TRUNK, theirs
from tracker.model.configs import Ability, config_named
from tracker.model.network import build
from tracker.model.students import Student

TEXT = "detector.backbone.language_backbone."
SMALL = replace(
    config_named("efficientsam3-ev"),
    image_size=112,
    vit_dim=16,
    dim=32,
    heads=2,
    feedforward=32,
    encoder_layers=1,
    decoder_layers=1,
    queries=4,
    geometry_layers=1,
    text_width=32,
    text_heads=2,
    text_layers=1,
    text_vocabulary=64,
    memory_layers=1,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_and_shape_in_the_image_encoder_is_one_of_theirs(kind: str) -> None:
    with torch.device("meta"):
        ours = Student(KINDS[kind]).state_dict()
    expected = reference(kind)["layout"]["image encoder"]
    found = {theirs(TRUNK + name): each for name, each in ours.items()}
    assert len(found) == len(ours) == expected["tensors"]
    assert digest(found) == expected["sha256"]


def test_every_name_and_shape_of_the_whole_is_one_of_theirs_and_fills_the_published_file() -> None:
    config = config_named("efficientsam3-ev")
    with torch.device("meta"):
        ours = weights.upstream_keys(build(config))
    found = efficientsam3_layout.to_theirs(ours)
    kept = reference(config.name)
    parts = {"image encoder": TRUNK, "text encoder": TEXT}
    for part, prefix in parts.items():
        some = {key: each for key, each in found.items() if key.startswith(prefix)}
        assert {"tensors": len(some), "sha256": digest(some)} == kept["layout"][part]
    rest = {key: each for key, each in found.items() if not key.startswith(tuple(parts.values()))}
    assert {"tensors": len(rest), "sha256": digest(rest)} == kept["layout"]["SAM 3's own"]
    size = 468_394_477  # bytes, of the file that its authors give out: nothing is missing in it, and little is beside
    assert kept["bytes"] == sum(each.numel() * each.element_size() for each in found.values())
    assert 0 < size - kept["bytes"] < 400 * len(found)  # torch writes about as much about a tensor


@pytest.mark.parametrize("key", ["tracker.obj_ptr_proj.layers.0.weight", f"{TRUNK}blocks.0.norm1.weight"])
def test_what_is_the_same_in_both_has_one_name(key: str) -> None:
    assert theirs(key) == key


@pytest.fixture(scope="module")
def model() -> nn.Module:
    made: nn.Module = build(SMALL)
    made.load_state_dict({key: seeded.tensor(key, each.shape, each.dtype) for key, each in made.state_dict().items()})
    return made


@pytest.fixture(scope="module")
def other() -> nn.Module:
    made: nn.Module = build(SMALL)
    return made


def trained(model: nn.Module) -> dict[str, Any]:
    """What its training writes: what it trained without a prefix, and elsewhere what it left as it was."""
    every = {key: each.clone() for key, each in efficientsam3_layout.to_theirs(weights.upstream_keys(model)).items()}
    kept = {key: each for key, each in every.items() if key.startswith("tracker.") or "sam2_convs" in key}
    own = {key.removeprefix("detector."): each for key, each in every.items() if key not in kept}
    state = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-4}]}
    return {"model": own, "optimizer": state, "epoch": 5, "preserved_base_model": kept, "preserved_base_note": "SAM 3"}


def test_a_file_of_its_training_is_loaded_with_what_it_keeps_elsewhere(
    model: nn.Module, other: nn.Module, tmp_path: Path
) -> None:
    torch.save(trained(model), tmp_path / "ev.pt")
    told: list[str] = []
    weights.load(other, tmp_path / "ev.pt", told.append)
    assert all(torch.equal(each, other.state_dict()[key]) for key, each in model.state_dict().items())
    assert any("under preserved_base…" in words for words in told)


def stripped(content: dict[str, Any]) -> None:
    kept = content["preserved_base_model"]
    content["preserved_base_model"] = {key.removeprefix("detector."): each for key, each in kept.items()}


def joined(content: dict[str, Any]) -> None:
    kept = content.pop("preserved_base_model")
    content["model"] = {f"detector.{key}": each for key, each in content["model"].items()} | kept


def older(content: dict[str, Any]) -> None:
    """What was trained counts where both have it."""
    key = "dot_prod_scoring.hs_proj.bias"
    content["preserved_base_model"][f"detector.{key}"] = content["model"][key] + 1


@pytest.mark.parametrize("change", [stripped, joined, older])
def test_other_ways_to_write_the_same_are_read_the_same(
    model: nn.Module, other: nn.Module, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    content = trained(model)
    change(content)
    torch.save(content, tmp_path / "ev.pt")
    weights.load(other, tmp_path / "ev.pt")
    assert all(torch.equal(each, other.state_dict()[key]) for key, each in model.state_dict().items())


def test_a_file_with_nothing_kept_elsewhere_finds_by_words_and_examples_alone(
    model: nn.Module, other: nn.Module, tmp_path: Path
) -> None:
    content = trained(model)
    del content["preserved_base_model"]
    torch.save(content, tmp_path / "ev.pt")
    told: list[str] = []
    assert weights.load(other, tmp_path / "ev.pt", told.append) == {Ability.WORDS, Ability.EXEMPLARS}
    assert any("no weights for clicks" in words for words in told)


STEM = f"{TRUNK}model.backbone.model.input_stem.op_list.0.conv.weight"


@pytest.mark.parametrize(
    ("lost", "more", "says"),
    [
        ("geometry_encoder", {}, r"missing: detector\.geometry_encoder\."),
        ("sam2_convs", {}, r"missing: detector\.\S*sam2_convs"),
        (STEM, {}, rf"1 missing: {STEM}$"),
        ("none", {STEM: torch.ones(2)}, rf"1 of the wrong shape: {STEM} \(2,\) instead of \(16, 3, 3, 3\)"),
        ("none", {f"{STEM}.more": torch.ones(2)}, rf"1 unexpected: {STEM}\.more$"),
        ("none", {STEM: torch.full((16, 3, 3, 3), torch.nan)}, r"1 not finite: .*stem\.in_conv\.conv\.weight"),
    ],
)
def test_a_file_that_lacks_what_the_model_promises_is_refused(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch, lost: str, more: dict[str, Tensor], says: str
) -> None:
    """One that was given out first had no geometry encoder, and its own code went on with random numbers."""
    every = efficientsam3_layout.to_theirs(weights.upstream_keys(model))
    content = {key: each for key, each in every.items() if lost not in key} | more
    monkeypatch.setattr(weights, "read", lambda *_: content)
    with pytest.raises(WeightsError, match=says):
        weights.load(model, Path("ev.pt"))
