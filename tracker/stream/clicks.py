"""Answering clicks and boxes on a frame of the recent past, and carrying the answer to the present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from tracker.model.features import SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.stream import optical_flow
from tracker.stream.clickable_frames import ClickableFrame, ClickableFrames
from tracker.stream.follower import near
from tracker.stream.geometry import LIMIT, Spot, bounds, pixels
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.types import Box, Mask, Point, Track, TrackerError

MOST_SPOTS = 32  # clicks on one object and frame that count, the newest
MASK_LOGIT = 10.0  # what a finished mask is worth as a mask prompt: upstream's ±10 for masks taken as true


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """An object on the present frame: ``logits`` (S, S), and for how many frames it was last not seen."""

    logits: Tensor
    unseen: int


def check(kept: ClickableFrame, points: Sequence[Point]) -> None:
    """Refuse points outside the picture they were made on. Raises :class:`TrackerError`."""
    for place, point in enumerate(points):
        _check_inside(kept, f"points[{place}]", x=point.x, y=point.y)


def check_box(kept: ClickableFrame, box: Box, field: str = "box") -> None:
    """Refuse a box of less than a pixel, or one that lies outside its picture. Raises :class:`TrackerError`."""
    if box.x1 - box.x0 < 1 or box.y1 - box.y0 < 1:
        raise TrackerError(f"{field}: it is less than a pixel wide or high.", field=field)
    _check_inside(kept, field, x0=box.x0, y0=box.y0, x1=box.x1, y1=box.y1)


def _check_inside(kept: ClickableFrame, field: str, **coordinates: float) -> None:
    height, width = kept.embedding.height, kept.embedding.width
    for name, value in coordinates.items():
        if not 0 <= value <= (width if name.startswith("x") else height):
            wrong = f"{field}.{name}"
            raise TrackerError(f"{wrong}: {value:g} is outside the picture of {width}×{height} pixels.", field=wrong)


def under(kept: ClickableFrame, points: Sequence[Point]) -> Track | None:
    """The smallest object that was shown under the first positive point."""
    place = next((point for point in points if point.positive), None)
    if place is None:
        return None
    hit = [each for each in kept.tracks if _covers(each.mask, place)]
    return min(hit, key=lambda each: each.mask.area, default=None)


def _covers(mask: Mask, point: Point) -> bool:
    x, y = min(int(point.x), mask.width - 1), min(int(point.y), mask.height - 1)
    return bool(mask.dense()[y, x])


def answer(
    model: Sam3, kept: ClickableFrame, prompt: SegmentPrompt, params: TrackingParams = DEFAULTS
) -> tuple[Tensor, float]:
    """
    The mask (S, S) for a click or box on the frame it was made on, and the model's estimate of its IoU.

    Raises :class:`TrackerError` if nothing is there. One point alone is ambiguous: the best of three masks is taken.
    """
    found = model.segment(kept.embedding, [prompt], multimask=prompt.box is None and len(prompt.points) == 1)
    logits = found.logits[0, 0]
    if prompt.box is not None:
        logits = near(logits[None], [prompt], kept.embedding, params.grown)[0]
    if not bool((logits > 0).any()):
        raise TrackerError("the model sees no object there")
    return logits, float(found.ious[0, 0])


def carry(
    model: Sam3, frames: ClickableFrames, kept: ClickableFrame, logits: Tensor, params: TrackingParams = DEFAULTS
) -> Carried:
    """Follow one mask from the frame it was made on to the newest, through the frames between."""
    unseen, trusted = 0, True
    before = kept
    for hop in frames.after(kept, params.most_hops):
        logits, before = _moved(logits, before, hop), hop
        box = pixels(bounds(logits), hop.embedding.height, hop.embedding.width)
        prompt = SegmentPrompt(box=box, logits=logits if trusted else None)
        found = model.segment(hop.embedding, [prompt], multimask=False)
        answered = near(found.logits[:, 0], [prompt], hop.embedding, params.grown)[0]
        seen = float(found.present[0]) >= params.present and bool((answered > 0).any())
        if seen:
            logits, trusted = answered, float(found.ious[0, 0]) >= params.good_iou
        unseen = 0 if seen else unseen + 1
    return Carried(logits, unseen)


def _moved(logits: Tensor, before: ClickableFrame, now: ClickableFrame) -> Tensor:
    """Logits (S, S) moved along with the picture, unless nothing is left of them then."""
    if before.grey is None or now.grey is None or before.grey.shape != now.grey.shape:
        return logits
    along = optical_flow.moved(logits[None], optical_flow.motion(before.grey, now.grey), -LIMIT)[0]
    return along if bool((along > 0).any()) else logits


def as_logits(mask: Mask, side: int) -> Tensor:
    """A finished mask as (side, side) logits that can be a mask prompt."""
    share = cv2.resize(mask.dense().astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy((share * 2 - 1) * MASK_LOGIT)


def spots(points: Sequence[Point], height: int, width: int) -> tuple[Spot, ...]:
    """Points in pixels as shares of their picture."""
    return tuple((point.x / width, point.y / height, point.positive) for point in points)


def points(spots: Sequence[Spot], height: int, width: int) -> tuple[Point, ...]:
    """Shares of a picture as points in its pixels."""
    return tuple(Point(x * width, y * height, positive) for x, y, positive in spots)
