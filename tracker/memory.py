"""
What an object looked like: a bank of fixed length for each object, and following objects by it.

Upstream keeps every frame's output for ever (about 1 MB for each object and frame at full size). Here the wheel's
layers do the work and the bank is ours: its length does not grow with the stream. SAM 2 (Ravi et al. 2024) describes
the memory attention; the numbers are ``sam3_tracker_base.py``'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from tracker.dense import Embedding
    from tracker.sam3 import Sam3

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
    """Where B objects are, by their memories: ``logits`` (B, S, S) within ±32, ``ious`` and ``present`` (B,) 0 to 1."""

    logits: Tensor
    ious: Tensor
    score: Tensor  # (B,) logits of ``present``, which they still tell apart where it is 1 to the last digit
    encode: Callable[[], list[Memory]]  # half the work of following: done when somebody wants the memories
    _memories: list[Memory] = field(default_factory=list, init=False)

    @property
    def memories(self) -> list[Memory]:
        """Of this frame, one for each: remember those that are believed."""
        if not self._memories:
            self._memories.extend(self.encode())
        return self._memories

    @property
    def present(self) -> Tensor:
        """The model's belief that each object is there at all."""
        return self.score.sigmoid()


def propagate(model: Sam3, embedding: Embedding, banks: Sequence[Bank], tick: int) -> Propagation:
    """Follow objects into a frame by their memories, as many in one pass as have as many memories."""
    parts: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
    batches: list[tuple[list[int], Callable[[], list[Memory]]]] = []
    for rows in _batches(banks, tick, model.speed.memory_batch):
        answer, encode = _attend(model, embedding, [banks[row] for row in rows], tick)
        parts |= dict(zip(rows, answer, strict=True))
        batches.append((rows, encode))

    def memories() -> list[Memory]:
        made = {row: memory for rows, encode in batches for row, memory in zip(rows, encode(), strict=True)}
        return [made[row] for row in range(len(banks))]

    logits, ious, score = zip(*(parts[row] for row in range(len(banks))), strict=True)
    return Propagation(torch.stack(logits), torch.stack(ious), torch.stack(score), memories)


def memorize(model: Sam3, embedding: Embedding, logits: Tensor, tick: int) -> list[Memory]:
    """Memories of (B, S, S) masks that are taken as true on this frame: from the detector or a user."""
    fine, middle, coarse = embedding.interactive
    size = model.interactive.input_mask_size
    found = []
    for some in logits.split(model.speed.memory_batch):
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
) -> tuple[Iterator[tuple[Tensor, Tensor, Tensor]], Callable[[], list[Memory]]]:
    fine, middle, coarse = embedding.interactive
    maps, places = _maps(model, banks, tick)
    pointers, when = _pointers(model, banks, tick)
    out = model.interactive.transformer.encoder(
        src=[_sequence(coarse, len(banks))],
        src_key_padding_mask=[None],
        src_pos=[_sequence(model.positions, len(banks))],
        prompt=torch.cat([maps, pointers]),
        prompt_pos=torch.cat([places, when]),
        prompt_key_padding_mask=None,
        feat_sizes=[coarse.shape[-2:]],
        num_obj_ptr_tokens=len(pointers),
    )
    features = out["memory"].permute(1, 2, 0).reshape(len(banks), *coarse.shape[1:])
    *_, ious, low, high, pointer, score = model.interactive._forward_sam_heads(
        backbone_features=features, high_res_features=[fine, middle], multimask_output=True
    )
    limit = 32.0  # as masks that are fed back anywhere else
    logits = low[:, 0].float().clamp(-limit, limit)
    answers = zip(logits, ious.float().amax(1), score.float()[:, 0], strict=True)
    return answers, lambda: _encode(model, coarse, high, pointer, score, tick)


def _maps(model: Sam3, banks: Sequence[Bank], tick: int) -> tuple[Tensor, Tensor]:
    """
    Maps of B banks as tokens (K·g², B, M), and their position encodings.

    Upstream's ``_prepare_memory_conditioned_features`` does the same for objects whose memories are of the same frames.
    """
    interactive = model.interactive
    read = [bank.maps(tick) for bank in banks]
    maps = torch.stack([torch.cat([each.features for each, _ in some if each.features is not None]) for some in read])
    places = model.memory_positions(maps[0, :1]).flatten(2).permute(2, 0, 1)  # (g², 1, M)
    # The newest frame's encoding stands first, that of conditioning frames last.
    ages = torch.tensor([[age - 1 for _, age in some] for some in read], device=maps.device)
    times = interactive.maskmem_tpos_enc[:, 0, 0][ages.T]  # (K, B, M); -1 is the last
    special = getattr(interactive, "cond_frame_spatial_embedding", None)
    if special is not None:
        times = times + special.flatten() * (ages.T == -1)[..., None]
    tokens = maps.permute(1, 3, 4, 0, 2).flatten(0, 2)
    return tokens, (places[None] + times[:, None]).flatten(0, 1)


def _pointers(model: Sam3, banks: Sequence[Bank], tick: int) -> tuple[Tensor, Tensor]:
    """Pointers of B banks as tokens (P·C/M, B, M), and encodings of how many frames ago each is."""
    interactive = model.interactive
    read = [bank.pointers(tick) for bank in banks]
    pointers = torch.stack([torch.cat([each.pointer for each, _ in some]) for some in read], 1)  # (P, B, C)
    special = getattr(interactive, "cond_frame_obj_ptr_embedding", None)
    if special is not None:
        pointers[: len(banks[0].conditioning)] += special
    count, batch, width = pointers.shape
    ages = [age for some in zip(*read, strict=True) for _, age in some]
    when = interactive._get_tpos_enc(
        ages, max_abs_pos=interactive.max_obj_ptrs_in_encoder, device=pointers.device
    ).reshape(count, batch, -1)
    parts = width // interactive.mem_dim
    tokens = pointers.reshape(count, batch, parts, interactive.mem_dim).permute(0, 2, 1, 3).flatten(0, 1)
    return tokens, when.repeat_interleave(parts, dim=0)


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


def _batches(banks: Sequence[Bank], tick: int, limit: int) -> Iterator[list[int]]:
    groups: dict[object, list[int]] = {}
    for row, bank in enumerate(banks):
        groups.setdefault(bank.layout(tick), []).append(row)
    for rows in groups.values():
        for start in range(0, len(rows), limit):
            yield rows[start : start + limit]


def _sequence(features: Tensor, batch: int) -> Tensor:
    """(1, C, g, g) as (g², batch, C), the way upstream's attention wants it."""
    return features.flatten(2).permute(2, 0, 1).expand(-1, batch, -1)
