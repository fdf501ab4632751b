"""How much memory a model takes, and in what number formats its weights are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

MATRICES = (nn.Linear, nn.MultiheadAttention)
CAST = (*MATRICES, nn.Conv2d, nn.ConvTranspose2d)  # layers whose weights autocast casts at every call

Weight = tuple[nn.Module, str, nn.Parameter]  # a layer, and the name of one of its weights


def halve_text(network: Any, device: torch.device) -> None:
    """
    Keep the matrices of the text encoder, a third of all parameters, in bf16, and let it run under autocast.

    Autocast casts the same weights to the same values at every use: the answers are equal, the memory is half.
    Embeddings and norms, where autocast computes in fp32, stay as they are. The answers are worked out once for each
    prompt, so nothing else of the network depends on it, and a GPU that emulates bf16 may do so: no gate judges fp16
    here.
    """
    encoder = network.backbone.language_backbone.encoder
    for module in encoder.modules():
        if isinstance(module, MATRICES):
            for weight in module.parameters(recurse=False):
                weight.data = weight.data.to(torch.bfloat16)
    encoder.forward = torch.autocast(device.type, torch.bfloat16)(encoder.forward)


def always_cast(network: nn.Module, kind: str, ask: Callable[[], object]) -> list[nn.Module]:
    """The layers that are called under autocast of a ``kind`` of device and never without it, while all is asked."""
    cast: dict[nn.Module, bool] = {}

    def note(layer: nn.Module, _: object) -> None:
        cast[layer] = cast.get(layer, True) and torch.is_autocast_enabled(kind)

    hooks = [layer.register_forward_pre_hook(note) for layer in network.modules() if isinstance(layer, CAST)]
    try:
        ask()
    finally:
        for hook in hooks:
            hook.remove()
    return [layer for layer, always in cast.items() if always]


def halve(layers: Iterable[nn.Module], kind: torch.dtype) -> list[Weight]:
    """
    Keep the weights of layers in ``kind``, that of autocast; returns what they were.

    Autocast makes the same cast at every use: answers under it are equal, half the bytes are read, and a launch for
    each weight is saved.
    """
    before: list[Weight] = []
    for each in layers:
        for part in (each, each.out_proj) if isinstance(each, nn.MultiheadAttention) else (each,):
            for name, weight in list(part.named_parameters(recurse=False)):
                before.append((part, name, weight))
                setattr(part, name, nn.Parameter(weight.detach().to(kind), requires_grad=False))
    return before


def restore(before: Iterable[Weight]) -> None:
    """Give layers the weights back that :func:`halve` took."""
    for layer, name, weight in before:
        setattr(layer, name, weight)


def describe(network: nn.Module) -> str:
    """Parameters, bytes, format and device, in words."""
    weights = [*network.parameters(), *network.buffers()]
    count = sum(each.numel() for each in network.parameters())
    size = sum(each.nbytes for each in weights)
    devices = sorted({str(each.device) for each in weights})
    half = sum(each.numel() for each in network.parameters() if each.dtype.itemsize == 2)
    formats = f", {half / count:.0%} of them in half precision" if half else " in fp32"
    return f"{count / 1e6:.1f} million parameters{formats}: {size / 1e6:,.0f} MB on {' and '.join(devices)}"
