"""The embedded model as tests use it."""

from __future__ import annotations

import functools

from tracker import Sam3


@functools.cache
def untrained() -> Sam3:
    """nano with random weights, in fp32 on every machine: the real code, for tests of everything but what it finds."""
    model = Sam3.untrained("nano")
    model.bf16_backbone = False
    return model
