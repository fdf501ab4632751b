"""The network is built from the wheel's classes, with upstream's names, at both sizes."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.support.vit import VIT
from tracker.model import compat
from tracker.model.configs import FULL, NANO, Config
from tracker.model.network import build
from tracker.model.text import BPE_VOCABULARY
from tracker.model.vocabulary import WordTokenizer


def test_nano_is_built_whole_and_finite() -> None:
    """Upstream leaves two parameters of the text encoder uninitialised."""
    model = build(NANO, WordTokenizer())
    assert all(value.isfinite().all() for value in model.state_dict().values() if value.is_floating_point())
    assert 2e6 < sum(parameter.numel() for parameter in model.parameters()) < 8e6  # 16 MB of fp16


@pytest.mark.parametrize("config", [NANO, VIT], ids=lambda config: config.name)
def test_a_picture_gives_features_for_detector_and_clicks(config: Config) -> None:
    model = build(config, WordTokenizer())
    with torch.inference_mode():
        features = model.backbone.forward_image(torch.zeros(1, 3, config.image_size, config.image_size))
    sides = [level.shape[-1] for level in features["backbone_fpn"]]
    assert sides == [config.grid * 4, config.grid * 2, config.grid]
    assert [level.shape[-1] for level in features["sam2_backbone_out"]["backbone_fpn"]] == sides


def test_names_and_shapes_are_upstreams_at_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the wheel's own builder, on the meta device so that it costs no memory."""
    from sam3 import model_builder

    # The trunk reads numbers out of one small tensor while it is built.
    linspace = torch.linspace
    monkeypatch.setattr(torch, "linspace", lambda *args: linspace(*args, device="cpu"))
    # The wheel precomputes encodings and coordinates on device="cuda".
    sine, decoder = model_builder.PositionEmbeddingSine, model_builder.TransformerDecoder
    monkeypatch.setattr(
        model_builder, "PositionEmbeddingSine", lambda **kw: sine(**kw | {"precompute_resolution": None})
    )
    monkeypatch.setattr(
        model_builder, "TransformerDecoder", lambda **kw: decoder(**kw | {"resolution": None, "stride": None})
    )
    with torch.device("meta"):
        ours = build(FULL)
        theirs = model_builder.build_sam3_image_model(
            bpe_path=str(BPE_VOCABULARY), device="cpu", load_from_HF=False, enable_inst_interactivity=True
        )
    compat.leave_autocast(theirs.inst_interactive_predictor.model)
    assert shapes(ours) == shapes(theirs)


def shapes(model: torch.nn.Module) -> dict[str, torch.Size]:
    """The shape of everything a checkpoint of ``model`` holds."""
    return {key: value.shape for key, value in model.state_dict().items()}


def test_a_config_of_another_size_is_honoured() -> None:
    small = dataclasses.replace(VIT, vit_depth=2, vit_global_blocks=(1,), queries=9)
    model = build(small, WordTokenizer())
    assert model.transformer.decoder.query_embed.weight.shape[0] == 9
    assert len(model.backbone.vision_backbone.trunk.blocks) == 2
