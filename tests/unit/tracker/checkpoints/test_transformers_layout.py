"""``transformers``' layout of a checkpoint: every key has its place, there and back, and such a file is loaded."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tests.support import needs, theirs
from tests.support.agreement import TINY
from tests.support.vit import VIT, built, untrained_vit
from tracker import Sam3, WeightsError
from tracker.checkpoints import transformers_layout, weights
from tracker.checkpoints.keymap import How
from tracker.checkpoints.transformers_names import TWICE
from tracker.model.configs import FULL, Ability, Config


def drawn(seed: int) -> Sam3:
    model = built()
    theirs.randomise(model.network, seed)
    return model


@pytest.fixture(scope="module")
def model() -> Sam3:
    return drawn(1)


@pytest.fixture
def checkpoint(model: Sam3) -> dict[str, Tensor]:
    return {key: each.clone() for key, each in theirs.checkpoint(model).items()}


def write(folder: Path, tensors: dict[str, Tensor], *, shards: int = 1) -> Path:
    """The files that ``save_pretrained`` writes."""
    if shards == 1:
        safetensors.torch.save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return folder
    names = [f"model-{place + 1:05}-of-{shards:05}.safetensors" for place in range(shards)]
    places = {key: names[place % shards] for place, key in enumerate(sorted(tensors))}
    for name in names:
        safetensors.torch.save_file({key: tensors[key] for key in tensors if places[key] == name}, folder / name)
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def same(a: Sam3, b: Sam3) -> bool:
    """Of all that theirs can hold."""
    ours = weights.upstream_keys(a.network)
    gone = {key for keys in transformers_layout.absent(ours).values() for key in keys} | {
        "detector.backbone.vision_backbone.trunk.pos_embed"
    }
    other = weights.upstream_keys(b.network)
    first, second = (each["detector.backbone.vision_backbone.trunk.pos_embed"][:, 1:] for each in (ours, other))
    return torch.equal(first, second) and all(torch.equal(ours[key], other[key]) for key in ours.keys() - gone)


# As many layers as the full-size model has, all of them narrow.
TALL = replace(
    FULL, name="tall", image_size=224, vit_pretrain_size=112, vit_dim=64, vit_heads=2, vit_mlp_ratio=4.0,
    dim=128, feedforward=128, text_width=64, text_heads=2, text_vocabulary=256,
)  # fmt: skip


@pytest.mark.parametrize("config", [TINY, TALL], ids=["tiny", "as deep as full size"])
def test_each_key_of_ours_is_one_of_theirs_and_each_of_theirs_is_one_of_ours(config: Config) -> None:
    """Against their own class, shapes too."""
    needs.transformers()
    with torch.device("meta"):
        expected = {key: each.shape for key, each in theirs.build(config).state_dict().items()}
    ours = weights.upstream_keys(Sam3(config, torch.device("cpu")).network)
    sources = {key: transformers_layout.source(key) for key in ours}
    assert not [key for key, place in sources.items() if place is None]
    named = Counter(name for place in sources.values() if place for name in place.keys)
    assert {name: count for name, count in named.items() if count > 1} == {
        "tracker_model.prompt_encoder.point_embed.weight": 4
    }
    assert named.keys() | TWICE.keys() == expected.keys()
    assert {key: each.shape for key, each in transformers_layout.to_theirs(ours).items()} == expected


def test_there_and_back_it_is_the_same(model: Sam3) -> None:
    ours = weights.upstream_keys(model.network)
    back = transformers_layout.from_theirs(transformers_layout.to_theirs(ours), ours)
    absent = transformers_layout.absent(ours)
    assert {how: len(keys) for how, keys in absent.items()} == {How.COMPUTED: VIT.vit_depth, How.UNUSED: 6}
    assert back.keys() == ours.keys() - {key for keys in absent.values() for key in keys}
    position = "detector.backbone.vision_backbone.trunk.pos_embed"
    assert torch.equal(back.pop(position)[:, 1:], ours[position][:, 1:])
    assert all(torch.equal(each, ours[key]) for key, each in back.items())


@pytest.mark.parametrize("shards", [1, 3])
def test_a_folder_is_loaded_and_what_it_leaves_out_is_said(
    model: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path, shards: int
) -> None:
    told: list[str] = []
    folder = write(tmp_path, checkpoint, shards=shards)
    loaded = built()
    weights.load(loaded.network, folder, told.append)
    assert same(loaded, model) and not same(loaded, drawn(2))
    assert any("leaves out 5 tensors" in each and "rotary angles" in each for each in told)
    assert any("leaves out 6 tensors" in each and "exemplar points" in each for each in told)


def test_a_file_of_it_and_an_index_may_be_named(model: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    one = write(tmp_path / "one", checkpoint) / "model.safetensors"
    many = write(tmp_path / "many", checkpoint, shards=2) / "model.safetensors.index.json"
    for path in (one, many):
        loaded = built()
        weights.load(loaded.network, path)
        assert same(loaded, model)


def test_what_their_own_save_writes_is_loaded(tmp_path: Path) -> None:
    """transformers 5.24 writes one prefix twice, and its own tracker then finds nothing."""
    needs.transformers()
    ours = Sam3(TINY, torch.device("cpu"))
    theirs.randomise(ours.network, 3)
    theirs.build(TINY, theirs.checkpoint(ours)).save_pretrained(tmp_path, max_shard_size="20MB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    other = Sam3(TINY, torch.device("cpu"))
    weights.load(other.network, tmp_path)
    assert same(other, ours)


def test_theirs_loads_what_is_written_in_its_layout(tmp_path: Path) -> None:
    needs.transformers()
    from transformers import Sam3Model, Sam3TrackerVideoModel

    ours = Sam3(TINY, torch.device("cpu"))
    theirs.randomise(ours.network, 4)
    checkpoint = theirs.checkpoint(ours)
    theirs.config(TINY).save_pretrained(tmp_path)
    write(tmp_path, checkpoint)
    kinds: list[tuple[Any, str]] = [(Sam3Model, "detector_model."), (Sam3TrackerVideoModel, "tracker_model.")]
    for kind, prefix in kinds:
        loaded, told = kind.from_pretrained(tmp_path, output_loading_info=True)
        assert not told["missing_keys"] and not told["mismatched_keys"]
        state = loaded.state_dict()
        assert all(torch.equal(state[key.removeprefix(prefix)], each) for key, each in checkpoint.items() if key.startswith(prefix))  # fmt: skip  # noqa: E501


QUERIES = "detector_model.detr_decoder.layers.0.self_attn.q_proj.bias"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop(QUERIES), f"1 missing: {re.escape(QUERIES)}$"),
        (lambda state: state.update({"tracker_model.more": torch.ones(1)}), "1 unexpected: tracker_model.more$"),
        (lambda state: state.update({QUERIES: torch.ones(7)}), r"1 of the wrong shape: .* \(7,\) instead of \(96,\)$"),
        (lambda state: state.update({QUERIES: torch.full((VIT.dim,), torch.nan)}), "1 not finite: detector"),
        (lambda state: state[next(iter(TWICE))].add_(1), f"1 unexpected: {re.escape(next(iter(TWICE)))}$"),
        (
            lambda state: state.update({"tracker_model.prompt_encoder.point_embed.weight": torch.ones(2, VIT.dim)}),
            r"1 of the wrong shape: .*point_embed.weight \(2, 96\) instead of \(4, 96\)$",
        ),
    ],
)  # fmt: skip
def test_every_key_of_theirs_is_accounted_for(
    checkpoint: dict[str, Tensor], tmp_path: Path, change: Any, says: str
) -> None:
    change(checkpoint)
    with pytest.raises(WeightsError, match=says):
        weights.load(untrained_vit().network, write(tmp_path, checkpoint))


def test_half_a_checkpoint_finds_by_words_alone(checkpoint: dict[str, Tensor], tmp_path: Path) -> None:
    detector = {key: each for key, each in checkpoint.items() if key.startswith("detector_model.")}
    assert weights.load(built().network, write(tmp_path, detector)) == {Ability.WORDS, Ability.EXEMPLARS}


def test_half_of_the_tracker_is_refused_by_what_it_lacks(checkpoint: dict[str, Tensor], tmp_path: Path) -> None:
    some = {key: each for key, each in checkpoint.items() if not key.startswith("tracker_model.mask_decoder")}
    with pytest.raises(WeightsError, match=r"missing: tracker_model\.mask_decoder.* and \d+ more$"):
        weights.load(untrained_vit().network, write(tmp_path, some))


def test_a_folder_with_no_weights_or_not_all_of_them_is_refused(checkpoint: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds none of model\.safetensors, .*index\.json, .* and sam3\.pt"):
        weights.read(tmp_path)
    write(tmp_path, checkpoint, shards=3)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"needs 3 files: 1 missing: model-00002-of-00003\.safetensors$"):
        weights.read(tmp_path)
    safetensors.torch.save_file({"a": torch.ones(1)}, tmp_path / "model-00002-of-00003.safetensors")
    with pytest.raises(WeightsError, match=r"promises more than its files hold: \d+ missing: "):
        weights.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", *(f'{{"weight_map": {some}}}' for some in ("{}", "[]", '{"a": "../b"}', '{"a": 1}'))],
)  # fmt: skip
def test_what_is_no_index_is_refused(tmp_path: Path, content: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(content)
    with pytest.raises(WeightsError, match="is damaged or no index of weights"):
        weights.read(index)


def test_an_index_that_names_itself_is_refused(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": index.name}}))
    with pytest.raises(WeightsError, match="names no files of its own folder"):
        weights.read(index)
