"""
Tensors that are the same on every machine and in every version of a library, each made of its name alone.

Two implementations that never meet can be given the same weights by them, and asked for the same numbers.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

EMBEDDINGS = ("embed", "token.weight", "tokens.weight")


def noise(name: str, count: int) -> npt.NDArray[np.float32]:
    """``count`` values of mean 0 and deviation 1, even between -1.73 and 1.73: hashes of name and place."""
    with np.errstate(over="ignore"):
        hashed = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(zlib.crc32(name.encode()))
        for shift, factor in ((16, 2246822507), (13, 3266489909)):
            hashed ^= hashed >> np.uint32(shift)
            hashed *= np.uint32(factor)
        hashed ^= hashed >> np.uint32(16)
    share = (hashed >> np.uint32(8)).astype(np.float32) / np.float32(2**24)
    return (share - np.float32(0.5)) * np.float32(math.sqrt(12))


def tensor(name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """A weight such that features keep their size from layer to layer, and every one of them counts."""
    if dtype != torch.float32:
        return torch.zeros(shape, dtype=dtype)  # how many batches a norm has seen
    values = torch.from_numpy(noise(name, math.prod(shape))).view(shape)
    if name.endswith("running_var"):
        return 1 + 0.25 * values
    if name.endswith(("gamma", "layer_scale")) or (len(shape) == 1 and name.endswith("weight")):  # of norms
        return 1 + 0.2 * values
    if len(shape) == 1:
        return 0.1 * values
    if any(each in name for each in EMBEDDINGS) and "layers" not in name and "patch_embed" not in name:
        return 0.5 * values
    gain = 0.5 if "mixer" in name else 1.0  # RepViT adds its branches up, block after block
    scale: float = gain * math.sqrt(shape[0] / math.prod(shape))
    return values * scale


def picture(side: int, patch: int = 28) -> npt.NDArray[np.uint8]:
    """A (side, side, 3) patchwork of colours."""
    count = -(-side // patch)
    rough = (noise("picture", count * count * 3) * 70 + 128).astype(np.uint8).reshape(count, count, 3)
    return rough.repeat(patch, 0).repeat(patch, 1)[:side, :side]


def sampled(values: Tensor, count: int = 8) -> Tensor:
    """``count`` values at even distances, the first and the last among them."""
    flat = values.flatten()
    return flat[torch.arange(count) * (len(flat) - 1) // (count - 1)]
