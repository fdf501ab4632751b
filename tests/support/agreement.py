"""Every stage of ours beside the same stage of ``transformers``' SAM3, with the same weights, on the same pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tests.support import theirs
from tests.support.vit import VIT
from tracker import Box, Embedding, Point, Prompt, Sam3, SegmentPrompt
from tracker.model.bank import Bank, Memory
from tracker.model.detector import exemplars

HEIGHT, WIDTH = 96, 128
COSINE, RELATIVE = 0.9999, 1e-3  # what agreement is, in fp32
BFLOAT = 2**-7  # of maps that both keep in bf16: two values about the same may be rounded to neighbours
CLEAR = 0.1  # logits: random ones hover about zero, and a pixel nearer to it may fall on either side
EXEMPLARS = Prompt("red circle", boxes=(Box(10, 20, 50, 60), Box(60, 10, 100, 40)), labels=(True, False))
CLICKS = {
    "one click": SegmentPrompt(points=(Point(30, 40),)),
    "two clicks": SegmentPrompt(points=(Point(30, 40), Point(70, 20, False))),
    "box": SegmentPrompt(box=Box(10, 20, 90, 80)),
    "box and click": SegmentPrompt(points=(Point(30, 40),), box=Box(10, 20, 90, 80)),
}


@dataclass(frozen=True)
class Pair:
    """One tensor of ours and the same of theirs."""

    stage: str
    what: str
    ours: Tensor
    theirs: Tensor
    allowed: float = RELATIVE

    @property
    def cosine(self) -> float:
        """Of the angle between them, both as one long vector."""
        a, b = self.ours.double().flatten(), self.theirs.double().flatten()
        return float(torch.nn.functional.cosine_similarity(a, b, 0))

    @property
    def relative(self) -> float:
        """The greatest difference, as a share of the greatest value."""
        return float((self.ours.double() - self.theirs.double()).abs().max() / self.theirs.double().abs().max())

    @property
    def iou(self) -> float:
        """Of the masks of logits, over the pixels that are clear of zero in theirs."""
        clear = self.theirs.abs() > CLEAR
        a, b = (self.ours > 0) & clear, (self.theirs > 0) & clear
        return float((a & b).sum() / (a | b).sum().clamp(min=1))

    @property
    def agrees(self) -> bool:
        """Whether they are the same but for rounding."""
        return self.ours.shape == self.theirs.shape and self.cosine >= COSINE and self.relative <= self.allowed


def picture(seed: int) -> npt.NDArray[np.uint8]:
    """A patchwork of colours."""
    rough = np.random.default_rng(seed).integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    return rough.repeat(8, 0).repeat(8, 1)


STAGES = ("features", "text", "detector", "clicks", "memory")


class Both:
    """Ours and theirs, looking at the same pictures; each is embedded once. ``still``: every frame shows the first."""

    def __init__(self, ours: Sam3, model: Any, *, still: bool = False) -> None:
        self.ours = ours
        self.model = model
        self.still = still
        self._seen: dict[int, tuple[Tensor, Embedding, Any]] = {}

    def look(self, frame: int) -> tuple[Tensor, Embedding, Any]:
        """Pixels as both networks want them, our embedding, and what their backbone made of them."""
        frame = 0 if self.still else frame
        if frame not in self._seen:
            pixels = self.ours._square(picture(frame))
            seen = self.model.detector_model.get_vision_features(pixels)
            self._seen[frame] = pixels, self.ours.embed(picture(frame)), seen
        return self._seen[frame]


@torch.inference_mode()
def pairs(both: Both, clicker: Any, stages: tuple[str, ...] = STAGES) -> Iterator[Pair]:
    """Some of the stages, from pixels to three steps of the memory tracker."""
    if "features" in stages:
        yield from _features(both)
    if "text" in stages:
        yield from _text(both)
    if "detector" in stages:
        yield from _detector(both)
    if "clicks" in stages:
        yield from _clicks(both, clicker)
    if "memory" in stages:
        yield from memory(both)


def _features(both: Both) -> Iterator[Pair]:
    _, embedding, seen = both.look(0)
    detector, tracker = theirs.features(both.model, seen)
    levels = zip((*both.ours.levels(embedding), *embedding.interactive), detector + tracker, strict=True)
    for place, (a, b) in enumerate(levels):
        yield Pair("features", f"{'detector' if place < len(detector) else 'tracker'}, level {place % 3}", a, b)


def _text(both: Both) -> Iterator[Pair]:
    ids = theirs.tokens(both.ours, "red circle")
    read = int((ids != 0).sum())  # what follows is padding, which no attention sees
    found = both.model.detector_model.get_text_features(ids, (ids != 0).long()).pooler_output
    yield Pair(
        "text", "features", both.ours.detector.text("red circle", both.ours.device)[0][:read, 0], found[0, :read]
    )


def _detector(both: Both) -> Iterator[Pair]:
    _, embedding, seen = both.look(0)
    size = embedding.height, embedding.width
    asked = {"words": Prompt("red circle"), "words and boxes": EXEMPLARS, "boxes": replace(EXEMPLARS, text=None)}
    for name, prompt in asked.items():
        boxes = exemplars(size, [prompt], both.ours.device).box_embeddings[:, 0] if prompt.boxes else None
        ids = theirs.tokens(both.ours, prompt.text or "visual")
        b = theirs.detect(both.model, seen, ids, boxes, [int(label) for label in prompt.labels])
        a = raw(both.ours, embedding, prompt)
        yield Pair("detector", f"{name}: logits", a["pred_logits"][..., 0], b.pred_logits)
        yield Pair("detector", f"{name}: presence", a["presence_logit_dec"], b.presence_logits)
        yield Pair("detector", f"{name}: boxes", a["pred_boxes_xyxy"], b.pred_boxes)
        yield Pair("detector", f"{name}: masks", a["pred_masks"], b.pred_masks)


def raw(ours: Sam3, embedding: Embedding, prompt: Prompt) -> dict[str, Tensor]:
    """What the network says to one prompt, before scores and thresholds."""
    seen: list[dict[str, Tensor]] = []
    forward = ours.network.forward_grounding

    def recorded(**asked: Any) -> dict[str, Tensor]:
        seen.append(forward(**asked))
        return seen[-1]

    ours.network.forward_grounding = recorded
    try:
        ours.detect(embedding, [prompt])
    finally:
        del ours.network.forward_grounding
    return seen[0]


def earlier(ours: Sam3) -> Tensor:
    """Logits (S, S) of a click before."""
    return torch.randn(ours.side, ours.side, generator=torch.Generator().manual_seed(3)) * 5


def _clicks(both: Both, clicker: Any) -> Iterator[Pair]:
    ours, (_, embedding, seen) = both.ours, both.look(0)
    _, levels = theirs.features(both.model, seen)
    scale = ours.config.image_size / WIDTH, ours.config.image_size / HEIGHT
    again = {"click and logits": replace(CLICKS["one click"], logits=earlier(ours))}
    for name, prompt in (CLICKS | again).items():
        for many in (True, False):
            found = ours.segment(embedding, [prompt], multimask=many)
            answer = theirs.click(clicker, levels, prompt, scale, many)
            order = answer.iou_scores[0, 0].argsort(descending=True)
            stage = f"{name}, {'three masks' if many else 'one mask'}"
            yield Pair("clicks", f"{stage}: masks", found.logits[0], answer.pred_masks[0, 0, order].clamp(-32, 32))
            yield Pair("clicks", f"{stage}: quality", found.ious[0], answer.iou_scores[0, 0, order])
            yield Pair("clicks", f"{stage}: present", found.present, answer.object_score_logits.sigmoid().flatten())


def drawn(ours: Sam3) -> Tensor:
    """Logits (1, S, S) of a mask somebody drew."""
    logits = torch.full((1, ours.side, ours.side), -10.0)
    logits[:, ours.side // 5 : ours.side // 2, ours.side // 4 : ours.side * 3 // 4] = 10.0
    return logits


def full_size(ours: Sam3, logits: Tensor) -> Tensor:
    """The (H, W) binary mask that the memory encoder is given for (1, S, S) logits."""
    size = (ours.interactive.input_mask_size,) * 2
    mask: Tensor = torch.nn.functional.interpolate(logits[None], size, mode="bilinear", align_corners=False)[0, 0] > 0
    return mask


def rounded(memory: Memory) -> Memory:
    """A memory as theirs keeps it: its map in bf16."""
    assert memory.features is not None
    return replace(memory, features=memory.features.bfloat16().float())


@torch.inference_mode()
def memory(both: Both, steps: int = 3) -> Iterator[Pair]:
    """One mask taken as true, then some steps by memory, both from the same first memory."""
    ours, following, bank = both.ours, theirs.Following(both.model), Bank()
    pixels, embedding, seen = both.look(0)
    (first,) = ours.memorize(embedding, drawn(ours), 0)
    following.step(pixels, seen, 0, full_size(ours, drawn(ours)))
    following.condition(first)
    bank.condition(rounded(first))
    for tick in range(1, steps + 1):
        pixels, embedding, seen = both.look(tick)
        found = ours.propagate(embedding, [bank], tick)
        kept = following.step(pixels, seen, tick)
        (made,) = ours.encode_memories(embedding, found, [0])
        assert made.features is not None
        maps = made.features.bfloat16().flatten(2).permute(2, 0, 1)
        yield Pair("memory", f"step {tick}: masks", found.logits[0], kept["pred_masks"][0, 0].clamp(-32, 32))
        present = kept["object_score_logits"].sigmoid().flatten()
        yield Pair("memory", f"step {tick}: present", found.present, present)
        yield Pair("memory", f"step {tick}: pointer", made.pointer, kept["object_pointer"][0])
        yield Pair("memory", f"step {tick}: map", maps, kept["maskmem_features"], BFLOAT)
        bank.remember(rounded(made))


# 64 is a constant in their memory attention, and pointers are cut into pieces of it; position embeddings are tiled.
TINY = replace(VIT, dim=128, memory_dim=64, vit_pretrain_size=112)
