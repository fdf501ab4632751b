"""The embedded model as tests use it."""

from __future__ import annotations

import functools
from dataclasses import replace

from tracker import Ability, Sam3

SEED = 28  # with many another, random weights make masks without a pixel, or say that nothing is there


@functools.cache
def untrained() -> Sam3:
    """nano with random weights, in fp32 on every machine: the real code, for tests of everything but what it finds."""
    model = Sam3.untrained("nano", seed=SEED)
    model.bf16_backbone = False
    return model


@functools.cache
def words_only() -> Sam3:
    """The same without a head for clicks, boxes, examples and memory: it finds everything there may be at 0.1."""
    model = Sam3.untrained("nano", seed=SEED)
    model.bf16_backbone = False
    model.config = replace(model.config, name="words-only", threshold=0.1)
    model.restrict({Ability.WORDS})
    return model
