"""Weights in half precision give the answers that autocast gives, and take half the memory."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.support import theirs
from tests.support.mobileclip import TINY_S0
from tracker import Sam3
from tracker.model import precision
from tracker.model.configs import NANO


@pytest.fixture(scope="module", params=[NANO, TINY_S0], ids=["nano", "mobileclip"])
def model(request: pytest.FixtureRequest) -> Sam3:
    drawn = Sam3(request.param, torch.device("cpu"))
    theirs.randomise(drawn.network)
    return drawn


def test_a_halved_text_encoder_answers_as_autocast_does_and_reads_half_the_bytes(model: Sam3) -> None:
    """On a CPU, whose autocast casts the same weights; the device it is for has the same rule."""
    device = torch.device("cpu")
    whole = model.network.backbone.language_backbone
    half = copy.deepcopy(whole)
    network = torch.nn.Module()
    network.backbone = torch.nn.Module()
    network.backbone.language_backbone = half
    precision.halve_text(network, device)
    with torch.inference_mode():
        with torch.autocast("cpu", torch.bfloat16):
            expected = whole(["red circle"], device=device)[1]
        exact = whole(["red circle"], device=device)[1]
        found = half(["red circle"], device=device)[1]
    assert not torch.equal(exact.float(), expected.float())
    assert torch.nn.functional.cosine_similarity(found.float().flatten(), exact.flatten(), 0) > 0.999
    # The last layer, which maps to the network's width, is outside the encoder and stays in fp32.
    assert torch.allclose(found.float(), expected.float(), atol=2e-2)
    layers = half.encoder.transformer
    assert sum(each.nbytes for each in layers.parameters()) < 0.55 * sum(
        each.nbytes for each in whole.encoder.transformer.parameters()
    )
    norms = (torch.nn.LayerNorm, torch.nn.BatchNorm1d)
    kept = [each for module in layers.modules() if isinstance(module, norms) for each in module.parameters()]
    assert {each.dtype for each in kept} == {torch.float32}
    assert half.encoder.token_embedding.weight.dtype == torch.float32


def test_a_model_says_how_large_it_is(model: Sam3) -> None:
    count = sum(each.numel() for each in model.network.parameters())
    said = precision.describe(model.network)
    assert said.startswith(f"{count / 1e6:.1f} million parameters in fp32: ")
    assert said.endswith(" MB on cpu")
    layer = torch.nn.Sequential(torch.nn.Linear(999, 1000), torch.nn.Linear(1000, 999).bfloat16())
    assert precision.describe(layer) == "2.0 million parameters, 50% of them in half precision: 6 MB on cpu"
