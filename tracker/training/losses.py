"""What training asks of the network: the detector's losses, the interactive head's, and a dense one beside them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tracker.model.vocabulary import COLORS
from tracker.training.data import IGNORED, NAMES, Batch

Outputs = dict[str, Any]
Matched = tuple[Tensor, Tensor, Tensor]  # prompt, query, target: one entry for each pair


def mask_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy plus dice, for each of N masks: (N, H, W) logits against (N, H, W) coverage 0..1 → (N,)."""
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((-2, -1))
    # Small objects have few pixels: weigh what is hard, as focal loss does, without its two more numbers.
    inside = (targets > 0.05).float()
    near = F.max_pool2d(inside, 7, 1, 3) if inside.ndim == 4 else F.max_pool2d(inside[:, None], 7, 1, 3)[:, 0]
    border = F.binary_cross_entropy_with_logits(logits, targets, reduction="none") * near
    border = border.sum((-2, -1)) / near.sum((-2, -1)).clamp(min=1)
    chance = logits.sigmoid()
    overlap = (chance * targets).sum((-2, -1))
    dice = 1 - (2 * overlap + 1) / (chance.sum((-2, -1)) + targets.sum((-2, -1)) + 1)
    return 2 * cross_entropy + border + 2 * dice


def detector_loss(out: Outputs, batch: Batch, matcher: Any, many_matcher: Any) -> dict[str, Tensor]:
    """
    Losses of ``Sam3Image.forward_grounding`` in training mode, every decoder layer and both query sets.

    One query answers one object (Hungarian matching); the second set, used in training only, lets several answer it
    (DAC-DETR). Scores are pulled towards what their box reaches, as upstream's training does.
    """
    targets = find_targets(batch)
    layers = [out, *out.get("aux_outputs", [])]
    total: dict[str, Tensor] = {}
    for number, layer in enumerate(layers):
        one = (layer, resolve(layer["indices"], batch), 1.0)
        many_out = {key.removesuffix("_o2m"): value for key, value in layer.items() if key.endswith("_o2m")}
        many = (many_out, resolve(many_matcher(many_out, targets), batch), 1.0)
        for outputs, matched, weight in (one, many):
            for name, value in _layer_loss(outputs, matched, batch, with_masks=number == 0).items():
                total[name] = total.get(name, 0) + value * weight
    present = (batch.target_counts > 0).float()
    for layer in layers:
        logits = layer["presence_logit_dec"].reshape(-1)
        total["presence"] = total.get("presence", 0) + 2 * F.binary_cross_entropy_with_logits(logits, present)
    total["semantic"] = 4 * _semantic_loss(out["semantic_seg"], batch)
    return total


def find_targets(batch: Batch) -> dict[str, Tensor]:
    """The targets as the wheel's matchers read them."""
    counts = batch.target_counts
    width = max(1, int(counts.max()))
    padded = torch.zeros(len(counts), width, 4, device=batch.target_boxes.device)
    for prompt, boxes in enumerate(batch.target_boxes.split(counts.tolist())):
        padded[prompt, : len(boxes)] = boxes
    return {"boxes": batch.target_boxes, "boxes_padded": padded, "num_boxes": counts}


def resolve(indices: Any, batch: Batch) -> Matched:
    """The wheel's matchers leave the target out where every one was matched in order."""
    prompt, query, target = indices
    if target is None:
        target = torch.arange(len(prompt))
    return prompt, query, target


def corners(boxes: Tensor) -> Tensor:
    """cx, cy, w, h → x0, y0, x1, y1, (..., 4)."""
    center, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([center - size / 2, center + size / 2], -1)


def _layer_loss(out: Outputs, matched: Matched, batch: Batch, *, with_masks: bool) -> dict[str, Tensor]:
    prompt, query, target = matched
    pairs = max(1, len(prompt))
    boxes, wanted = out["pred_boxes"][prompt, query].float(), batch.target_boxes[target]
    iou, giou = overlaps(corners(boxes), corners(wanted))
    losses = {
        "box": 5 * F.l1_loss(boxes, wanted, reduction="sum") / pairs + 2 * (1 - giou).sum() / pairs,
        "score": score_loss(out["pred_logits"][..., 0].float(), prompt, query, iou.detach()),
    }
    if with_masks and len(prompt):
        losses["mask"] = 2 * mask_loss(out["pred_masks"][prompt, query].float(), batch.target_masks[target]).mean()
    return losses


def score_loss(logits: Tensor, prompt: Tensor, query: Tensor, iou: Tensor) -> Tensor:
    """Scores over (P, Q) logits: matched queries aim at the root of their box's IoU, others at 0, by their error."""
    chance = logits.sigmoid().detach()
    aim = torch.zeros_like(logits)
    aim[prompt, query] = iou.clamp(min=0).sqrt()
    weight = chance**2
    weight[prompt, query] = 4.0
    loss = F.binary_cross_entropy_with_logits(logits, aim, weight=weight, reduction="sum")
    return 2 * loss / max(1, len(prompt))


