"""
What an object looked like: a bank of fixed length for each object, and following objects by it.

Upstream keeps every frame's output for ever (about 1 MB for each object and frame at full size). Here the wheel's
layers do the work and the bank is ours: its length does not grow with the stream. SAM 2 (Ravi et al. 2024) describes
the memory attention; the numbers are ``sam3_tracker_base.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model.bank import Bank, Memory, Propagation

if TYPE_CHECKING:
    from tracker.model.features import Embedding
    from tracker.model.sam3 import Sam3


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
