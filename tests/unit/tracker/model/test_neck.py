"""Convolutions that follow each other without a bend are one; upstream itself is asked in test_backbone.py."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tracker.model.neck import Level, Neck, stretched
from tracker.model.phases import Phases


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


def doubled(inner: int, outer: int, *, twice: bool) -> list[nn.Module]:
    """Upstream's layers of a level of twice or four times the grid, from ``inner`` channels."""
    layers: list[nn.Module] = []
    if twice:
        layers, inner = [nn.ConvTranspose2d(inner, inner // 2, 2, 2), nn.GELU()], inner // 2
    layers += [nn.ConvTranspose2d(inner, inner // 2, 2, 2), nn.Conv2d(inner // 2, outer, 1)]
    return [*layers, nn.Conv2d(outer, outer, 3, padding=1)]


# Narrow answers come from the small map; where the middle is narrow and the answer is not, the small map is no gain.
@pytest.mark.parametrize(
    ("inner", "outer", "out", "small"), [(32, 16, 2, True), (32, 16, None, True), (64, 8, None, False)]
)
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
@torch.inference_mode()
def test_a_folded_level_answers_the_same_with_fewer_steps(
    inner: int, outer: int, out: int | None, small: bool, twice: bool, size: tuple[int, int]
) -> None:
    torch.manual_seed(inner)
    layers = doubled(2 * inner if twice else inner, outer, twice=twice)
    head = nn.Conv2d(outer, out, 1) if out else None
    features = torch.randn(2, 2 * inner if twice else inner, *size)
    level = Level(layers, head)
    with FlopCounterMode(display=False) as before:
        plain = level(features)
    level.fold()
    with FlopCounterMode(display=False) as after:
        folded = level(features)
    assert any(isinstance(each, Phases) for each in level.modules()) == small
    assert after.get_total_flops() < before.get_total_flops()
    chain = nn.Sequential(*layers, *([head] if head else [])).double()
    expected = chain(features.double())
    for found in (plain, folded):
        assert found.shape == expected.shape
        assert float((found - expected).abs().max() / expected.abs().max()) <= 1e-6


@pytest.mark.parametrize("outs", [(), (2, 4)])
@torch.inference_mode()
def test_a_small_map_is_stretched_behind_what_sees_one_place_at_a_time(outs: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    dim, outer, grid = 64, 16, 9
    levels = [doubled(dim, outer, twice=True), doubled(dim, outer, twice=False), chain(dim, outer, None)[0]]
    heads = [nn.Conv2d(outer, out, 1) for out in outs]
    small = torch.randn(2, dim, 4, 4)
    neck = Neck(levels, heads)
    large = stretched(small, grid)
    assert torch.equal(large, nn.functional.interpolate(small, (grid, grid), mode="bilinear"))
    counts, answers = [], []
    for folded, given in ((False, large), (False, small), (True, large), (True, small)):
        if folded:
            neck.fold(grid / 4)
        with FlopCounterMode(display=False) as counter:
            answers.append(neck(given, grid))
        counts.append(counter.get_total_flops())
    assert counts[3] < 0.9 * counts[2] < counts[1] == counts[0]
    for found in answers[1:]:
        for ours, expected in zip(found, answers[0], strict=True):
            assert float((ours - expected).abs().max() / expected.abs().max()) <= 2e-6
