"""
What an object looked like: a bank of fixed length for each object, and following objects by it.

Upstream keeps every frame's output for ever (about 1 MB for each object and frame at full size). Here the wheel's
layers do the work and the bank is ours: its length does not grow with the stream. SAM 2 (Ravi et al. 2024) describes
the memory attention; the numbers are ``sam3_tracker_base.py``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model.bank import Bank, Memory, Propagation
from tracker.model.batching import groups_of_equals
from tracker.model.compute import picked, uploaded
from tracker.model.features import CLAMP, Levels

Attended = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]  # of some objects: the tensors of a Propagation


class MemoryHead:
    """
    Memory attention and the memory encoder of the interactive ``network`` (upstream's ``Sam3TrackerBase``).

    It is given the three levels of :attr:`Embedding.interactive`, the position encoding of the coarsest, and how many
    objects may go together in one pass. ``attention`` is what reads memories: the network's own module, or it compiled.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self.attention: Any = network.transformer.encoder

    def memorize(self, levels: Levels, logits: Tensor, tick: int, batch: int) -> list[Memory]:
        """Memories of (B, S, S) masks that are taken as true on this frame: from the detector or a user."""
        fine, middle, coarse = levels
        size = self.network.input_mask_size
        found = []
        for some in logits.split(batch):
            masks = F.interpolate(some[:, None].float(), (size, size), mode="bilinear", align_corners=False) > 0
            features = coarse.expand(len(some), -1, -1, -1)
            *_, high, pointers, score = self.network._use_mask_as_output(features, [fine, middle], masks.float())
            found += self._encode(coarse, high, pointers, score, tick)
        return found

    def propagate(self, levels: Levels, positions: Tensor, banks: Sequence[Bank], tick: int, batch: int) -> Propagation:
        """Follow objects into a frame by their memories, as many in one pass as have as many memories."""
        parts: dict[int, Attended] = {}
        for rows in groups_of_equals([bank.layout(tick) for bank in banks], batch):
            answers = self._attend(levels, positions, [banks[row] for row in rows], tick)
            parts |= dict(zip(rows, zip(*answers, strict=True), strict=True))
        return Propagation(tick, *map(torch.stack, zip(*(parts[row] for row in range(len(banks))), strict=True)))

    def encode(self, levels: Levels, found: Propagation, rows: Sequence[int], batch: int) -> list[Memory]:
        """Memories of the objects in these rows of a propagation, one for each row."""
        memories = []
        for start in range(0, len(rows), batch):
            some = list(rows[start : start + batch])
            masks, pointers, score = (picked(each, some) for each in (found.masks, found.pointers, found.score))
            memories += self._encode(levels[2], masks, pointers, score[:, None], found.tick)
        return memories

    def _attend(self, levels: Levels, positions: Tensor, banks: Sequence[Bank], tick: int) -> Attended:
        fine, middle, coarse = levels
        maps, places = self._maps(banks, tick)
        pointers, when = self._pointers(banks, tick)
        out = self.attention(
            src=[_sequence(coarse, len(banks))],
            src_key_padding_mask=[None],
            src_pos=[_sequence(positions, len(banks))],
            prompt=torch.cat([maps, pointers]),
            prompt_pos=torch.cat([places, when]),
            prompt_key_padding_mask=None,
            feat_sizes=[coarse.shape[-2:]],
            num_obj_ptr_tokens=len(pointers),
        )
        features = out["memory"].permute(1, 2, 0).reshape(len(banks), *coarse.shape[1:])
        *_, ious, low, high, pointer, score = self.network._forward_sam_heads(
            backbone_features=features, high_res_features=[fine, middle], multimask_output=True
        )
        logits = low[:, 0].float().clamp(-CLAMP, CLAMP)
        return logits, ious.float().amax(1), score.float()[:, 0], high, pointer

    def _maps(self, banks: Sequence[Bank], tick: int) -> tuple[Tensor, Tensor]:
        """
        Maps of B banks as tokens (K·g², B, M), and their position encodings.

        Upstream's ``_prepare_memory_conditioned_features`` does the same for objects whose memories are of the same
        frames.
        """
        read = [bank.maps(tick) for bank in banks]
        maps = torch.stack(
            [torch.cat([each.features for each, _ in some if each.features is not None]) for some in read]
        )
        places = self.network.maskmem_backbone.position_encoding(maps[0, :1]).to(maps.dtype)
        places = places.flatten(2).permute(2, 0, 1)  # (g², 1, M)
        # The newest frame's encoding stands first, that of conditioning frames last.
        ages = uploaded(torch.tensor([[age - 1 for _, age in some] for some in read]), maps.device)
        times = self.network.maskmem_tpos_enc[:, 0, 0][ages.T]  # (K, B, M); -1 is the last
        special = getattr(self.network, "cond_frame_spatial_embedding", None)
        if special is not None:
            times = times + special.flatten() * (ages.T == -1)[..., None]
        tokens = maps.permute(1, 3, 4, 0, 2).flatten(0, 2)
        return tokens, (places[None] + times[:, None]).flatten(0, 1)

    def _pointers(self, banks: Sequence[Bank], tick: int) -> tuple[Tensor, Tensor]:
        """Pointers of B banks as tokens (P·C/M, B, M), and encodings of how many frames ago each is."""
        read = [bank.pointers(tick) for bank in banks]
        pointers = torch.stack([torch.cat([each.pointer for each, _ in some]) for some in read], 1)  # (P, B, C)
        special = getattr(self.network, "cond_frame_obj_ptr_embedding", None)
        if special is not None:
            pointers[: len(banks[0].conditioning)] += special
        count, objects, width = pointers.shape
        ages = [age for some in zip(*read, strict=True) for _, age in some]
        when = self.network._get_tpos_enc(
            ages, max_abs_pos=self.network.max_obj_ptrs_in_encoder, device=pointers.device
        ).reshape(count, objects, -1)
        parts = width // self.network.mem_dim
        tokens = pointers.reshape(count, objects, parts, self.network.mem_dim).permute(0, 2, 1, 3).flatten(0, 1)
        return tokens, when.repeat_interleave(parts, dim=0)

    def _encode(self, coarse: Tensor, high: Tensor, pointers: Tensor, score: Tensor, tick: int) -> list[Memory]:
        features, _ = self.network._encode_new_memory(
            image=None,
            current_vision_feats=[_sequence(coarse, len(high))],
            feat_sizes=[coarse.shape[-2:]],
            pred_masks_high_res=high,
            object_score_logits=score,
            is_mask_from_pts=False,
        )
        # clone: a slice would keep the whole batch's tensor alive for as long as any object's memory.
        each = zip(features.split(1), pointers.split(1), strict=True)
        return [Memory(tick, features.clone(), pointer.clone()) for features, pointer in each]


def _sequence(features: Tensor, batch: int) -> Tensor:
    """(1, C, g, g) as (g², batch, C), the way upstream's attention wants it."""
    return features.flatten(2).permute(2, 0, 1).expand(-1, batch, -1)
