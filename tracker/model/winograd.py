"""
A 2x2 convolution with nine products for what takes sixteen.

Two neighbours of a convolution with two taps, a·x + b·y and a·y + b·z, are a·(x - y) + (a + b)·y and
(a + b)·y - b·(y - z): three products, not four. Along both sides it is Winograd's F(2x2, 2x2) (Arithmetic Complexity of
Computations, 1980). Each product is a large matrix product; the sums around them take time too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MANY = (
    256  # half of the harmonic mean of channels in and out: with fewer, on AVX2, the sums cost what the products save
)


def pays(inner: int, outer: int) -> bool:
    """Whether it is quicker than the convolution itself, by the channels in and out."""
    return inner * outer >= MANY * (inner + outer)


def summed(kernel: Tensor) -> Tensor:
    """What :func:`conv2x2` takes of a kernel (N, M, 2, 2): its taps and their sums, (9, M, N)."""
    for axis in (3, 2):
        kernel = torch.cat([kernel, kernel.sum(axis, keepdim=True)], axis)
    order = [0, 2, 1]  # first, both, second
    return kernel[:, :, order][..., order].permute(3, 2, 1, 0).flatten(0, 1).contiguous()


def conv2x2(features: Tensor, sums: Tensor, bias: Tensor) -> Tensor:
    """
    Convolve (B, h, w, M), channels last, zeros around it, to (B, h + 1, w + 1, N).

    ``sums`` (9, M, N): :func:`summed`; ``bias`` (N,).
    """
    batch, height, width, _ = features.shape
    down, across = height // 2 + 1, width // 2 + 1  # pairs of places in the answer; it is cut where one is too many
    padded = F.pad(features, (0, 0, 1, 2 * across - width, 1, 2 * down - height))
    apart = _apart(_apart(padded, 1), 3)  # (3 by columns, 3 by rows, B, down, across, M)
    products = torch.bmm(apart.flatten(2, 4).flatten(0, 1), sums)
    products[4] += bias  # it is in every one of the four answers once
    products = products.view(3, 3, batch, down, across, -1)
    return _together(_together(products, 3), 1)[:, : height + 1, : width + 1]


def _apart(features: Tensor, axis: int) -> Tensor:
    """Of every two places and the next one: differences and the middle, (3, …) with half of that axis."""
    first, middle, last = features.unfold(axis, 3, 2).unbind(-1)
    apart = features.new_empty(3, *middle.shape)
    torch.sub(first, middle, out=apart[0])
    apart[1] = middle
    torch.sub(middle, last, out=apart[2])
    return apart


def _together(products: Tensor, axis: int) -> Tensor:
    """The two answers of three products (3, …), beside each other on an axis."""
    first, middle, last = products
    pairs = middle.new_empty(*middle.shape[: axis + 1], 2, *middle.shape[axis + 1 :])
    torch.add(first, middle, out=pairs.select(axis + 1, 0))
    torch.sub(middle, last, out=pairs.select(axis + 1, 1))
    joined: Tensor = pairs.flatten(axis, axis + 1)
    return joined
