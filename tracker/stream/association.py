"""Detections are associated with objects: who is who, who is new, who is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tracker.model import postprocess
from tracker.model.bank import resemblance
from tracker.model.compute import picked
from tracker.model.features import Detected, Embedding
from tracker.model.sam3 import Sam3
from tracker.stream.appearance import alike, appearances
from tracker.stream.geometry import Share, each_bounds, each_lies_on
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS, TrackingParams


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """
    How lost objects are recognised on one frame: by what their masks cover, and by their memories.

    What is half hidden still covers the same, and looks different to the memory: where the first is known, it says what
    may be the object, and the second which of several. ``remembers``: whether objects have memories. A model of which
    it was never measured how alike two looks of one object are (``same_look``, ``same_appearance``) is not asked.
    """

    model: Sam3
    embedding: Embedding
    tick: int
    remembers: bool = True
    params: TrackingParams = DEFAULTS

    def covering(self, objects: Sequence[Followed], logits: Tensor) -> npt.NDArray[np.float64]:
        """(N, M): 0 where a mask covers something else than the object's masks did, 1 otherwise."""
        same, least = np.ones((len(objects), len(logits))), self.model.same_appearance
        known = self._known(objects)
        if least is None or not known:
            return same
        now = appearances(self.embedding, logits)
        same[list(known)] = (alike(now, torch.stack(list(known.values()))[:, None]) >= least).cpu().numpy()
        return same

    def likeness(self, objects: Sequence[Followed], logits: Tensor) -> npt.NDArray[np.float64]:
        """(N, M) from 0 to 1: 0 where it cannot be the object, 1 for the very same look, or where it is not known."""
        likely, known = self.covering(objects, logits), self._known(objects)
        remembered = [row for row, each in enumerate(objects) if each.memory.bank and likely[row].any()]
        same, least = self.model.same_look, self.params.least_look
        if not self.remembers or same is None or not remembered:
            return likely
        memories = self.model.memorize(self.embedding, logits, self.tick)
        looks = [resemblance(list(objects[row].memory.bank.conditioning), memories).amax(0) for row in remembered]
        for row, best in zip(remembered, torch.stack(looks).cpu().numpy(), strict=True):
            likely[row] *= best.clip(least, 1.0) if row in known else np.where(best >= same, best, 0.0)
        return likely

    def _known(self, objects: Sequence[Followed]) -> dict[int, Tensor]:
        """By row: what those objects covered of which it is known, if what masks cover can be compared at all."""
        if self.model.same_appearance is None:
            return {}
        return {row: each.memory.appearance for row, each in enumerate(objects) if each.memory.appearance is not None}


@dataclass(frozen=True, slots=True, eq=False)
class New:
    """What was found and is no object yet: its mask (S, S), the box around it, and its score."""

    logits: Tensor
    box: Share
    score: float


def associate(
    objects: Sequence[Followed],
    found: Detected,
    seconds: float,
    tick: int,
    *,
    alone: bool = False,
    recognition: Recognition | None = None,
    params: TrackingParams = DEFAULTS,
) -> list[New]:
    """
    Bring one prompt's ``objects`` together with what was found for it on this frame.

    Visible objects choose first, by the overlap of masks; lost ones among what is left, if it covers what they covered;
    then those that were lost or are followed badly by how near they are to where they should be at ``seconds`` of the
    stream's clock, and by ``recognition``. ``alone``: the objects' masks were only moved along. Returns what matches no
    object and lies on no visible object.
    """
    visible = [each for each in objects if each.visible]
    lost = [each for each in objects if not each.visible]
    free = list(range(len(found)))
    for some, known in ((visible, None), (lost, recognition)):
        for each, place in _pairs(some, found, free, seconds, known, params):
            each.detect(found.logits[place], float(found.scores[place]), tick)
            free.remove(place)
    unmatched = [
        each for each in objects if each.evidence.detected != tick and (each.doubt.bad or each.evidence.misses or alone)
    ]
    for each, place in _nearest(unmatched, found, free[: params.most_looks], seconds, recognition):
        each.detect(found.logits[place], float(found.scores[place]), tick)
        free.remove(place)
    for each in objects:
        each.judge(tick)
    seen = [each.logits for each in objects if each.visible]
    if free and seen:
        taken = each_lies_on(picked(found.logits, free), torch.stack(seen), params.taken)
        free = [place for place, on in zip(free, taken, strict=True) if not on]
    if not free:
        return []
    boxes = each_bounds(picked(found.logits, free))
    return [New(found.logits[place], box, float(found.scores[place])) for place, box in zip(free, boxes, strict=True)]


def _pairs(
    objects: Sequence[Followed],
    found: Detected,
    free: Sequence[int],
    seconds: float,
    recognition: Recognition | None,
    params: TrackingParams,
) -> list[tuple[Followed, int]]:
    """Pairs of objects and detections by the overlap of masks; of the entangled by where they should be."""
    if not objects or not free:
        return []
    mine = torch.stack([each.logits for each in objects]) > 0
    likely = postprocess.pairwise_iou(mine, picked(found.logits, free) > 0).cpu().numpy()
    places = each_bounds(picked(found.logits, free)) if any(each.entangled for each in objects) else []
    for row, each in enumerate(objects):
        if each.entangled and each.motion.known(seconds):
            likely[row] = [each.motion.nearness(box, seconds) for box in places]
    if recognition is not None and likely.any():
        likely = likely * recognition.covering(objects, picked(found.logits, free))
    return [(objects[row], free[column]) for row, column in assign(likely, params.match_iou)]


def _nearest(
    objects: Sequence[Followed], found: Detected, free: Sequence[int], seconds: float, recognition: Recognition | None
) -> list[tuple[Followed, int]]:
    """Pairs of objects and what may be them, nearest to where they should be by now; nothing that is too far."""
    if not objects or not free:
        return []
    places = each_bounds(picked(found.logits, free))
    likely = np.array([[each.motion.nearness(box, seconds) for box in places] for each in objects])
    if recognition is not None and likely.any():
        likely *= recognition.likeness(objects, picked(found.logits, free))
    return [(objects[row], free[column]) for row, column in assign(likely, 0.0)]


def assign(ious: npt.NDArray[np.floating], min_iou: float) -> list[tuple[int, int]]:
    """
    Pair rows with columns of an (N, M) IoU matrix so that the sum of IoUs is greatest (Kuhn 1955).

    Each row and column is used at most once; no pair has an IoU under ``min_iou``. Returns (row, column) by row.
    """
    # What may not be paired is worth nothing, so that it never takes a column from a pair that may.
    allowed = np.where(ious >= min_iou, ious, 0.0)
    if not allowed.any():
        return []
    from scipy.optimize import linear_sum_assignment  # half a second, which `streamer run` on one picture does without

    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if allowed[row, column] > 0]
