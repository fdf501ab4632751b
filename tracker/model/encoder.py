"""The detector's encoder with nothing to send to a device at each call: what upstream sends there can be made there."""

from __future__ import annotations

from typing import Any

import torch

from tracker.model import compat

compat.prepare()

from sam3.model.encoder import TransformerEncoderFusion  # noqa: E402  (only after compat.prepare)


class Encoder(TransformerEncoderFusion):  # type: ignore[misc]
    """Upstream's for one level of features without padding; that one uploads the grid's sides, and waits for it."""

    def _prepare_multilevel_features(self, srcs: Any, masks: Any, pos_embeds: Any) -> Any:
        (source,), (places,) = srcs, pos_embeds
        batch, _, height, width = source.shape
        device = source.device
        sides = [torch.full((1, 1), side, dtype=torch.long, device=device) for side in (height, width)]
        return (
            source.flatten(2).transpose(1, 2),
            None,
            places.flatten(2).transpose(1, 2),
            torch.zeros(1, dtype=torch.long, device=device),
            torch.ones(batch, 1, 2, device=device),
            torch.cat(sides, 1),
        )
