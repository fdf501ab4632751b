"""Detections meet objects: who is who, who is new, who is gone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tracker import postprocess
from tracker.dense import Detected
from tracker.match import assign
from tracker.objects import CONFIRM_HITS, CONFIRM_WINDOW, Followed

MATCH_IOU = 0.1  # upstream's, between a detection and a track (assoc_iou_thresh)
AGREE_IOU = 0.8  # the detector's mask replaces the followed one when they agree (upstream: recondition)
TAKEN = 0.7  # share of the smaller mask: a detection that lies on a visible object this much is not another one
DENIALS = 2  # keyframes in a row that do not find what is followed: its mask has slipped onto something else
DISPUTES = 2  # keyframes in a row on which the two masks differ, after which the detector is believed


def meet(objects: Sequence[Followed], found: Detected, tick: int, *, alone: bool = False) -> list[tuple[Tensor, float]]:
    """
    Bring one prompt's ``objects`` together with what was found for it on this frame.

    Visible objects choose first, lost ones among what is left. ``alone``: the objects' masks were only moved along, and
    the detector's replace them. Returns logits (S, S) and score of what is new: what
    nobody matches and what lies on no visible object.
    """
    visible = [each for each in objects if each.visible]
    lost = [each for each in objects if not each.visible]
    free = list(range(len(found)))
    for some in (visible, lost):
        for each, place, iou in _pairs(some, found, free):
            _accept(each, found.logits[place], float(found.scores[place]), iou, tick, alone)
            free.remove(place)
    for each in objects:
        each.hits.append(each.detected == tick)
        each.denials = each.denials + 1 if each.visible and each.detected != tick else 0
        each.confirmed = each.confirmed or sum(each.hits) >= CONFIRM_HITS
    seen = [each.logits for each in objects if each.visible]
    new = [place for place in free if not seen or not _lies_on(found.logits[place], torch.stack(seen))]
    return [(found.logits[place], float(found.scores[place])) for place in new]


def hopeless(each: Followed) -> bool:
    """Whether keyframes say that it is no such object: a new one that too few found, or a followed one they deny."""
    unfounded = not each.confirmed and len(each.hits) == CONFIRM_WINDOW and sum(each.hits) < CONFIRM_HITS
    return unfounded or (each.denials >= DENIALS and not each.by_user)


def _pairs(objects: Sequence[Followed], found: Detected, free: Sequence[int]) -> list[tuple[Followed, int, float]]:
    if not objects or not free:
        return []
    mine = torch.stack([each.logits for each in objects]) > 0
    ious = postprocess.pairwise_iou(mine, found.logits[list(free)] > 0).cpu().numpy()
    return [(objects[row], free[column], float(ious[row, column])) for row, column in assign(ious, MATCH_IOU)]


def _accept(each: Followed, logits: Tensor, score: float, iou: float, tick: int, alone: bool) -> None:
    """A detection is this object. Whose mask is right?"""
    each.detected, each.score = tick, score
    if each.by_user and each.visible:
        return
    each.disputes = 0 if iou >= AGREE_IOU else each.disputes + 1
    if alone or iou >= AGREE_IOU or each.doubtful or each.bad or not each.confirmed or each.disputes >= DISPUTES:
        each.see(logits)


def _lies_on(logits: Tensor, others: Tensor) -> bool:
    mine, theirs = (logits > 0).flatten().float(), (others > 0).flatten(1).float()
    smaller = torch.minimum(mine.sum(), theirs.sum(1)).clamp(min=1)
    return bool(((theirs @ mine) / smaller > TAKEN).any())
