"""
Pictures that say which one they are: a strip of black and white bars along their upper edge is their number.

The system's Python reads this too (``benchmarks.latency_rtsp``), so nothing is imported here that it has not.
"""

from __future__ import annotations

from typing import Any

BITS = 12  # of a number; and one bar more, so that the number of black bars is even
LAST = 2**BITS - 1
STRIP = 16  # a strip is this part of the picture's height


def strip(number: int, width: int, height: int) -> bytes:
    """The upper rows of an I420 picture's luma, to be laid over what is there."""
    bits = [number >> (BITS - 1 - place) & 1 for place in range(BITS)]
    edges = [width * place // (BITS + 1) for place in range(BITS + 2)]
    row = b"".join(
        (b"\xeb" if bit else b"\x10") * (edges[place + 1] - edges[place])
        for place, bit in enumerate([*bits, sum(bits) % 2])
    )
    return row * (height // STRIP)


def number_of(luma: Any) -> int | None:
    """The number of a picture by its luma, uint8 (height, width); None where compression or loss left none."""
    height, width = luma.shape
    rows = luma[height // STRIP // 4 : height // STRIP * 3 // 4]
    bar = width // (BITS + 1)
    middles = [rows[:, left + bar // 4 : left + bar * 3 // 4].mean() for left in _lefts(width)]
    if any(64 < value < 192 for value in middles):
        return None
    bits = [int(value > 127) for value in middles]
    if sum(bits) % 2:
        return None
    return int("".join(map(str, bits[:-1])), 2)


def _lefts(width: int) -> list[int]:
    return [width * place // (BITS + 1) for place in range(BITS + 1)]
