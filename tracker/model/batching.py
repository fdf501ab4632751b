"""What may share a pass of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def groups_of_equals(sizes: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Indices of ``sizes`` that are equal, at most ``limit`` together."""
    for size in dict.fromkeys(sizes):
        indices = [index for index, each in enumerate(sizes) if each == size]
        for start in range(0, len(indices), limit):
            yield indices[start : start + limit]
