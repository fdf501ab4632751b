"""A 2x2 convolution by fewer products: torch's own answers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from tracker.model.winograd import conv2x2, pays, summed


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (6, 6), (7, 4), (5, 9)])
@torch.inference_mode()
def test_it_answers_as_the_convolution_does(batch: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    features, kernel, bias = torch.randn(batch, 8, *size), torch.randn(12, 8, 2, 2), torch.randn(12) + 3
    found = conv2x2(features.permute(0, 2, 3, 1), summed(kernel.double()).float(), bias).permute(0, 3, 1, 2)
    expected = F.conv2d(features.double(), kernel.double(), bias.double(), padding=1)
    assert found.shape == expected.shape
    assert float((found - expected).abs().max() / expected.abs().max()) <= 5e-7


@torch.inference_mode()
def test_it_takes_nine_products_for_sixteen() -> None:
    features, kernel, bias = torch.randn(1, 8, 71, 71), torch.randn(12, 8, 2, 2), torch.zeros(12)
    sums = summed(kernel)
    with FlopCounterMode(display=False) as sixteen:
        F.conv2d(features, kernel, bias, padding=1)
    with FlopCounterMode(display=False) as nine:
        conv2x2(features.permute(0, 2, 3, 1), sums, bias)
    assert nine.get_total_flops() / sixteen.get_total_flops() == pytest.approx(9 / 16)


def test_it_is_for_many_channels() -> None:
    assert pays(512, 1024)
    assert not pays(512, 128)
    assert not pays(96, 384)
