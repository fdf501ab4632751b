"""
A picture's features at three scales, by upstream's necks (``sam3.model.necks``), with half the arithmetic.

A neck ends in a 1x1 and a 3x3 convolution with nothing between them, and the interactive head puts a third, 1x1, after
those: linear all the way, so one convolution with the product of their weights answers the same. The product is made
anew for each picture, a hundredth of the work: there is nothing to go stale when weights are loaded, moved or trained.

A model that serves has its weights for good. There :meth:`Neck.fold` takes the transposed convolution before them into
the product as well, once, which leaves half of that. And where a trunk's map is smaller than the grid and stretched to
it, what is linear and sees one place at a time comes before the stretching: a bilinear mean of answers is the answer to
the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracker.model.phases import Phases, without_beyond

LEVELS = 3  # finest first: 4g, 2g and g a side; upstream's fourth, g/2, nobody reads


class Neck(nn.Module):
    """
    One of a network's two necks: ``convs`` upstream's, a sequence of layers for each level.

    ``heads``: 1x1 convolutions that follow the finest levels; the others are left as they are.
    """

    def __init__(self, convs: Sequence[Any], heads: Sequence[nn.Conv2d] = ()) -> None:
        super().__init__()
        self.folded = False
        self.levels = nn.ModuleList(
            Level(layers, heads[place] if place < len(heads) else None) for place, layers in enumerate(convs[:LEVELS])
        )

    def forward(self, trunk: Tensor, grid: int | None = None) -> tuple[Tensor, ...]:
        """
        Features (1, C, side, side) of each level from what the trunk makes of a picture, (1, D, g, g).

        ``grid``: g, where the trunk's map is smaller and stretched to it.
        """
        if self.folded:
            # All of it with the channels innermost: torch has no fast transposed convolution for the other order.
            trunk = trunk.contiguous(memory_format=torch.channels_last)
        elif grid is not None:
            trunk = stretched(trunk, grid)
        return tuple(level(trunk, grid) for level in self.levels)

    @torch.no_grad()
    def fold(self, stretch: float = 1.0) -> None:
        """
        Make ready for serving: the same answers from fewer steps. Weights that change afterwards do not count.

        ``stretch``: how much longer the grid's side is than that of the trunk's map.
        """
        self.folded = True
        for each in self.levels:
            if isinstance(each, Level):
                each.fold(stretch)


def stretched(features: Tensor, grid: int, times: int = 1) -> Tensor:
    """
    A map (B, C, s, s) as (B, C, grid, grid), bilinear.

    ``times``: each place has become as many by as many, which belong together: (B, C, times s, times s) becomes (B, C,
    times grid, times grid), each of them stretched by itself.
    """
    if features.shape[-1] == times * grid:
        return features
    places = F.interpolate(F.pixel_unshuffle(features, times), (grid, grid), mode="bilinear", align_corners=False)
    return F.pixel_shuffle(places, times)


class Level(nn.Module):
    """One level of a neck: layers that enlarge, and convolutions that are one after another without a bend."""

    def __init__(self, layers: Any, head: nn.Conv2d | None) -> None:
        super().__init__()
        *enlarge, self.first, self.second = layers
        self.enlarge = nn.Sequential(*enlarge)
        self.head = head
        self.near: nn.Module | None = None  # folded: what sees one place of the trunk's map at a time,
        self.rest: nn.Module | None = None  # and what follows

    def forward(self, trunk: Tensor, grid: int | None = None) -> Tensor:
        """Features of this level."""
        if self.near is not None and self.rest is not None:
            near: Tensor = self.near(trunk)
            found: Tensor = self.rest(stretched(near, grid, near.shape[-1] // trunk.shape[-1]) if grid else near)
            return found
        features: Tensor = self.enlarge(trunk)
        kind = features.dtype
        with torch.autocast(features.device.type, enabled=False):  # a product is rounded once, when it is used
            weight, bias = _then(self.second, self.head)
            both = _joined(self.first, weight)
        if both is None:
            return F.conv2d(self.first(features), weight.to(kind), bias.to(kind), padding=1)
        product, border = both
        joined = F.conv2d(features, product.to(kind), (bias + border.sum((1, 2))).to(kind), padding=1)
        return without_beyond(joined, border.to(kind))

    def fold(self, stretch: float = 1.0) -> None:
        """As :meth:`Neck.fold`."""
        near, rest = self._folded(stretch)
        self.near, self.rest = near, rest.to(self.first.weight.device)

    def _folded(self, stretch: float) -> tuple[nn.Module, nn.Module]:
        """What sees one place at a time, and what follows, joined on the host."""
        weight, bias = _then(self.second, self.head, torch.double)
        out, middle, *_ = weight.shape
        smooth = _layer(nn.Conv2d(middle, out, 3, padding=1, device="meta"), weight, bias)
        if not len(self.enlarge):
            return self.first, smooth
        *before, doubling = self.enlarge
        assert isinstance(doubling, nn.ConvTranspose2d)
        enlarge, shift = _before(doubling, self.first)
        inner = len(enlarge)
        doubled = _layer(nn.ConvTranspose2d(inner, middle, 2, 2, device="meta"), enlarge, shift)
        share = 1.0 if before else stretch**-2  # of the grid's places, those that are doubled
        if 16 * inner * out < 4 * inner * middle * share + 36 * middle * out:  # multiplications for one of the places
            parts = [*(before or [nn.Identity()]), Phases(enlarge, shift, weight, bias)]
        else:
            parts = [*before, doubled, smooth]
        return parts[0].to(self.first.weight.device), nn.Sequential(*parts[1:])


def _before(doubling: nn.ConvTranspose2d, first: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weight (M, C, 2, 2) and bias (C,) of a doubling and the 1x1 convolution after it."""
    weight, bias = _weights(first, torch.double)
    enlarge, shift = _weights(doubling, torch.double)
    return torch.einsum("mnab,cn->mcab", enlarge, weight.flatten(1)), weight.flatten(1) @ shift + bias


