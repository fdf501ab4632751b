"""A map of keys: there and back, and nothing is lost or taken for something else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tracker import WeightsError
from tracker.checkpoints.keymap import How, KeyMap, Source, with_prefixes

MODULES = (("detector.blocks.#", "layers.#", (("attn.in_proj", "*_proj"), ("norm", "batchnorm"))),)
PARAMETERS = (
    ("detector.blocks.#.conv", "layers.#.conv.weight", How.PICTURE),
    ("detector.blocks.#.scale", "layers.#.scale", How.PICTURE),
    ("detector.blocks.#.wide", "layers.#.wide", How.PICTURE),
    ("detector.positions", "positions", How.POSITIONS),
    ("detector.angles", None, How.COMPUTED),
)
MAP = KeyMap(MODULES, PARAMETERS)
OURS = {
    "detector.blocks.0.attn.in_proj_weight": torch.randn(12, 4),
    "detector.blocks.0.norm.running_mean": torch.randn(4),
    "detector.blocks.1.conv": torch.randn(4, 1, 11),
    "detector.blocks.1.scale": torch.randn(4),
    "detector.blocks.1.wide": torch.randn(16, 4),
    "detector.positions": torch.randn(16, 4),
}


def test_there_and_back_it_is_the_same() -> None:
    there = MAP.to_theirs(OURS)
    assert {key: tuple(each.shape) for key, each in there.items()} == {
        **{f"layers.0.{part}_proj.weight": (4, 4) for part in "qkv"},
        "layers.0.batchnorm.running_mean": (4,),
        "layers.1.conv.weight": (4, 1, 1, 11),
        "layers.1.scale": (4, 1, 1),
        "layers.1.wide": (16, 4, 1, 1),
        "positions": (1, 1, 16, 4),
    }
    back = MAP.from_theirs(there, OURS)
    assert back.keys() == OURS.keys()
    assert all(torch.equal(each, OURS[key]) for key, each in back.items())


def test_what_does_not_fit_or_nobody_asks_for_keeps_its_name() -> None:
    found = {"positions": torch.ones(1, 1, 8, 4), "more": torch.ones(1)}
    assert MAP.from_theirs(found, OURS) == found


def test_a_tensor_under_the_name_of_another_layout_is_refused() -> None:
    """Beside the one under its right name, and alone."""
    stray: dict[str, Tensor] = {"detector.positions": OURS["detector.positions"]}
    for found in (stray, stray | MAP.to_theirs(OURS)):
        with pytest.raises(WeightsError, match=r"^1 unexpected, named as in another layout: detector\.positions$"):
            MAP.from_theirs(found, OURS)


def test_what_stands_in_no_table_is_unknown_or_the_same() -> None:
    assert MAP.source("detector.more") is None
    assert MAP.absent(["detector.angles", "detector.more"]) == {How.COMPUTED: ["detector.angles"]}
    with pytest.raises(KeyError, match="more"):
        MAP.to_theirs({"detector.more": torch.ones(1)})
    assert KeyMap(MODULES, PARAMETERS, rest=True).source("detector.more") == Source(How.SAME, ("detector.more",))


def test_upstreams_prefixes_are_put_where_they_lack() -> None:
    one = torch.ones(1)
    wanted = {"detector.backbone": one, "tracker.memory": one}
    assert with_prefixes({"backbone": one, "inst_interactive_predictor.model.memory": one}) == wanted
    assert with_prefixes(wanted) == wanted
