"""The published files with MobileCLIP's text encoder: every key has its place, and such a file is loaded."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support import mobileclip, theirs
from tests.support.agreement import TINY
from tests.support.mobileclip import PREFIX, TINY_S0
from tracker import Sam3, WeightsError
from tracker.checkpoints import mobileclip_layout, weights
from tracker.model.network import build
from tracker.model.text import text_encoder

POSITIONS = f"{PREFIX}encoder.positional_embedding.pos_embed.pos_embed"
SCALE = f"{PREFIX}encoder.transformer.0.layer_scale"


SMALL = replace(TINY_S0, text_vocabulary=256)  # nobody reads with it here


def drawn(seed: int) -> Sam3:
    model = Sam3(SMALL, torch.device("cpu"))
    theirs.randomise(model.network, seed)
    return model


@pytest.fixture(scope="module")
def model() -> Sam3:
    return drawn(1)


@pytest.fixture(scope="module")
def other() -> Sam3:
    """Takes what a file has, or nothing."""
    return drawn(2)


@pytest.fixture
def checkpoint(model: Sam3) -> dict[str, Tensor]:
    """A published file's tensors."""
    return {
        key: each.clone() for key, each in mobileclip_layout.to_theirs(weights.upstream_keys(model.network)).items()
    }


def same(a: Sam3, b: Sam3) -> bool:
    first, second = a.network.state_dict(), b.network.state_dict()
    return all(torch.equal(each, second[key]) for key, each in first.items())


@pytest.mark.parametrize(("size", "config"), mobileclip.PUBLISHED.items(), ids=mobileclip.PUBLISHED)
def test_every_key_of_the_text_encoder_is_one_of_theirs_with_its_shape(size: str, config: Any) -> None:
    with torch.device("meta"):
        ours = {PREFIX + key: each for key, each in text_encoder(config).state_dict().items()}
    found = {key: tuple(each.shape) for key, each in mobileclip_layout.to_theirs(ours).items()}
    assert found == mobileclip.published(size)
    back = mobileclip_layout.from_theirs(mobileclip_layout.to_theirs(ours), ours)
    assert {key: each.shape for key, each in back.items()} == {key: each.shape for key, each in ours.items()}


def test_a_file_of_the_smallest_has_as_many_tensors_as_the_published_one() -> None:
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        linspace = torch.linspace  # the trunk reads numbers out of one small tensor while it is built
        patch.setattr(torch, "linspace", lambda *args: linspace(*args, device="cpu"))
        ours = weights.upstream_keys(build(mobileclip.PUBLISHED["s0"]))
    assert len(mobileclip_layout.to_theirs(ours)) == 1281


def test_all_else_is_named_as_upstreams(model: Sam3, checkpoint: dict[str, Tensor]) -> None:
    def rest(keys: Any) -> set[str]:
        return {key for key in keys if not key.startswith(PREFIX)}

    assert rest(checkpoint) == rest(weights.upstream_keys(model.network))


@pytest.mark.parametrize(
    "named",
    [
        lambda key: key,
        lambda key: key.removeprefix("detector.").replace("tracker.", "inst_interactive_predictor.model."),
        lambda key: key.replace("language_backbone.", "language_backbone.student_trunk."),
    ],
    ids=["as published", "without prefixes", "as in training"],
)
def test_a_file_is_loaded(model: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path, named: Any) -> None:
    torch.save({"model": {named(key): each for key, each in checkpoint.items()}}, tmp_path / "litetext.pt")
    other = drawn(2)
    assert not same(other, model)
    weights.load(other.network, tmp_path / "litetext.pt")
    assert same(other, model)


def test_of_the_77_positions_that_clip_had_the_first_are_taken(
    model: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path
) -> None:
    checkpoint[POSITIONS] = torch.cat([checkpoint[POSITIONS], torch.randn(1, 1, 61, TINY_S0.text_width)], 2)
    torch.save(checkpoint, tmp_path / "litetext.pt")
    other = drawn(2)
    weights.load(other.network, tmp_path / "litetext.pt")
    assert same(other, model)


@pytest.mark.parametrize("tokens", [8, 32])
def test_a_file_for_another_context_is_refused_in_words(
    other: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path, tokens: int
) -> None:
    checkpoint[POSITIONS] = torch.randn(1, 1, tokens, TINY_S0.text_width)
    torch.save(checkpoint, tmp_path / "litetext.pt")
    with pytest.raises(WeightsError, match=f"litetext.pt .*was made for {tokens} tokens and this model reads 16: "):
        weights.load(other.network, tmp_path / "litetext.pt")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop(SCALE), f"1 missing: {re.escape(SCALE)}$"),
        (lambda state: state.update({f"{PREFIX}more": torch.ones(1)}), f"1 unexpected: {re.escape(PREFIX)}more$"),
        (lambda state: state.update({SCALE: torch.ones(64)}), r"shape: .* \(64,\) instead of \(64, 1, 1\)$"),
        (lambda state: state.update({POSITIONS: torch.ones(1, 1, 16, 8)}), r"of the wrong shape: .*\(1, 1, 16, 64\)$"),
        (lambda state: state.update({f"{PREFIX}resizer.bias": torch.ones(128)}), "1 unexpected, .*resizer.bias$"),
        (lambda state: state.update({SCALE: torch.full((64, 1, 1), torch.nan)}), "1 not finite"),
    ],
    ids=["missing", "unexpected", "misshapen", "narrow positions", "named twice", "not finite"],
)  # fmt: skip
def test_every_key_is_accounted_for(
    other: Sam3, checkpoint: dict[str, Tensor], tmp_path: Path, change: Any, says: str
) -> None:
    change(checkpoint)
    torch.save(checkpoint, tmp_path / "litetext.pt")
    before = {key: each.clone() for key, each in other.network.state_dict().items()}
    with pytest.raises(WeightsError, match=says):
        weights.load(other.network, tmp_path / "litetext.pt")
    assert all(torch.equal(each, before[key]) for key, each in other.network.state_dict().items())


def test_a_file_with_clips_text_encoder_is_refused(other: Sam3, tmp_path: Path) -> None:
    """SAM 3's own weights in a model that reads with MobileCLIP."""
    torch.save(weights.upstream_keys(Sam3(TINY, torch.device("cpu")).network), tmp_path / "sam3.pt")
    with pytest.raises(WeightsError, match=r"\d+ missing: .*resblocks\.0\.inner"):
        weights.load(other.network, tmp_path / "sam3.pt")
