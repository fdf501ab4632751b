"""
How well objects are followed: HOTA, IDF1, id switches and J&F by TrackEval, cgF1 as SAM 3's paper has it.

All of them take what was there and what was shown, frame by frame, as masks by id.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pycocotools.mask as coco

from tracker import Mask

Shown = Mapping[int, Mask]  # masks by id
IOUS = np.arange(0.5, 1.0, 0.05)
MOSTLY = 0.5  # of a shown mask on something too hidden to count: it is no false alarm


@dataclass(frozen=True, slots=True)
class Frame:
    """What is there on one frame: objects that count, and crumbs of objects that are too hidden to."""

    truth: Shown
    crumbs: Sequence[Mask] = ()


def tracking(frames: Sequence[Frame], shown: Sequence[Shown]) -> dict[str, float]:
    """HOTA, IDF1, id switches and J&F of one sequence; all but the switches 0 to 1."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses, and its settings
        from trackeval.metrics import CLEAR, HOTA, Identity, JAndF

        metrics = {"hota": HOTA(), "identity": Identity(), "clear": CLEAR(), "jf": JAndF()}
        found = {name: each.eval_sequence(_sequence(frames, shown)) for name, each in metrics.items()}
    return {
        "HOTA": float(np.mean(found["hota"]["HOTA"])),
        "IDF1": float(found["identity"]["IDF1"]),
        "switches": int(found["clear"]["IDSW"]),
        "J&F": float(found["jf"]["J&F"]),
    }


def j_and_f(truth: Sequence[Mask], shown: Sequence[Mask | None]) -> tuple[float, float]:
    """J (IoU) and F (of borders) of one object over frames, 0 to 1; None: it was not shown, and both are 0 there."""
    frames = [Frame({1: mask}) for mask in truth]
    sequence = _sequence(frames, [{} if mask is None else {1: mask} for mask in shown])
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its settings
        from trackeval.metrics import JAndF

        found = JAndF().eval_sequence(sequence)
    return float(found["J-Mean"]), float(found["F-Mean"])


def _sequence(frames: Sequence[Frame], shown: Sequence[Shown]) -> dict[str, Any]:
    """A sequence as TrackEval reads it: ids counted from 0, and the IoU of every truth with every shown mask."""
    kept = [_without_crumbs(frame, masks) for frame, masks in zip(frames, shown, strict=True)]
    truth_ids = _numbers(frame.truth for frame in frames)
    shown_ids = _numbers(kept)
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(truth_ids),
        "num_tracker_ids": len(shown_ids),
        "num_gt_dets": sum(len(frame.truth) for frame in frames),
        "num_tracker_dets": sum(len(masks) for masks in kept),
        "gt_ids": [np.array([truth_ids[each] for each in frame.truth], int) for frame in frames],
        "tracker_ids": [np.array([shown_ids[each] for each in masks], int) for masks in kept],
        "similarity_scores": [
            ious(list(frame.truth.values()), list(masks.values())) for frame, masks in zip(frames, kept, strict=True)
        ],
        "gt_dets": [[_coco(mask) for mask in frame.truth.values()] for frame in frames],
        "tracker_dets": [[_coco(mask) for mask in masks.values()] for masks in kept],
    }


def _numbers(frames: Any) -> dict[int, int]:
    return {each: place for place, each in enumerate(dict.fromkeys(each for frame in frames for each in frame))}


def _without_crumbs(frame: Frame, shown: Shown) -> Shown:
    """What was shown, less what lies mostly on a crumb and on nothing that counts."""
    if not frame.crumbs or not shown:
        return shown
    masks = list(shown.values())
    wanted = ious(list(frame.truth.values()), masks).max(0, initial=0.0)
    # With the crowd flag IoU is the share of the shown mask that lies on the other.
    crumbs = [_coco(crumb) for crumb in frame.crumbs]
    on_crumbs = np.asarray(coco.iou([_coco(mask) for mask in masks], crumbs, [1] * len(crumbs))).max(1)
    return {
        each: mask
        for (each, mask), iou, on in zip(shown.items(), wanted, on_crumbs, strict=True)
        if iou >= MOSTLY or on < MOSTLY
    }


def ious(truth: Sequence[Mask], shown: Sequence[Mask]) -> npt.NDArray[np.float64]:
    """The IoU of every true mask with every shown one: (N, M)."""
    if not truth or not shown:
        return np.zeros((len(truth), len(shown)))
    found = coco.iou([_coco(mask) for mask in truth], [_coco(mask) for mask in shown], [0] * len(shown))
    return np.asarray(found, np.float64)


def _coco(mask: Mask) -> dict[str, Any]:
    return {"size": [mask.height, mask.width], "counts": mask.counts}


def cgf1(answers: Sequence[tuple[Sequence[Mask], Sequence[Mask]]]) -> float:
    """
    SAM 3's classification-gated F1, 0 to 1: of (true masks, shown masks) for each pair of a frame and a prompt.

    The F1 of masks over the pairs where something is there, averaged over IoU thresholds, times the Matthews
    correlation of saying so at all.
    """
    from scipy.optimize import linear_sum_assignment

    hits, wrong = np.zeros(len(IOUS)), np.zeros(len(IOUS))
    there = np.array([bool(truth) for truth, _ in answers])
    said = np.array([bool(shown) for _, shown in answers])
    for truth, shown in answers:
        if truth:
            table = ious(truth, shown)
            rows, columns = linear_sum_assignment(-table)
            matched = (table[rows, columns][:, None] >= IOUS[None]).sum(0)
            hits += matched
            wrong += len(truth) + len(shown) - 2 * matched
    f1 = float(np.mean(2 * hits / np.maximum(2 * hits + wrong, 1)))
    return f1 * max(0.0, _correlation(there, said))


def _correlation(there: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_]) -> float:
    """Matthews'; where one side is always the same it says nothing, and agreement counts."""
    if there.all() or said.all() or not there.any() or not said.any():
        return float((there == said).mean())
    return float(np.corrcoef(there, said)[0, 1])
