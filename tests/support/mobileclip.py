"""Networks with MobileCLIP's text encoder, and what the published files hold of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tests.support.agreement import TINY
from tracker.model.configs import LITETEXT_L, LITETEXT_S0, LITETEXT_S1

DATA = Path(__file__).parents[1] / "data" / "mobileclip"
TEXTS = ["cup", "a red cup on the wooden table", "the second person from the left, who wears a hat and holds a cup"]
PREFIX = "detector.backbone.language_backbone."
PUBLISHED = {"s0": LITETEXT_S0, "s1": LITETEXT_S1, "l": LITETEXT_L}
TINY_S0 = replace(
    TINY,
    taught_words=False,
    text_tower="mobileclip",
    text_width=64,
    text_heads=4,
    text_layers=2,
    text_context=16,
    text_vocabulary=49408,
)
TINY_S1 = replace(TINY_S0, text_layers=3, text_mixing=False)


def published(size: str) -> dict[str, tuple[int, ...]]:
    """
    Names and shapes of the text encoder in the published file of "s0", "s1" or "l": keys.json.

    "#" stands for each number in the third column.
    """
    rows: list[tuple[str, list[int], list[int]]] = json.loads((DATA / "keys.json").read_text())[size]
    return {
        PREFIX + name.replace("#", str(number)): tuple(shape)
        for name, shape, numbers in rows
        for number in (numbers or [0])
    }


def answers(size: str) -> Tensor:
    """(texts, 16): what the authors' text encoder makes of ``TEXTS``, sampled: answers.json."""
    return torch.tensor(json.loads((DATA / "answers.json").read_text())[size])


def sampled(features: Tensor) -> Tensor:
    """16 values of (L, C) features, one for each token, each in a channel of its own."""
    tokens, channels = features.shape
    return features[torch.arange(tokens), torch.arange(tokens) * (channels // tokens)]
