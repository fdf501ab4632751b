"""Pictures put onto a device by any thread, before the model's thread asks for what it makes of them."""

from __future__ import annotations

import numpy as np
import torch

from tracker.model import guides
from tracker.model.compute import uploaded
from tracker.model.features import Sent


def send(image: guides.Picture, device: torch.device, guided: int | None) -> Sent | None:
    """
    A (height, width, 3) RGB picture on a device; None: that is the host itself.

    The host waits for nothing, and what is asked of the device after it finds the picture there. ``guided``: the side
    of mask logits of a model whose clicks are guided by the picture.
    """
    if device.type == "cpu":
        return None
    small, fine = (None if guided is None else guides.shrunk(image, times * guided) for times in (1, guides.FINER))
    colors = None if small is None else uploaded(guides.colors(small), device)
    return Sent(uploaded(torch.from_numpy(np.ascontiguousarray(image)), device), small, fine, colors)


def kept(
    pixels: torch.Tensor, guided: int | None
) -> tuple[guides.Picture | None, guides.Picture | None, torch.Tensor | None]:
    """``small``, ``fine`` and ``colors`` of an :class:`Embedding` from the network's own (1, 3, H, W), on the host."""
    if guided is None:
        return None, None, None
    small, fine = (guides.small(pixels, times * guided) for times in (1, guides.FINER))
    return small, fine, guides.colors(small)
