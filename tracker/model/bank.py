"""What an object looked like: plain data, a bank of fixed length for each object."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

CONDITIONING = 4  # frames with a mask from the detector or a user (max_cond_frames_in_attn)
SPATIAL = 6  # newest followed frames whose feature maps are attended to (num_maskmem - 1)
POINTERS = 15  # newest followed frames whose object pointers are (max_obj_ptrs_in_encoder - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """One object on one frame. ``tick`` counts looked-at frames; ``features`` (1, M, g, g); ``pointer`` (1, C)."""

    tick: int
    features: Tensor | None  # None: too old for its map to be read, the pointer still is
    pointer: Tensor


class Bank:
    """One object's memories, at most CONDITIONING + SPATIAL maps and CONDITIONING + POINTERS pointers."""

    def __init__(self) -> None:
        self.conditioning: deque[Memory] = deque(maxlen=CONDITIONING)
        self.recent: deque[Memory] = deque(maxlen=POINTERS)

    def __bool__(self) -> bool:
        return bool(self.conditioning)

    def condition(self, memory: Memory) -> None:
        """Keep a frame whose mask came from the detector or a user; one of the same tick is replaced."""
        if self.conditioning and self.conditioning[-1].tick == memory.tick:
            self.conditioning.pop()
        self.conditioning.append(memory)

    def remember(self, memory: Memory) -> None:
        """Keep a frame on which the object was followed, well or not."""
        horizon = memory.tick - SPATIAL
        for place, each in enumerate(self.recent):
            if each.tick <= horizon and each.features is not None:
                self.recent[place] = replace(each, features=None)
        self.recent.append(memory)

    @property
    def nbytes(self) -> int:
        """The memory its tensors hold."""
        both = (*self.conditioning, *self.recent)
        return sum(each.pointer.nbytes + (each.features.nbytes if each.features is not None else 0) for each in both)

    def maps(self, tick: int) -> list[tuple[Memory, int]]:
        """Memories whose maps are read at ``tick``, and how many frames ago they are; 0 for conditioning ones."""
        recent = [(each, tick - each.tick) for each in self.recent if each.features is not None]
        return [(each, 0) for each in self.conditioning] + [pair for pair in recent if 0 < pair[1] <= SPATIAL]

    def pointers(self, tick: int) -> list[tuple[Memory, int]]:
        """Memories whose pointers are read at ``tick``, conditioning ones first, and how many frames ago they are."""
        recent = [(each, tick - each.tick) for each in self.recent]
        first = [(each, tick - each.tick) for each in self.conditioning]
        return first + [pair for pair in recent if 0 < pair[1] <= POINTERS]

    def layout(self, tick: int) -> tuple[int, int, int]:
        """How much would be read at ``tick``: banks that are read alike can be attended to in one pass."""
        return len(self.conditioning), len(self.maps(tick)), len(self.pointers(tick))


@dataclass(frozen=True, slots=True, eq=False)
class Propagation:
    """
    Where B objects are, by their memories: ``logits`` (B, S, S) within ±32, ``ious`` and ``present`` (B,) 0 to 1.

    It holds no memories of this frame: encoding them is half the work of following, so it is done for those rows only
    whose masks are believed, from ``masks`` and ``pointers``.
    """

    tick: int
    logits: Tensor
    ious: Tensor
    score: Tensor  # (B,) logits of ``present``, which they still tell apart where it is 1 to the last digit
    masks: Tensor  # (B, 1, H, W) logits at the size that the memory encoder reads
    pointers: Tensor  # (B, C)

    @property
    def present(self) -> Tensor:
        """The model's belief that each object is there at all."""
        return self.score.sigmoid()


def resemblance(some: Sequence[Memory], others: Sequence[Memory]) -> Tensor:
    """How alike objects look, (N, M): the cosine of the angle between their pointers, -1 to 1."""
    a, b = (F.normalize(torch.cat([each.pointer for each in every]).float(), dim=-1) for every in (some, others))
    return a @ b.T