def _layer(empty: nn.Module, weight: Tensor, bias: Tensor) -> nn.Module:
    empty.weight, empty.bias = (nn.Parameter(each.float(), requires_grad=False) for each in (weight, bias))
    return empty


def _then(second: nn.Conv2d, head: nn.Conv2d | None, kind: torch.dtype = torch.float) -> tuple[Tensor, Tensor]:
    """Weight and bias of a 3x3 convolution and the 1x1 one after it."""
    weight, bias = _weights(second, kind)
    if head is None:
        return weight, bias
    after, shift = _weights(head, kind)
    after = after.flatten(1)
    return (after @ weight.flatten(1)).view(len(after), *weight.shape[1:]), after @ bias + shift


def _joined(first: nn.Conv2d, weight: Tensor) -> tuple[Tensor, Tensor] | None:
    """The product of a 1x1 convolution and a 3x3 one, and of its bias; None if that is more work than the two."""
    out, middle, *_ = weight.shape
    if 9 * first.in_channels * out >= first.in_channels * middle + 9 * middle * out:
        return None
    before, shift = _weights(first)
    taps = weight.permute(0, 2, 3, 1)  # (out, 3, 3, middle)
    product = taps.reshape(-1, middle) @ before.flatten(1)
    border = taps.reshape(-1, middle) @ shift
    return product.view(out, 3, 3, -1).permute(0, 3, 1, 2), border.view(out, 3, 3)


def _weights(layer: nn.Conv2d | nn.ConvTranspose2d, kind: torch.dtype = torch.float) -> tuple[Tensor, Tensor]:
    assert layer.bias is not None
    place = "cpu" if kind is torch.double else layer.weight.device  # Apple's GPUs have no doubles
    return layer.weight.to(place, kind), layer.bias.to(place, kind)
