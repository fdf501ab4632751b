"""
Masks as COCO run lengths from wherever they are: their runs are found on the device, all masks' in one go.

What crosses over to the host is a list of places where a mask begins or ends, kilobytes instead of dense pictures; the
string is packed there. Equal to pycocotools (tests/unit/tracker/model/test_run_lengths.py), and to ``rle.encode``,
which is faster on a CPU.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from rlemasklib import RLEMask
from torch import Tensor

BYTES = 256 * 2**20  # of scaled logits that are dense at a time: 32 masks at 1920×1080, one of a very large picture


def encode(masks: Tensor) -> list[bytes]:
    """Compressed counts of (N, H, W) masks of bool, column-major, zeros first."""
    return _pack(_edges(masks), len(masks), masks.shape[1], masks.shape[2])


def scaled(logits: Tensor, height: int, width: int) -> list[bytes]:
    """Compressed counts of (N, S, S) logits scaled to a picture (bilinear, corners not aligned), where positive."""
    chunks = []
    most = max(1, BYTES // (height * width * 4))
    for start in range(0, len(logits), most):
        some = logits[start : start + most, None].float()
        large = F.interpolate(some, (height, width), mode="bilinear", align_corners=False)[:, 0]
        chunks.append(_edges(large > 0) + start * height * width)
    return _pack(torch.cat(chunks), len(logits), height, width) if chunks else []


def _edges(masks: Tensor) -> Tensor:
    """Where pixels differ from the one before in column-major order, counted through all masks; zeros come first."""
    flat = masks.transpose(1, 2).reshape(len(masks), -1)
    edges = flat.clone()
    edges[:, 1:] ^= flat[:, :-1]
    return edges.flatten().nonzero()[:, 0]


def _pack(edges: Tensor, count: int, height: int, width: int) -> list[bytes]:
    places = edges.cpu().numpy()  # the one copy to the host
    size = height * width
    ends = np.searchsorted(places, np.arange(1, count + 1) * size)
    packed, start = [], 0
    for index, end in enumerate(ends):
        runs = np.diff(places[start:end] - index * size, prepend=0, append=size).astype(np.uint32)
        packed.append(bytes(RLEMask.from_counts(runs, [height, width]).to_dict()["counts"]))
        start = end
    return packed
