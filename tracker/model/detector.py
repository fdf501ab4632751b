"""Concept detection: every object of a text or of exemplar boxes, with scores and mask logits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tracker.model import postprocess, rivals
from tracker.model.batching import groups_of_equals
from tracker.model.compute import picked, uploaded
from tracker.model.configs import Config
from tracker.model.features import Detected, Example, Shown, kind
from tracker.types import Detection, Prompt

NMS_IOU = 0.1  # upstream's, within one prompt (sam3.model_builder: det_nms_thresh)
TEXT_CACHE = 256  # prompts whose features are kept: about 33 kB each at full size
DETECT_BATCH = 4  # prompts in one pass of the detector: 200 query masks of 288² floats each at full size are 66 MB
VISUAL = "visual"  # the text upstream uses where exemplar boxes come without words


class Detector:
    """
    The detection head of ``network``. Of ``config`` it reads what is known of the weights' faults.

    It is given a picture's three levels of features, their position encodings, and the picture's size in pixels,
    (height, width), in which the boxes of prompts are meant. ``numbers``: how many words go in a pass where it is
    compiled, for which words are repeated; empty: as many as there are.
    """

    def __init__(self, network: Any, config: Config) -> None:
        self.network = network
        self.config = config
        self.numbers: tuple[int, ...] = ()
        self._texts: OrderedDict[str, tuple[Tensor, Tensor]] = OrderedDict()  # at most TEXT_CACHE

    def forget(self) -> None:
        """Drop the features of texts."""
        self._texts.clear()

    def detect(
        self,
        levels: Sequence[Tensor],
        positions: Sequence[Tensor],
        size: tuple[int, int],
        prompts: Sequence[Prompt],
        nms_iou: float | None,
    ) -> list[Detected]:
        """As :meth:`tracker.Sam3.detect`. As many prompts go in one pass as are of one kind."""
        most = min((each for each in (nms_iou, self.config.doubles) if each is not None), default=None)
        found: dict[int, Detected] = {}
        for indices in groups_of_equals([kind(prompt) for prompt in prompts], DETECT_BATCH):
            some = self._padded([prompts[index] for index in indices])
            answers, logits = self.ground(levels, positions, size, some)
            scores = answers[: len(indices)].cpu()  # all of them in one copy: what is kept is decided here
            thresholds = [prompts[index].threshold for index in indices]
            likely = [reached(*each) for each in zip(scores, logits[: len(indices)], thresholds, strict=True)]
            found |= zip(indices, distinct(likely, most), strict=True)
        return self.settled(prompts, [found[index] for index in range(len(prompts))])

    def settled(self, prompts: Sequence[Prompt], found: list[Detected]) -> list[Detected]:
        """What each prompt found, without what another noun has the better claim to (:mod:`rivals`)."""
        return found if self.config.rivals is None else rivals.settled(prompts, found, self.config.rivals)

    def _padded(self, prompts: list[Prompt]) -> list[Prompt]:
        if prompts[0].boxes or isinstance(prompts[0], Shown):
            return prompts
        number = next((each for each in self.numbers if each >= len(prompts)), len(prompts))
        return [*prompts, *[prompts[-1]] * (number - len(prompts))]

    def ground(
        self,
        levels: Sequence[Tensor],
        positions: Sequence[Tensor],
        size: tuple[int, int],
        prompts: Sequence[Prompt],
    ) -> tuple[Tensor, Tensor]:
        """Scores (P, Q) and mask logits (P, Q, S, S) of every query for prompts of one :func:`kind`."""
        from sam3.model.data_misc import FindStage

        device = levels[0].device
        texts = [self.text(prompt.text or VISUAL, device) for prompt in prompts]
        rows = torch.arange(len(prompts), device=device)
        stage = FindStage(rows * 0, rows, *[None] * 6)
        out = self.network.forward_grounding(
            backbone_out={
                "backbone_fpn": list(levels),
                "vision_pos_enc": list(positions),
                "language_features": torch.cat([features for features, _ in texts], 1),
                "language_mask": torch.cat([mask for _, mask in texts], 0),
            },
            find_input=stage,
            find_target=None,
            geometric_prompt=joined(prompts) or exemplars(size, prompts, device),
        )
        scores = out["pred_logits"].float().sigmoid()
        if self.config.presence:
            scores = scores * out["presence_logit_dec"].float().sigmoid().unsqueeze(1)
        masks = out["pred_masks"]
        if self.config.mask_reach is not None:
            masks = postprocess.within(masks, out["pred_boxes"], self.config.mask_reach)
        return scores.squeeze(-1), masks

    def example(
        self, levels: Sequence[Tensor], positions: Sequence[Tensor], size: tuple[int, int], prompt: Prompt
    ) -> Example:
        """What the example boxes of a prompt show on this picture, to ask others for it."""
        device = levels[0].device
        seen = {"backbone_fpn": list(levels), "vision_pos_enc": list(positions)}
        _, features, places, sizes = self.network._get_img_feats(seen, torch.zeros(1, dtype=torch.long, device=device))
        tokens, padding = self.network.geometry_encoder(
            geo_prompt=exemplars(size, [prompt], device), img_feats=features, img_sizes=sizes, img_pos_embeds=places
        )
        return Example(tokens, padding)

    def text(self, text: str, device: torch.device) -> tuple[Tensor, Tensor]:
        """Features (L, 1, C) and padding mask (1, L) of a text, from the cache where it was asked before."""
        if text not in self._texts:
            out = self.network.backbone.forward_text([text], device=device)
            self._texts[text] = out["language_features"], out["language_mask"]
            if len(self._texts) > TEXT_CACHE:
                self._texts.popitem(last=False)
        self._texts.move_to_end(text)
        return self._texts[text]


def joined(prompts: Sequence[Prompt]) -> Example | None:
    """The examples of other pictures, (T, P, C), of prompts that have such; None: theirs are boxes on this one."""
    examples = [prompt.example for prompt in prompts if isinstance(prompt, Shown)]
    if not examples:
        return None
    tokens = torch.cat([each.tokens for each in examples], 1)
    return Example(tokens, torch.cat([each.padding for each in examples], 0))


def exemplars(size: tuple[int, int], prompts: Sequence[Prompt], device: torch.device) -> Any:
    """Boxes as upstream's geometry encoder wants them: (boxes, prompts, 4) normalised centre and size."""
    from sam3.model.geometry_encoders import Prompt as Geometry

    down, across = (1 / side for side in size)
    boxes = torch.tensor(
        [
            [
                ((b.x0 + b.x1) / 2 * across, (b.y0 + b.y1) / 2 * down, (b.x1 - b.x0) * across, (b.y1 - b.y0) * down)
                for b in prompt.boxes
            ]
            for prompt in prompts
        ]
    ).view(len(prompts), -1, 4)
    boxes = uploaded(boxes, device)
    labels = uploaded(torch.tensor([prompt.labels or (True,) * len(prompt.boxes) for prompt in prompts]), device)
    return Geometry(
        box_embeddings=boxes.transpose(0, 1),
        box_mask=torch.zeros(boxes.shape[:2], dtype=torch.bool, device=device),
        box_labels=labels.view(boxes.shape[:2]).long().T,
    )


