"""The detector's encoder is given what upstream's is."""

from __future__ import annotations

import torch
from sam3.model.encoder import TransformerEncoderFusion

from tests.support.models import untrained


def test_features_and_the_grid_are_upstreams() -> None:
    encoder = untrained().network.transformer.encoder
    source, places = torch.randn(2, 3, 8, 4, 5)
    ours = encoder._prepare_multilevel_features([source], [None], [places])
    theirs = TransformerEncoderFusion._prepare_multilevel_features(encoder, [source], [None], [places])
    for one, other in zip(ours, theirs, strict=True):
        assert one is other is None or (torch.equal(one, other) and one.dtype == other.dtype)
