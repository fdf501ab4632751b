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


# A step of a presented stream with one prompt and so many objects, with a small network, and what presenting is told of
# it; by follower, stage and objects.
STEPS = {
    ("auto", "refine", 1): Bound(571, 2, 0),
    ("auto", "refine", 4): Bound(581, 2, 0),
    ("auto", "refine", 16): Bound(593, 2, 0),
    ("auto", "refine", 64): Bound(641, 2, 0),
    ("auto", "keyframe", 1): Bound(1229, 5, 0),
    ("auto", "keyframe", 4): Bound(1794, 5, 0),
    ("auto", "keyframe", 16): Bound(1818, 5, 0),
    ("auto", "keyframe", 64): Bound(1914, 5, 0),
    ("memory", "refine", 4): Bound(813, 2, 0),
    ("memory", "keyframe", 4): Bound(1474, 5, 0),
}
# The same where nobody presents: each step's own masks leave the device as fine as they are.
FINE = {
    ("auto", "refine", 4): Bound(552, 2, 0),
    ("auto", "keyframe", 4): Bound(1749, 5, 0),
}

# A presented step of nano, which is guided by the picture: two objects.
GUIDED = {
    "refine": Bound(611, 2, 0),
    "keyframe": Bound(1537, 5, 0),
}

# Calls of the full-size network, its weights in bf16 wherever autocast would cast them.
FULL = {
    "embed": Bound(724, 0, 0),
    "levels": Bound(41, 0, 0),  # of the detector, once a picture
    "detect, 1 prompts": Bound(1375, 2, 0),
    "detect, 4 prompts": Bound(1820, 2, 0),
    "refine": Bound(258, 0, 0),  # of five objects
    "click": Bound(215, 0, 0),
    "memory": Bound(601, 0, 0),  # of four objects: attended to, and encoded
}
