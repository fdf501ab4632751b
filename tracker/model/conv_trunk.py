"""
A convolutional image encoder that learns from scratch in hours and sees small things: nano's.

3x3 convolutions as RepVGG has them (Ding et al. 2021): three branches while it learns, folded into one convolution
where it serves. :func:`tracker.model.network.build` takes any trunk with this face: ``channel_list``, whose last entry
is D, and a list of features whose last is (B, D, g, g), g being the picture's side over the patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracker.model.students import Student

STRIDE = 16  # pixels of a picture for one place of the features


class RepConv(nn.Module):
    """
    A 3x3 convolution with batch normalisation, a 1x1 one and, where shapes allow, the input itself, summed; then ReLU.

    :meth:`fold` makes one 3x3 convolution of them, which answers the same.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.three: Any = _normalised(inputs, outputs, 3, stride)
        self.one: Any = _normalised(inputs, outputs, 1, 1)
        self.same = nn.BatchNorm2d(inputs) if inputs == outputs and stride == 1 else None
        self.folded: nn.Conv2d | None = None

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        if self.folded is not None:
            return F.relu(self.folded(features))
        # One pixel in two is taken first: a 1x1 convolution with a stride over pixels that lie channels last takes the
        # process down on its way back where a CPU has AVX2 alone (oneDNN, torch 2.13).
        summed = self.three(features) + self.one(features[..., :: self.stride, :: self.stride])
        return F.relu(summed if self.same is None else summed + self.same(features))

    @torch.no_grad()
    def fold(self) -> None:
        """Become one convolution, by the statistics that batch normalisation has kept. The branches are dropped."""
        kernel, bias = _folded(self.three[0].weight, self.three[1])
        one, more = _folded(self.one[0].weight, self.one[1])
        kernel, bias = kernel + F.pad(one, (1, 1, 1, 1)), bias + more
        if self.same is not None:
            channels = self.same.num_features
            identity = torch.eye(channels, device=kernel.device).view(channels, channels, 1, 1)
            same, more = _folded(identity, self.same)
            kernel, bias = kernel + F.pad(same, (1, 1, 1, 1)), bias + more
        folded = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, self.stride, 1, device=kernel.device)
        folded.weight.copy_(kernel)
        folded.bias = nn.Parameter(bias)
        self.folded = folded.requires_grad_(self.three[0].weight.requires_grad)
        del self.three, self.one, self.same


class ConvTrunk(nn.Module):
    """
    Stages at strides 2, 4, 8, 16 and 32, of ``channels`` each; the last four have ``depths`` more layers than one.

    The answer lies at stride 16: its own stage, what stride 32 sees of the wider picture, and the edges of stride 8,
    folded into channels.
    """

    def __init__(self, channels: Sequence[int], depths: Sequence[int], dim: int) -> None:
        super().__init__()
        stem, quarter, eighth, sixteenth, wide = channels
        self.stem = RepConv(3, stem, 2)
        self.quarter = _stage(stem, quarter, depths[0])
        self.eighth = _stage(quarter, eighth, depths[1])
        self.sixteenth = _stage(eighth, sixteenth, depths[2])
        self.wide = _stage(sixteenth, wide, depths[3])
        self.edges = nn.Conv2d(eighth, eighth // 2, 1)
        self.join = nn.Conv2d(sixteenth + 4 * (eighth // 2), dim, 1)
        self.context = nn.Conv2d(wide, dim, 1)
        self.channel_list = [dim]

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """[(B, D, g, g)] from (B, 3, side, side) pixels, -1 to 1; ``side`` is a multiple of 32."""
        eighth = self.eighth(self.quarter(self.stem(pixels)))
        sixteenth = self.sixteenth(eighth)
        context = self.context(self.wide(sixteenth))
        edges = F.pixel_unshuffle(self.edges(eighth), 2)
        near = self.join(torch.cat([sixteenth, edges], 1))
        return [near + F.interpolate(context, near.shape[-2:], mode="bilinear", align_corners=False)]


def fold(module: nn.Module) -> None:
    """Fold every :class:`RepConv` and :class:`Student` in ``module``, in place: what serves is less work."""
    for each in list(module.modules()):
        if isinstance(each, Student) or (isinstance(each, RepConv) and each.folded is None):
            each.fold()


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    return nn.Sequential(RepConv(inputs, outputs, 2), *(RepConv(outputs, outputs) for _ in range(depth)))


def _normalised(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def _folded(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution and the batch normalisation after it."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return weight * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale
