"""Convolutions that follow each other without a bend are one; upstream itself is asked in test_backbone.py."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tracker.model.neck import Level, Neck


def chain(inner: int, outer: int, out: int | None) -> tuple[nn.Sequential, nn.Conv2d | None]:
    """A 1x1 and a 3x3 convolution, and what may follow."""
    torch.manual_seed(inner)
    return nn.Sequential(nn.Conv2d(inner, outer, 1), nn.Conv2d(outer, outer, 3, padding=1)), (
        nn.Conv2d(outer, out, 1) if out else None
    )


# Where the first narrows, its product with the second is more work than both: it stays as it is.
@pytest.mark.parametrize(("inner", "outer", "out"), [(4, 8, 2), (4, 8, None), (32, 8, None), (32, 8, 2)])
@torch.inference_mode()
def test_one_convolution_answers_as_the_chain_does_to_the_edge(inner: int, outer: int, out: int | None) -> None:
    layers, head = chain(inner, outer, out)
    features = torch.randn(1, inner, 6, 5)
    expected: Tensor = layers(features)
    expected = head(expected) if head is not None else expected
    with FlopCounterMode(display=False) as counter:
        found = Level(layers, head)(features)
    assert torch.allclose(found, expected, atol=1e-5)
    with FlopCounterMode(display=False) as theirs:
        layers(features)
    assert out is None or counter.get_total_flops() < theirs.get_total_flops()


@torch.inference_mode()
def test_under_autocast_the_weights_product_is_rounded_once() -> None:
    layers, head = chain(16, 16, 4)
    features = torch.randn(1, 16, 12, 12)
    expected = head(layers(features)) if head is not None else features
    with torch.autocast("cpu", torch.bfloat16):
        theirs = head(layers(features)) if head is not None else features
        ours = Level(layers, head)(features)
    assert float((ours - expected).abs().mean()) <= 1.1 * float((theirs - expected).abs().mean())


def test_the_coarsest_level_which_nobody_reads_is_not_made() -> None:
    levels = [nn.Sequential(nn.Conv2d(4, 8, 1), nn.Conv2d(8, 8, 3, padding=1)) for _ in range(4)]
    assert len(Neck(levels)(torch.zeros(1, 4, 4, 4))) == 3
