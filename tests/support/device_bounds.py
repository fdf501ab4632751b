"""
What one step may cost a CUDA device at most, as tests/support/pretended_cuda.py counts it.

Whoever makes a step cheaper writes the new number here; whoever makes one dearer sees a test fail.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.pretended_cuda import Counts


@dataclass(frozen=True, slots=True)
class Bound:
    """
    The most of each.

    ``launches``: operations; ``copies``: to the host, synchronising included; ``uploads``: that the host waits for.
    """

    launches: int
    copies: int
    uploads: int

    def check(self, counts: Counts, what: str) -> None:
        """Fail with the lines that wait, where a step costs more."""
        found = Bound(counts.launches, sum(counts.copies.values()), sum(counts.uploads.values()))
        pairs = zip(("launches", "copies", "uploads"), (found.launches, found.copies, found.uploads), strict=True)
        over = [
            f"{value} {name}, at most {getattr(self, name)}" for name, value in pairs if value > getattr(self, name)
        ]
        assert not over, f"{what}: {'; '.join(over)}\n{counts.waits}"


# A step of a stream with one prompt and so many objects, with a small network; by follower, stage and objects.
STEPS = {
    ("auto", "refine", 1): Bound(668, 16, 10),
    ("auto", "refine", 4): Bound(696, 20, 10),
    ("auto", "refine", 16): Bound(732, 32, 10),
    ("auto", "refine", 64): Bound(900, 83, 10),
    ("auto", "keyframe", 1): Bound(1367, 28, 14),
    ("auto", "keyframe", 4): Bound(1950, 35, 14),
    ("auto", "keyframe", 16): Bound(1998, 59, 14),
    ("auto", "keyframe", 64): Bound(2214, 158, 14),
    ("memory", "refine", 4): Bound(931, 20, 7),
    ("memory", "keyframe", 4): Bound(1633, 35, 11),
}

# Calls of the full-size network.
FULL = {
    "embed": Bound(990, 0, 1),
    "levels": Bound(54, 0, 0),  # of the detector, once a picture
    "detect, 1 prompts": Bound(2038, 44, 4),
    "detect, 4 prompts": Bound(2521, 50, 7),
    "refine": Bound(362, 0, 6),  # of five objects
    "click": Bound(319, 0, 5),
    "memory": Bound(822, 0, 4),  # of four objects: attended to, and encoded
}
