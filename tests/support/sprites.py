"""Small drawings and photographs to make worlds of."""

from __future__ import annotations

import numpy as np

from tracker.worlds.looks import Picture, Sprite

RED, BLUE, YELLOW = (215, 20, 20), (30, 60, 215), (240, 220, 30)


def sprite(*colors: tuple[tuple[int, int, int], float], side: int = 100) -> Sprite:
    """Columns of colours, each a share of the width; the lower half is empty."""
    drawn = np.zeros((side, side, 4), np.uint8)
    left = 0.0
    for color, share in colors:
        drawn[: side // 2, round(left * side) : round((left + share) * side)] = (*color, 255)
        left += share
    return drawn


def photo(seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (60, 80, 3), np.uint8)
