"""The mask of a click or a box on the frame that it was made on, and its way from there to the present."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from tracker.model.abilities import able
from tracker.model.configs import Ability
from tracker.model.features import Embedding, Segmentation, SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.presenting.history import MotionPath
from tracker.stream import optical_flow
from tracker.stream.clickable_frames import ClickableFrame, ClickableFrames
from tracker.stream.follower import near
from tracker.stream.geometry import LIMIT, Share, bounds, overlaps, pixels
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.types import Mask, TrackerError

MASK_LOGIT = 10.0  # what a finished mask is worth as a mask prompt: upstream's ±10 for masks taken as true


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """An object on the present frame: ``logits`` (S, S), and for how many frames it was last not seen."""

    logits: Tensor
    unseen: int


def ask(model: Sam3, embedding: Embedding, prompt: SegmentPrompt) -> Segmentation:
    """
    What the model answers to one click or box, as a user is to see it: the best mask is cut.

    One point alone is ambiguous: the best of three masks is taken.
    """
    alone = prompt.box is None and len(prompt.points) == 1
    return model.cut(embedding, [prompt], model.segment(embedding, [prompt], multimask=alone))


def answer(
    model: Sam3,
    kept: ClickableFrame,
    prompt: SegmentPrompt,
    params: TrackingParams = DEFAULTS,
    corrected: int | None = None,
) -> tuple[Tensor, float]:
    """
    The mask (S, S) for a click or box on the frame it was made on, and the model's estimate of its IoU.

    Raises :class:`TrackerError` if nothing is there, or nothing is left of the object whose id is ``corrected``.
    """
    found = ask(model, kept.embedding, prompt)
    logits = found.logits[0, 0]
    if prompt.box is not None:
        logits = near(logits[None], [prompt], kept.embedding, params.grown)[0]
    if not bool((logits > 0).any()):
        nothing = "the model sees no object there"
        left = f"with this click nothing would be left of object {corrected}; it stays as it was"
        raise TrackerError(nothing if corrected is None else left)
    return logits, float(found.ious[0, 0])


def carry(
    model: Sam3,
    frames: ClickableFrames,
    kept: ClickableFrame,
    logits: Tensor,
    params: TrackingParams = DEFAULTS,
    path: MotionPath | None = None,
) -> Carried:
    """
    Follow one mask from the frame it was made on to the newest, through the frames between.

    With a model that cuts nothing out by a box it is moved along with the picture only.
    """
    unseen, trusted = 0, True
    before = kept
    for hop in frames.after(kept, params.most_hops):
        logits, before = _moved(logits, before, hop, path), hop
        if not able(model.config, Ability.CLICKS):
            continue
        box = pixels(bounds(logits), *hop.size)
        prompt = SegmentPrompt(box=box, logits=logits if trusted else None)
        found = model.segment(hop.embedding, [prompt], multimask=False)
        answered = near(found.logits[:, 0], [prompt], hop.embedding, params.grown)[0]
        seen = float(found.present[0]) >= params.present and bool((answered > 0).any())
        steady = model.config.steady  # masks that wander are no better than the moved one, as objects have it
        if seen and (steady is None or float(overlaps(answered[None], logits[None])[0]) >= steady):
            logits, trusted = answered, float(found.ious[0, 0]) >= params.good_iou
        unseen = 0 if seen else unseen + 1
    return Carried(logits, unseen)


def _moved(logits: Tensor, before: ClickableFrame, now: ClickableFrame, path: MotionPath | None) -> Tensor:
    """Logits (S, S) moved along with the picture, unless nothing is left of them then."""
    came = None if path is None else path.between(before.index, now.index)
    if came is None:
        if before.grey is None or now.grey is None or before.grey.shape != now.grey.shape:
            return logits
        came = optical_flow.between(before.grey, now.grey)
    along = optical_flow.moved(logits[None], came, -LIMIT)[0]
    return along if bool((along > 0).any()) else logits


def filled(box: Share, side: int) -> Tensor:
    """A box, in shares of its picture, as (side, side) logits of a mask."""
    logits = torch.full((side, side), -MASK_LOGIT)
    x0, y0, x1, y1 = (round(edge * side) for edge in box)
    x0, y0 = min(x0, side - 1), min(y0, side - 1)  # one at the edge has a cell too
    logits[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = MASK_LOGIT
    return logits


def as_logits(mask: Mask, side: int) -> Tensor:
    """A finished mask as (side, side) logits that can be a mask prompt."""
    share = cv2.resize(mask.dense().astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy((share * 2 - 1) * MASK_LOGIT)
