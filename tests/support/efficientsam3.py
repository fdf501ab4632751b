"""What EfficientSAM3's own code makes and answers, kept as numbers: tests/data/efficientsam3 says how they came."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.support import agreement, seeded
from tracker import Box, Point, Prompt, Sam3, SegmentPrompt
from tracker.checkpoints import efficientsam3_layout, weights
from tracker.model.configs import config_named

DATA = Path(__file__).parents[1] / "data" / "efficientsam3"
KINDS = {
    "efficientsam3-ev": "efficientvit_b1",
    "efficientsam3-rv": "repvit_m1_1",
    "efficientsam3-tv": "tiny_vit_11m_224",
}
PRESENT = "tracker.sam_mask_decoder.pred_obj_score_head.layers.2.bias"  # where no object is, no mask is told
WORDS = "a red circle"
BOXES = ((0.2, 0.25, 0.4, 0.55), (0.55, 0.5, 0.85, 0.7))  # corners, shares of the picture; the second is a negative one
CLICK = 0.4, 0.55
CLEAR = 1e-3  # of logits, a thousandth of how far they go


def reference(kind: str) -> Any:
    """The file of a model: ``layout``, ``bytes`` and, by the picture's side, ``answers``."""
    return json.loads((DATA / f"{kind}.json").read_text())


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names and shapes, a line for each, sorted."""
    lines = sorted(f"{name} {list(each.shape)}" for name, each in tensors.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def iou(kept: Mapping[str, Any], logits: Tensor) -> float:
    """
    Of the reference's masks and ours (N, S, S), both divided at the middle of the reference's.

    Random weights give masks that are all in or all out; their middle divides them in any case. Of large ones every
    fourth row and column is kept. Pixels that lie on the middle itself do not count.
    """
    step = logits.shape[-1] // 72 if logits.shape[-1] > 96 else 1
    thin = logits[..., ::step, ::step]
    packed = np.frombuffer(zlib.decompress(base64.b85decode(kept["above"])), np.uint8)
    theirs = torch.from_numpy(np.unpackbits(packed, count=thin.numel())).view(thin.shape).bool()
    beyond = thin - torch.tensor(kept["middle"])[:, None, None]
    clear = beyond.abs() > CLEAR
    theirs, ours = theirs & clear, (beyond > 0) & clear
    assert clear.float().mean() > 0.9
    return float((theirs & ours).sum() / (theirs | ours).sum())


def seeded_model(kind: str, side: int) -> Sam3:
    """A model for pictures of ``side`` pixels with weights made of their names in a published file, as it serves."""
    model = Sam3(replace(config_named(kind), image_size=side), torch.device("cpu"))
    model.bf16_backbone = False
    ours = weights.upstream_keys(model.network)
    theirs = {
        name: seeded.tensor(name, each.shape, each.dtype) for name, each in efficientsam3_layout.to_theirs(ours).items()
    }
    theirs[PRESENT].fill_(5.0)
    found = efficientsam3_layout.from_theirs(theirs, ours)
    model.network.load_state_dict(dict(zip(model.network.state_dict(), (found[key] for key in ours), strict=True)))
    model.fold()
    return model


def answers(model: Sam3) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """What a model says to the picture, stage by stage, under the names that tests/data/efficientsam3 has."""
    side = model.config.image_size
    embedding = model.embed(seeded.picture(side))
    trunk = model.network.backbone.vision_backbone.trunk
    yield "trunk", {"features": trunk(model._square(seeded.picture(side)))[-1]}
    yield "concept levels", {str(place): each for place, each in enumerate(model.levels(embedding))}
    yield "click levels", {str(place): each for place, each in enumerate(embedding.interactive)}
    yield "text", {"features": model.detector.text(WORDS, model.device)[0]}
    boxes = tuple(Box(*(share * side for share in box)) for box in BOXES)
    exemplars = Prompt(WORDS, boxes=boxes, labels=(True, False))
    for name, prompt in {"words": Prompt(WORDS), "words and boxes": exemplars}.items():
        raw = agreement.raw(model, embedding, prompt)
        yield (
            name,
            {
                "boxes": raw["pred_boxes_xyxy"][0, :5],
                "logits": raw["pred_logits"][0, :, 0],
                "presence": raw["presence_logit_dec"],
                "masks": raw["pred_masks"][0, :3],
            },
        )
    clicked = SegmentPrompt(points=(Point(CLICK[0] * side, CLICK[1] * side),))
    found = model.segment(embedding, [clicked], multimask=True)
    yield "click", {"quality": found.ious[0], "masks": found.logits[0]}
