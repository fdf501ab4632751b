"""The convolutional trunk: its sizes, and one convolution for three branches."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from tracker.model.conv_trunk import STRIDE, ConvTrunk, RepConv, fold


def _lived_in(module: torch.nn.Module) -> None:
    """Statistics and scales as they are after training, not the ones and zeros of the start."""
    for each in module.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            for tensor in (each.running_mean, each.bias):
                torch.nn.init.normal_(tensor, std=0.3)  # type: ignore[arg-type]
            for tensor in (each.running_var, each.weight):
                torch.nn.init.uniform_(tensor, 0.5, 2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(8, 8, 1), (8, 16, 1), (8, 8, 2)])
def test_branches_become_one_convolution_with_the_same_answer(inputs: int, outputs: int, stride: int) -> None:
    torch.manual_seed(0)
    block = RepConv(inputs, outputs, stride).eval()
    _lived_in(block)
    given = torch.randn(2, inputs, 9, 11)
    with torch.no_grad():
        before = block(given)
        fold(block)
        assert torch.allclose(block(given), before, atol=1e-5)
    assert [name for name, _ in block.named_parameters()] == ["folded.weight", "folded.bias"]


def test_a_folded_trunk_answers_the_same_and_may_be_folded_again() -> None:
    torch.manual_seed(0)
    trunk = ConvTrunk((8, 8, 16, 16, 32), (0, 1, 1, 1), 24).eval()
    _lived_in(trunk)
    pixels = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        (before,) = trunk(pixels)
        fold(trunk)
        fold(trunk)
        (after,) = trunk(pixels)
    assert before.shape == (1, trunk.channel_list[-1], 96 // STRIDE, 64 // STRIDE)
    assert torch.allclose(before, after, rtol=1e-3, atol=1e-3)


def test_what_does_not_learn_does_not_after_folding() -> None:
    block = RepConv(3, 4)
    block.requires_grad_(False)
    fold(block)
    assert not any(each.requires_grad for each in block.parameters())


ONE_STEP_BACK = """
import torch
from tracker.model.conv_trunk import RepConv

pixels = torch.randn(8, 3, 192, 192).contiguous(memory_format=torch.channels_last)
block = RepConv(3, 16, 2)
block(pixels).sum().backward()
assert block.one[0].weight.grad.isfinite().all()
"""


def test_it_learns_from_pictures_that_lie_channels_last_where_a_cpu_has_avx2_alone() -> None:
    """oneDNN's gradient of a 1x1 convolution with a stride takes the process down there."""
    narrow = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    learnt = subprocess.run([sys.executable, "-c", ONE_STEP_BACK], env=narrow, capture_output=True, text=True)
    assert learnt.returncode == 0, learnt.stderr
