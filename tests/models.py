"""The embedded model as tests use it."""

from __future__ import annotations

import functools

from tracker import Sam3


@functools.cache
def untrained() -> Sam3:
    """nano with random weights: the real code at the real speed, for tests of everything but what it finds."""
    return Sam3.untrained("nano")
