"""
What an object looked like: a bank of fixed length for each object, and following objects by it.

Upstream keeps every frame's output for ever (about 1 MB for each object and frame at full size). Here the wheel's
layers do the work and the bank is ours: its length does not grow with the stream. SAM 2 (Ravi et al. 2024) describes
the memory attention; the numbers are ``sam3_tracker_base.py``'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from tracker.dense import Embedding
    from tracker.sam3 import Sam3

CONDITIONING = 4  # frames with a mask from the detector or a user (max_cond_frames_in_attn)
SPATIAL = 6  # newest followed frames whose feature maps are attended to (num_maskmem - 1)
POINTERS = 15  # newest followed frames whose object pointers are (max_obj_ptrs_in_encoder - 1)
BATCH = 8  # objects in one pass of memory attention: each reads up to 10 maps of g² tokens
NEVER = 2**31  # upstream asks how many frames there are; a live stream has no last one


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
        """Keep a frame on which the object was followed."""
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

    def layout(self, tick: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Which ticks would be read at ``tick``: banks of one layout can be attended to in one pass."""
        recent = tuple(each.tick for each in self.recent if tick - POINTERS <= each.tick < tick)
        return tuple(each.tick for each in self.conditioning), recent


@dataclass(frozen=True, slots=True, eq=False)
class Propagation:
    """Where B objects are, by their memories: ``logits`` (B, S, S) within ±32, ``ious`` and ``present`` (B,) 0 to 1."""

    logits: Tensor
    ious: Tensor
    present: Tensor
    memories: list[Memory]  # of this frame: remember those that are believed


def propagate(model: Sam3, embedding: Embedding, banks: Sequence[Bank], tick: int) -> Propagation:
    """Follow objects into a frame by their memories, as many in one pass as have memories of the same frames."""
    parts: dict[int, tuple[Tensor, Tensor, Tensor, Memory]] = {}
    for rows in _batches(banks, tick):
        answer = _attend(model, embedding, [banks[row] for row in rows], tick)
        parts |= dict(zip(rows, answer, strict=True))
    logits, ious, present, memories = zip(*(parts[row] for row in range(len(banks))), strict=True)
    return Propagation(torch.stack(logits), torch.stack(ious), torch.stack(present), list(memories))


def memorize(model: Sam3, embedding: Embedding, logits: Tensor, tick: int) -> list[Memory]:
    """Memories of (B, S, S) masks that are taken as true on this frame: from the detector or a user."""
    fine, middle, coarse = embedding.interactive
    size = model.interactive.input_mask_size
    found = []
    for some in logits.split(BATCH):
        masks = F.interpolate(some[:, None].float(), (size, size), mode="bilinear", align_corners=False) > 0
        features = coarse.expand(len(some), -1, -1, -1)
        *_, high, pointers, score = model.interactive._use_mask_as_output(features, [fine, middle], masks.float())
        found += _encode(model, coarse, high, pointers, score, tick)
    return found


def resemblance(some: Sequence[Memory], others: Sequence[Memory]) -> Tensor:
    """How alike objects look, (N, M): the cosine of the angle between their pointers, -1 to 1."""
    a, b = (F.normalize(torch.cat([each.pointer for each in every]).float(), dim=-1) for every in (some, others))
    return a @ b.T


def _attend(
    model: Sam3, embedding: Embedding, banks: Sequence[Bank], tick: int
) -> Iterator[tuple[Tensor, Tensor, Tensor, Memory]]:
    fine, middle, coarse = embedding.interactive
    features = model.interactive._prepare_memory_conditioned_features(
        frame_idx=tick,
        is_init_cond_frame=False,
        current_vision_feats=[_sequence(coarse, len(banks))],
        current_vision_pos_embeds=[_sequence(model.positions, len(banks))],
        feat_sizes=[coarse.shape[-2:]],
        output_dict=_as_upstream(model, banks, tick),
        num_frames=NEVER,
    )
    *_, ious, low, high, pointers, score = model.interactive._forward_sam_heads(
        backbone_features=features, high_res_features=[fine, middle], multimask_output=True
    )
    memories = _encode(model, coarse, high, pointers, score, tick)
    limit = 32.0  # as masks that are fed back anywhere else
    logits = low[:, 0].float().clamp(-limit, limit)
    return zip(logits, ious.float().amax(1), score.float().sigmoid()[:, 0], memories, strict=True)


def _encode(model: Sam3, coarse: Tensor, high: Tensor, pointers: Tensor, score: Tensor, tick: int) -> list[Memory]:
    features, _ = model.interactive._encode_new_memory(
        image=None,
        current_vision_feats=[_sequence(coarse, len(high))],
        feat_sizes=[coarse.shape[-2:]],
        pred_masks_high_res=high,
        object_score_logits=score,
        is_mask_from_pts=False,
    )
    # clone: a slice would keep the whole batch's tensor alive for as long as any object's memory.
    return [Memory(tick, features[row : row + 1].clone(), pointers[row : row + 1].clone()) for row in range(len(high))]


def _as_upstream(model: Sam3, banks: Sequence[Bank], tick: int) -> dict[str, dict[int, dict[str, Any]]]:
    """Banks of one layout as the ``output_dict`` that upstream's attention reads."""

    def together(memories: Sequence[Memory]) -> dict[str, Any]:
        maps = [each.features for each in memories if each.features is not None]
        out: dict[str, Any] = {"obj_ptr": torch.cat([each.pointer for each in memories])}
        if maps:
            stack = torch.cat(maps)
            out |= {"maskmem_features": _Here(stack), "maskmem_pos_enc": [_Here(model.memory_positions(stack))]}
        return out

    conditioning, recent = banks[0].layout(tick)
    first = [tuple(bank.conditioning) for bank in banks]
    then = [[each for each in bank.recent if each.tick in recent] for bank in banks]
    return {
        "cond_frame_outputs": {
            when: together(same) for when, same in zip(conditioning, zip(*first, strict=True), strict=True)
        },
        "non_cond_frame_outputs": {
            when: together(same) for when, same in zip(recent, zip(*then, strict=True), strict=True)
        },
    }


@dataclass(frozen=True, slots=True)
class _Here:
    """Upstream calls ``.cuda()`` on memories, wherever the model runs: it gets them where they are."""

    tensor: Tensor

    def cuda(self, **_: object) -> Tensor:
        return self.tensor


def _batches(banks: Sequence[Bank], tick: int) -> Iterator[list[int]]:
    groups: dict[object, list[int]] = {}
    for row, bank in enumerate(banks):
        groups.setdefault(bank.layout(tick), []).append(row)
    for rows in groups.values():
        for start in range(0, len(rows), BATCH):
            yield rows[start : start + BATCH]


def _sequence(features: Tensor, batch: int) -> Tensor:
    """(1, C, g, g) as (g², batch, C), the way upstream's attention wants it."""
    return features.flatten(2).permute(2, 0, 1).expand(-1, batch, -1)
