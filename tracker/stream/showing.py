"""What is shown of a stream's objects: settled among each other, as run lengths, and as what presenting moves along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from tracker.model import postprocess
from tracker.model.sam3 import Sam3
from tracker.presenting.snapshot import MOST_SIDE, Shown
from tracker.stream.geometry import shares
from tracker.stream.objects import Followed
from tracker.types import Key, Prompt, Track, prompt_keys


def tracks(
    model: Sam3, seen: Sequence[Followed], prompts: Sequence[Prompt], size: tuple[int, int], seconds: float, tick: int
) -> list[Track]:
    """
    Place the visible objects on this frame of ``size`` (height, width), and encode those that are shown.

    An object of which nothing is left beside the others is lost.
    """
    if not seen:
        return []
    height, width = size
    logits = torch.stack([each.logits for each in seen])
    masks = model.masks(logits, height, width, hole_area=postprocess.TRACK_SPECK)
    asked = dict(zip(prompt_keys(prompts), prompts, strict=True))
    encoded = []
    for each, (mask, box) in zip(seen, masks, strict=True):
        if box.x1 <= box.x0:
            each.lose()
            continue
        each.place(shares(box, height, width), seconds)
        if _told(each, asked):
            encoded.append(
                Track(
                    id=each.id,
                    key=each.key,
                    score=each.score,
                    box=box,
                    mask=mask,
                    age=tick - each.born,
                    stage=each.stage,
                    tentative=not each.confirmed,
                )
            )
    return encoded


def shown(model: Sam3, seen: Sequence[Followed], prompts: Sequence[Prompt], tick: int) -> tuple[Shown, ...]:
    """The same objects for presenting, their logits on the host, none of a side over ``MOST_SIDE``."""
    asked = dict(zip(prompt_keys(prompts), prompts, strict=True))
    told = [each for each in seen if _told(each, asked)]
    if not told:
        return ()
    logits = model.mended(torch.stack([each.logits for each in told]), postprocess.TRACK_SPECK).float()
    if logits.shape[-1] > MOST_SIDE:
        side = (MOST_SIDE, MOST_SIDE)
        logits = F.interpolate(logits[None], side, mode="bilinear", antialias=True, align_corners=False)[0]
    arrays = np.asarray(logits.cpu().numpy(), np.float32)
    return tuple(
        Shown(each.id, each.key, each.score, not each.confirmed, tick - each.born, each.stage, array)
        for each, array in zip(told, arrays, strict=True)
    )


def _told(each: Followed, asked: dict[Key, Prompt]) -> bool:
    return each.shown and (each.key is None or each.score >= asked[each.key].threshold)