def overlaps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of boxes pair by pair, (N, 4) corners each."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    union = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1) - shared
    iou = shared / union.clamp(min=1e-7)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    return iou, iou - (hull - union) / hull.clamp(min=1e-7)


def _semantic_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Everything that answers the prompt, as one mask: it teaches the words before single objects are found."""
    return mask_loss(logits[:, 0].float(), answers(batch)).mean()


def answers(batch: Batch) -> Tensor:
    """All that answers each prompt, as one mask: (P, MASK_SIDE, MASK_SIDE) coverage."""
    wanted = torch.zeros(len(batch.texts), *batch.target_masks.shape[1:], device=batch.target_masks.device)
    for prompt, masks in enumerate(batch.target_masks.split(batch.target_counts.tolist())):
        if len(masks):
            wanted[prompt] = masks.amax(0)
    return wanted


class DenseHead(torch.nn.Module):
    """
    What every place of a picture is, said straight from the backbone's features: in training only, thrown away after.

    It tells the colour, the name and the box around it at every place of the coarsest features, which the detector
    reads, and for every prompt, by the dot product of its text with a place, whether the place answers it. All teach
    backbone and text encoder within minutes what the detector's own losses take hours to send through its layers. From
    the finest features, layers away from the trunk, they do not.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.classify = torch.nn.Conv2d(dim, len(COLORS) + 1 + len(NAMES) + 1 + 4, 1)
        self.bias = torch.nn.Parameter(torch.full((1,), -2.0))

    def named(self, levels: list[Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
        """Losses of colours and names, and of boxes, from (B, C, side, side) feature levels, finest first."""
        logits = self.classify(levels[-1]).float()
        logits = F.interpolate(logits, batch.colors.shape[-2:], mode="bilinear", align_corners=False)
        named = torch.zeros((), device=logits.device)
        *parts, extent = logits.split([len(COLORS) + 1, len(NAMES) + 1, 4], 1)
        for part, truth in zip(parts, (batch.colors, batch.names), strict=True):
            weight = torch.ones(part.shape[1], device=part.device)
            weight[0] = 0.2  # most of a picture is background
            named = named + F.cross_entropy(part, truth, weight=weight, ignore_index=IGNORED)
        covered = (batch.extents[:, 2:3] > 0).float()
        # Weighed more, boxes are all that is learnt for minutes, and names wait.
        return named, ((extent - batch.extents).abs() * covered).sum() / covered.sum().clamp(min=1)

    def aligned(self, levels: list[Tensor], text: Tensor, pad: Tensor, batch: Batch) -> Tensor:
        """
        The loss of texts against places, from the same levels and (L, P, C) text features.

        ``pad`` is (P, L), True where a text has no token. There is no layer of its own in between: texts come to lie
        among the features that exemplars are made of.
        """
        worded = batch.exemplar_pad.all(1)  # what an exemplar shows, its text does not say
        there = (~pad).float().T[..., None]
        mean = ((text.float() * there).sum(0) / there.sum(0))[worded]
        features = levels[-1].float()[batch.image_of_prompt[worded]]
        logits = torch.einsum("pc,pchw->phw", mean, features) / features.shape[1] ** 0.5 + self.bias
        goal = F.adaptive_avg_pool2d(answers(batch)[worded][:, None], logits.shape[-2:])[:, 0]
        return mask_loss(logits, goal).mean()


def overlap(logits: Tensor, truth: Tensor) -> Tensor:
    """IoU (...) of masks (..., H, W) with the coverage of what they should be, of a shape that goes with theirs."""
    on, wanted = logits > 0, truth >= 0.5
    return (on & wanted).sum((-2, -1)) / (on | wanted).sum((-2, -1)).clamp(min=1)


def interactive_loss(masks: Tensor, iou: Tensor, exists: Tensor, batch: Batch) -> dict[str, Tensor]:
    """
    Losses of the interactive head: (K, 4, H, W) logits, (K, 4) predicted IoU, (K, 1) object-score logits.

    The first mask is the single answer; of the other three only the best is taught (SAM), all learn to know their IoU.
    """
    masks, truth, there = masks.float(), batch.click_masks, batch.click_exists
    losses = {"object": F.binary_cross_entropy_with_logits(exists[:, 0].float(), there.float())}
    if there.any():
        each = mask_loss(masks[there].flatten(0, 1), truth[there].repeat_interleave(4, 0)).view(-1, 4)
        losses["click"] = 2 * (each[:, 0].mean() + each[:, 1:].amin(1).mean() + 0.05 * each[:, 1:].mean())
        with torch.no_grad():
            real = overlap(masks[there], truth[there][:, None])
        losses["iou"] = 2 * F.mse_loss(iou[there].float(), real)
    return losses
