"""What may share a pass of the model."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence


def groups_of_equals(kinds: Sequence[Hashable], limit: int) -> Iterator[list[int]]:
    """Indices of ``kinds`` that are equal, at most ``limit`` together."""
    for kind in dict.fromkeys(kinds):
        indices = [index for index, each in enumerate(kinds) if each == kind]
        for start in range(0, len(indices), limit):
            yield indices[start : start + limit]
