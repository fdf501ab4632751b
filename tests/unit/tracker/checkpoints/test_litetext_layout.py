"""SAM3-LiteText in ``transformers``' layout, held against its own class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tests.support import needs, theirs
from tests.support.mobileclip import TINY_S0, TINY_S1
from tracker import Sam3, WeightsError
from tracker.checkpoints import litetext_layout, weights
from tracker.checkpoints.mobileclip_names import LITETEXT_POSITIONS
from tracker.model.configs import Ability, Config

DETECTOR = "detector_model."


def drawn(config: Config, seed: int) -> Sam3:
    model = Sam3(config, torch.device("cpu"))
    theirs.randomise(model.network, seed)
    return model


SMALL = replace(TINY_S0, text_vocabulary=256)  # nobody reads with it here


@pytest.fixture(scope="module")
def model() -> Sam3:
    return drawn(SMALL, 1)


@pytest.fixture(scope="module")
def other() -> Sam3:
    """Takes what a file has, or nothing."""
    return drawn(SMALL, 2)


@pytest.fixture
def checkpoint(model: Sam3) -> dict[str, Tensor]:
    return {key: each.clone() for key, each in theirs.checkpoint(model).items()}


@pytest.mark.parametrize("config", [TINY_S0, TINY_S1], ids=["s0", "s1"])
def test_each_key_of_the_detector_is_one_of_theirs_and_each_of_theirs_is_one_of_ours(config: Config) -> None:
    needs.transformers()
    with torch.device("meta"):
        expected = {DETECTOR + key: each.shape for key, each in theirs.litetext(config).state_dict().items()}
    ours = weights.upstream_keys(Sam3(config, torch.device("cpu")).network)
    found = {key: each.shape for key, each in litetext_layout.to_theirs(ours).items()}
    assert {key: shape for key, shape in found.items() if key.startswith(DETECTOR)} == expected
    assert all(key.startswith(("tracker_model.", "tracker_neck.")) for key in found.keys() - expected.keys())


@pytest.mark.parametrize("prefix", [DETECTOR, ""], ids=["with prefixes", "the detector without"])
def test_a_whole_model_is_loaded(other: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path, prefix: str) -> None:
    theirs.randomise(other.network, 3)
    named = {key.replace(DETECTOR, prefix): each.contiguous() for key, each in checkpoint.items()}
    safetensors.torch.save_file(named, tmp_path / "model.safetensors")
    weights.load(other.network, tmp_path)
    back = theirs.checkpoint(other)
    assert all(torch.equal(back[key], each) for key, each in checkpoint.items())


def test_what_their_own_save_writes_lacks_the_tracker_and_finds_by_words_alone(
    other: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path
) -> None:
    needs.transformers()
    theirs.litetext(SMALL, checkpoint).save_pretrained(tmp_path)
    assert weights.load(other.network, tmp_path) == {Ability.WORDS, Ability.EXEMPLARS}


@pytest.mark.parametrize("tokens", [8, 32, 77])
def test_a_file_for_another_context_is_refused_in_words(
    other: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path, tokens: int
) -> None:
    """Of 77 positions too: theirs would stretch the table, where the authors' code cuts it."""
    checkpoint[LITETEXT_POSITIONS] = torch.randn(1, 1, tokens, TINY_S0.text_width)
    safetensors.torch.save_file(
        {key: each.contiguous() for key, each in checkpoint.items()}, tmp_path / "model.safetensors"
    )
    with pytest.raises(WeightsError, match=f"was made for {tokens} tokens and this model reads 16: "):
        weights.load(other.network, tmp_path)
