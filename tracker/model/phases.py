"""
A map made twice as large and smoothed, computed on the smaller map.

A transposed 2x2 convolution with stride 2, a 1x1 and a 3x3 convolution after it are linear. So each of the four places
that a place of the smaller map becomes is a 2x2 convolution of the smaller map: four kernels ("phases") in one pass.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracker.model import winograd

# Along one side: phase, tap of the 3x3 kernel, tap of the phase's kernel that it falls on, and the half of that place.
_TAPS = ((0, 0, 0, 1), (0, 1, 1, 0), (0, 2, 1, 1), (1, 0, 0, 0), (1, 1, 0, 1), (1, 2, 1, 0))


class Phases(nn.Module):
    """
    A doubling and a 3x3 convolution with zeros beyond the edge, as one 2x2 convolution of four times the channels.

    ``enlarge`` (M, C, 2, 2) and ``shift`` (C,): weight and bias of the doubling; ``weight`` (O, C, 3, 3) and ``bias``
    (O,): of the convolution after it.
    """

    kernel: Tensor  # (4 O, M, 2, 2)
    sums: Tensor | None  # (9, M, 4 O)
    bias: Tensor  # (4 O,) inside the map
    beyond: Tensor  # (O, 3, 3) of the bias, what each tap adds: at the edge there is nothing for some of them to add

    def __init__(self, enlarge: Tensor, shift: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        kernel = weight.new_zeros(2, 2, len(weight), len(enlarge), 2, 2)
        for phase, tap, place, half in _TAPS:
            for across, column, beside, part in _TAPS:
                product = weight[:, :, tap, column] @ enlarge[:, :, half, part].T
                kernel[phase, across, :, :, place, beside] += product
        kernel, beyond = kernel.flatten(0, 2), torch.einsum("ocuv,c->ouv", weight, shift)
        pays = winograd.pays(len(enlarge), len(kernel))
        # Channels last: the phases of a place then lie beside each other, and are moved in rows.
        self.register_buffer("kernel", kernel.float().contiguous(memory_format=torch.channels_last))
        self.register_buffer("sums", winograd.summed(kernel).float() if pays else None)
        self.register_buffer("bias", (bias + beyond.sum((1, 2))).float().repeat(4))
        self.register_buffer("beyond", beyond.float())

    def forward(self, features: Tensor) -> Tensor:
        """(B, M, h, w) to (B, O, 2h, 2w)."""
        # One row and one column more than the map: a phase begins at the first or at the second.
        if self.sums is None or torch.is_autocast_enabled(features.device.type):  # narrow numbers: sums lose digits
            found = F.conv2d(features, self.kernel, self.bias, padding=1).permute(0, 2, 3, 1)
        else:
            found = winograd.conv2x2(features.permute(0, 2, 3, 1), self.sums, self.bias)
        (batch, _, height, width), channels = features.shape, len(self.beyond)
        doubled = found.new_empty(batch, height, 2, width, 2, channels)
        for phase in range(4):
            down, across = divmod(phase, 2)
            part = found[:, down : down + height, across : across + width, phase * channels : (phase + 1) * channels]
            doubled[:, :, down, :, across] = part
        doubled = doubled.view(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)
        return without_beyond(doubled, self.beyond.to(doubled.dtype))


def without_beyond(joined: Tensor, beyond: Tensor) -> Tensor:
    """Take a bias (C, 3, 3 taps) away, in place, where a 3x3 convolution of (B, C, h, w) looks beyond the edge."""
    rows, columns = beyond.sum(2)[..., None], beyond.sum(1)[..., None]  # (C, 3, 1), a row or a column of taps each
    for edge, tap in ((0, 0), (-1, 2)):
        joined[..., edge, :] -= rows[:, tap]
        joined[..., edge] -= columns[:, tap]
        joined[..., edge, 0] += beyond[:, tap, 0]  # the corners were taken away twice
        joined[..., edge, -1] += beyond[:, tap, 2]
    return joined
