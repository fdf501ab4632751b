"""
Is this still the same thing? What a mask covers, by the finest features and the colours of the frame's embedding.

Asked with a box, the interactive head always finds something there, and is as sure of a screen that an object went
behind as of the object. What lies under the mask tells the two apart, for a multiplication.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model.features import Embedding

_FLAT = 1e-3  # of a feature's spread, at least: one that is the same everywhere tells nothing


def appearances(embedding: Embedding, logits: Tensor) -> Tensor:
    """
    What each of (N, S, S) masks covers: the mean of its features, less that of the picture, (N, C).

    Where the embedding has the picture's colours, these count too, and each in units of its spread over the picture:
    features that were taught to find borders tell two things apart badly.
    """
    features = embedding.interactive[0][0].float().flatten(1)  # (C, S²)
    inside = (logits > 0).flatten(1).to(features)
    spread: Tensor | float = 1.0
    if embedding.colors is not None:
        features = torch.cat([features, embedding.colors.to(features).flatten(0, 1).T])
        spread = features.std(1).clamp(min=_FLAT)
    return (inside @ features.T / inside.sum(1, keepdim=True).clamp(min=1) - features.mean(1)) / spread


def alike(some: Tensor, others: Tensor) -> Tensor:
    """How alike (N, C) appearances are, pair by pair: the cosine of the angle between them, -1 to 1."""
    return F.cosine_similarity(some, others, dim=-1)


def blended(old: Tensor | None, new: Tensor, share: float) -> Tensor:
    """An appearance as it is known, brought a ``share`` of the way to how it looks now."""
    return new if old is None else torch.lerp(old, new, share)
