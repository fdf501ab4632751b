"""What is shown of a stream's objects: settled among each other, as run lengths, and as what presenting moves along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model import postprocess
from tracker.model.sam3 import Sam3
from tracker.presenting.snapshot import MOST_SIDE, Shown
from tracker.stream.geometry import shares
from tracker.stream.objects import Followed, Sight
from tracker.types import Box, Key, Mask, Prompt, Track, prompt_keys

UNPACKED = 32 * 2**20  # bytes of a frame's masks that wait to be packed by another thread: 16 whole pictures of 1080p


def fetch(seen: Sequence[Followed], *, fine: bool = True) -> None:
    """
    Let the host know these objects' masks, in one copy from the device that they are on.

    As fine as they are, or unless ``fine`` as is presented.
    """
    on_host = not seen or seen[0].logits.device.type == "cpu"
    known = [None] * len(seen) if on_host else brought(torch.stack([each.logits for each in seen]), fine=fine)
    for each, logits in zip(seen, known, strict=True):
        each.sight = None if logits is None else Sight(each.logits, logits)


def brought(logits: Tensor, *, fine: bool = False) -> Tensor:
    """(N, S, S) logits of a device on the host, unless ``fine`` :func:`presentable`; they travel in 16 bits."""
    return (logits if fine else presentable(logits)).half().cpu().float()


def presentable(logits: Tensor) -> Tensor:
    """(N, S, S) logits, none of a side over ``MOST_SIDE``."""
    if logits.shape[-1] <= MOST_SIDE:
        return logits.float()
    side = (MOST_SIDE, MOST_SIDE)
    return F.interpolate(logits.float()[None], side, mode="bilinear", antialias=True, align_corners=False)[0]


def tracks(
    model: Sam3,
    seen: Sequence[Followed],
    prompts: Sequence[Prompt],
    size: tuple[int, int],
    seconds: float,
    tick: int,
) -> list[Track]:
    """
    Place the visible objects on this frame of ``size`` (height, width), and encode those that are shown.

    An object of which nothing is left beside the others is lost. Their masks are made by the host, of what it knows of
    them (:func:`fetch`).
    """
    if not seen:
        return []
    height, width = size
    masks = _masks(model, seen, size)
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


def _masks(model: Sam3, seen: Sequence[Followed], size: tuple[int, int]) -> list[tuple[Mask, Box]]:
    """Masks at picture size with their boxes; mended as they are for presenting, the host knows them from then on."""
    here = [each.known for each in seen if each.known is not None]
    best = here if len(here) == len(seen) else [each.logits for each in seen]
    mended = model.mended(torch.stack(best), postprocess.TRACK_SPECK)
    for each, row in zip(seen, mended.cpu(), strict=True):
        each.sight = Sight(each.logits, row)
    return postprocess.to_masks(mended, *size, unpacked=UNPACKED)


def shown(model: Sam3, seen: Sequence[Followed], prompts: Sequence[Prompt], tick: int) -> tuple[Shown, ...]:
    """The same objects for presenting, their logits on the host, none of a side over ``MOST_SIDE``."""
    asked = dict(zip(prompt_keys(prompts), prompts, strict=True))
    told = [each for each in seen if _told(each, asked)]
    if not told:
        return ()
    here = [each.known for each in told if each.known is not None]
    if len(here) < len(told):  # an order changed one since
        here = [*model.mended(torch.stack([each.logits for each in told]), postprocess.TRACK_SPECK)]
    arrays = np.asarray(presentable(torch.stack(here)).cpu().numpy(), np.float32)
    return tuple(
        Shown(each.id, each.key, each.score, not each.confirmed, tick - each.born, each.stage, array)
        for each, array in zip(told, arrays, strict=True)
    )


def _told(each: Followed, asked: dict[Key, Prompt]) -> bool:
    return each.shown and (each.key is None or each.score >= asked[each.key].threshold)
