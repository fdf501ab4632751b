"""A weights file says by its keys which model it is of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tracker import WeightsError
from tracker.checkpoints import litetext_layout, mobileclip_layout, transformers_layout, weights
from tracker.checkpoints.finding import NANO_WEIGHTS
from tracker.checkpoints.layouts import Layout
from tracker.checkpoints.mobileclip_names import LITETEXT_POSITIONS
from tracker.checkpoints.recognition import recognise
from tracker.model.configs import ENTRIES, FULL, LITETEXT_S0, NANO, Entry, entry_named

PATH = Path("some.pt")
VIT_PATCHES = "detector.backbone.vision_backbone.trunk.patch_embed.proj.weight"


def empty(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


def marked(entry: Entry) -> dict[str, Tensor]:
    return {key: empty(*shape) for key, shape in entry.marks.items()}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_each_model_is_known_by_its_marks(entry: Entry) -> None:
    assert recognise(marked(entry) | {"detector.more": empty(1)}, PATH) is entry
    bare = {key.removeprefix("detector."): each for key, each in marked(entry).items()}
    assert recognise(bare, PATH) is entry


def test_nanos_own_file_is_nano() -> None:
    assert recognise(weights.read(NANO_WEIGHTS), NANO_WEIGHTS).config is NANO


@pytest.mark.parametrize(
    ("layout", "name", "sign"),
    [
        (transformers_layout, FULL.name, "tracker_neck.fpn"),
        (mobileclip_layout, LITETEXT_S0.name, "detector.x.encoder.positional_embedding.pos_embed.pos_embed"),
        (litetext_layout, LITETEXT_S0.name, LITETEXT_POSITIONS),
    ],
)
def test_other_layouts_are_known_by_the_same_marks(layout: Layout, name: str, sign: str) -> None:
    entry = entry_named(name)
    theirs = {sign: empty(1)}
    for key, each in marked(entry).items():
        theirs |= {named: empty(*shape) for named, shape in layout.shapes(key, each).items()}
    assert layout.is_theirs(theirs)
    assert recognise(theirs, PATH) is entry


@pytest.mark.parametrize("prefix", ["", "detector."])
def test_sam_3_1_is_known_and_refused_in_words(prefix: str) -> None:
    third = f"{prefix}backbone.vision_backbone.propagation_convs.0.conv_1x1.weight"
    with pytest.raises(WeightsError, match=r"some\.pt is of SAM 3\.1 Multiplex .* Take SAM 3's own sam3\.pt\.$"):
        recognise(marked(entry_named(FULL.name)) | {third: empty(1)}, PATH)


def test_keys_that_nobody_understands_are_listed() -> None:
    strange = {f"model.layers.{index}.weight": empty(1) for index in range(7)}
    with pytest.raises(WeightsError, match=r"no model that is known here: 7 not understood: .*layers\.0.* and 2 more$"):
        recognise(strange, PATH)
    with pytest.raises(WeightsError, match=r"1 not understood: other\.x; unlike \S+: .*\(9, 3, 16, 16\) instead of"):
        recognise({VIT_PATCHES: empty(9, 3, 16, 16), "other.x": empty(1)}, PATH)


def test_a_file_of_another_size_is_told_from_the_model_that_it_resembles() -> None:
    almost = marked(entry_named(FULL.name))
    almost[VIT_PATCHES] = empty(768, 3, 14, 14)
    with pytest.raises(WeightsError, match=r"unlike \S+: .* \(768, 3, 14, 14\) instead of"):
        recognise(almost, PATH)


def test_an_empty_file_is_no_model() -> None:
    with pytest.raises(WeightsError, match=r"some\.pt holds no tensors"):
        recognise({}, PATH)
