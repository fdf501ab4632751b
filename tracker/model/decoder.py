"""
The detector's decoder with less to ask of a device: whole numbers that the host knows, and one operation for several.

Answers are upstream's (``sam3.model.decoder``), to the bit where this is tested. On a GPU each question to the device
makes the host wait for all that was asked before, and each operation is a launch.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from tracker.model import compat

compat.prepare()

from sam3.model import decoder as sam3_decoder  # noqa: E402  (only after compat.prepare)

TEMPERATURE = 10000  # of the sines that encode a place (Vaswani et al. 2017)


class Decoder(sam3_decoder.TransformerDecoder):  # type: ignore[misc]
    """
    Upstream's, which reads the side of the grid from a tensor of the device, seven times in each layer.

    ``grid`` is that side, in patches.
    """

    grid: int

    def _get_rpb_matrix(self, reference_boxes: Tensor, feat_size: object) -> Any:
        return super()._get_rpb_matrix(reference_boxes, (self.grid, self.grid))


def sines(places: Tensor, num_feats: int = 256) -> Tensor:
    """
    As upstream's ``gen_sineembed_for_position``: (Q, B, 4) boxes as (Q, B, 2 num_feats), or (Q, B, 2) points as half.

    The order is y, x, width, height.
    """
    x, y, *size = places.unbind(-1)
    periods = _made if torch.compiler.is_compiling() else _periods  # a compiler looks through caches, and warns
    angles = (torch.stack((y, x, *size), -1) * (2 * math.pi))[..., None] / periods(num_feats // 2, places.device)
    return torch.stack((angles[..., 0::2].sin(), angles[..., 1::2].cos()), -1).flatten(2)


def _made(count: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # what is trained on uses them too
        steps = torch.div(torch.arange(count, dtype=torch.float32, device=device), 2, rounding_mode="floor")
        return torch.pow(TEMPERATURE, 2 * steps / count)


_periods = lru_cache(maxsize=8)(_made)  # one for a device and width

sam3_decoder.gen_sineembed_for_position = sines
