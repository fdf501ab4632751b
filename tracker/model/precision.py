"""How much memory a model takes, and in what number formats its weights are kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

MATRICES = (nn.Linear, nn.MultiheadAttention)


def halve_text(network: Any, device: torch.device) -> None:
    """
    Keep the matrices of the text encoder, a third of all parameters, in bf16, and let it run under autocast.

    Autocast casts the same weights to the same values at every use: the answers are equal, the memory is half.
    Embeddings and norms, where autocast computes in fp32, stay as they are. The answers are worked out once for each
    prompt, so nothing else of the network depends on it.
    """
    encoder = network.backbone.language_backbone.encoder
    for module in encoder.modules():
        if isinstance(module, MATRICES):
            for weight in module.parameters(recurse=False):
                weight.data = weight.data.to(torch.bfloat16)
    encoder.forward = torch.autocast(device.type, torch.bfloat16)(encoder.forward)


def describe(network: nn.Module) -> str:
    """Parameters, bytes, format and device, in words."""
    weights = [*network.parameters(), *network.buffers()]
    count = sum(each.numel() for each in network.parameters())
    size = sum(each.nbytes for each in weights)
    devices = sorted({str(each.device) for each in weights})
    half = sum(each.numel() for each in network.parameters() if each.dtype.itemsize == 2)
    formats = f", {half / count:.0%} of them in half precision" if half else " in fp32"
    return f"{count / 1e6:.1f} million parameters{formats}: {size / 1e6:,.0f} MB on {' and '.join(devices)}"
