"""A map doubled and smoothed on the smaller map: the layers' own answers, to the edge."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tracker.model import winograd
from tracker.model.phases import Phases

INNER, MIDDLE, OUT = 16, 8, 6


def layers() -> nn.Sequential:
    """A doubling and a 3x3 convolution, with biases that an edge would show."""
    torch.manual_seed(0)
    chain = nn.Sequential(nn.ConvTranspose2d(INNER, MIDDLE, 2, 2), nn.Conv2d(MIDDLE, OUT, 3, padding=1))
    for name, weight in chain.named_parameters():
        if name.endswith("bias"):
            nn.init.uniform_(weight, 1, 2)
    return chain.requires_grad_(False)


def phases(chain: nn.Sequential) -> Phases:
    return Phases(*(weight.double() for weight in chain.parameters()))


def distance(found: Tensor, expected: Tensor) -> float:
    """The greatest difference, as a share of the greatest value."""
    return float((found.double() - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (2, 7), (6, 6), (5, 9)])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@torch.inference_mode()
def test_one_convolution_of_the_small_map_answers_as_the_layers_do(
    batch: int, size: tuple[int, int], order: torch.memory_format
) -> None:
    chain = layers()
    features = torch.randn(batch, INNER, *size).contiguous(memory_format=order)
    found = phases(chain)(features)
    expected = chain.double()(features.double())
    assert found.shape == expected.shape == (batch, OUT, 2 * size[0], 2 * size[1])
    assert distance(found, expected) <= 5e-7


@torch.inference_mode()
def test_the_small_map_takes_fewer_multiplications() -> None:
    chain = layers()
    features = torch.randn(1, INNER, 36, 36)
    counts = []
    for each in (chain, phases(chain)):
        with FlopCounterMode(display=False) as counter:
            each(features)
        counts.append(counter.get_total_flops())
        chain.float()
    assert counts[1] < 0.95 * counts[0]


@torch.inference_mode()
def test_many_channels_are_answered_the_same_by_fewer_products(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = layers()
    features = torch.randn(2, INNER, 7, 10)
    monkeypatch.setattr(winograd, "MANY", 1)
    ours = phases(chain)
    assert ours.sums is not None
    with FlopCounterMode(display=False) as fewer:
        found = ours(features)
    ours.sums = None
    with FlopCounterMode(display=False) as more:
        ours(features)
    assert fewer.get_total_flops() < 0.7 * more.get_total_flops()
    assert distance(found, chain.double()(features.double())) <= 1e-6


@torch.inference_mode()
def test_under_autocast_it_is_off_by_bf16s_own_rounding() -> None:
    chain = layers()
    features = torch.randn(2, INNER, 12, 11)
    with torch.autocast("cpu", torch.bfloat16):
        found = phases(chain)(features)
    assert found.dtype == torch.bfloat16
    assert distance(found, chain.double()(features.double())) <= 2**-7