def reached(scores: Tensor, logits: Tensor, threshold: float) -> Detected:
    """
    Of one prompt's queries those that reach the threshold, best first, repaired.

    ``scores`` are on the host, wherever the masks are.
    """
    kept = (scores >= threshold).nonzero().squeeze(1)
    kept = kept[scores[kept].argsort(descending=True, stable=True)]
    scores, logits = scores[kept], picked(logits, kept.tolist()).float() if len(kept) else logits[:0].float()
    if len(scores):
        logits = postprocess.fill_holes(logits, postprocess.speck_area(logits.shape[-1]))
    return Detected(scores, logits)


def distinct(found: Sequence[Detected], nms_iou: float | None) -> list[Detected]:
    """What each prompt found, no two of it one object: the device is waited for once."""
    answer = list(found)
    rows = [row for row, each in enumerate(found) if nms_iou is not None and len(each) > 1]
    if nms_iou is None or not rows:
        return answer
    kept = postprocess.suppressed([(found[row].logits > 0, found[row].scores) for row in rows], nms_iou)
    for row, best in zip(rows, kept, strict=True):
        answer[row] = Detected(found[row].scores[best], picked(found[row].logits, best.tolist()))
    return answer


def finish(found: Sequence[Detected], height: int, width: int, nms_iou: float | None) -> list[list[Detection]]:
    """As :meth:`tracker.Sam3.finish`: suppression over all prompts, and masks at picture size."""
    scores = torch.cat([each.scores for each in found]) if found else torch.empty(0)
    keep = torch.ones(len(scores), dtype=torch.bool)
    if nms_iou is not None and len(scores):
        binary = torch.cat([each.logits for each in found]) > 0
        keep = torch.zeros_like(keep)
        keep[postprocess.suppress(binary, scores, nms_iou)] = True
    answer, start = [], 0
    for index, each in enumerate(found):
        kept = keep[start : start + len(each)]
        start += len(each)
        logits = picked(each.logits, kept.nonzero()[:, 0].tolist()) if kept.any() else each.logits[:0]
        masks = postprocess.to_masks(logits, height, width)
        pairs = zip(each.scores[kept].tolist(), masks, strict=True)
        answer.append([Detection(index, score, box, mask) for score, (mask, box) in pairs])
    return answer
