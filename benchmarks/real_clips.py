"""
Following and moving masks along on real clips: the part of ``python -m benchmarks.real_pictures`` for ``--clips``.

Following: one click on each object on the first frame, then every frame is looked at; judged where masks were drawn.
Moving along: the drawn mask of one frame is what a look is taken to have shown there, and no other frame is looked at;
judged so many frames later, beside the same mask held still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.first_light import table
from benchmarks.support.real_clips import Clip
from benchmarks.tracking_metrics import Shown as Masks
from benchmarks.tracking_metrics import j_and_f
from tracker import Mask, Point, Presenter, Sam3, Stage, Tracker
from tracker.presenting.snapshot import MOST_SIDE, Shown, Snapshot
from tracker.worlds.objects import iou

LATER = (6, 12, 18, 30)  # frames from a drawn mask to the one that the moved mask is compared with
STEEP = 20.0  # logits from a cell that is outside to one that is inside: a border that is sharp, and between cells


@dataclass(frozen=True, slots=True)
class Followed:
    """One object followed through a clip: IoU of the click's mask, then means over all drawn masks."""

    label: str
    click: float
    j: float
    f: float


@dataclass(frozen=True, slots=True)
class Moved:
    """Mean IoU so many frames later, of the moved masks and of the same held still; ``count``: pairs of masks."""

    moved: float
    still: float
    count: int


def follow(model: Sam3, clip: Clip) -> list[Followed]:
    """Click on every object on the first frame, look at every frame, and compare what is shown with what was drawn."""
    tracker = Tracker(model)
    tracker.step(clip.frames[0], 0, 0.0)
    ids = [tracker.click(0, [Point(*each.click)]).object_id for each in clip.objects]
    shown: list[Masks] = [_clicked(tracker.snapshot, clip.size)]
    for index, frame in enumerate(clip.frames[1:], start=1):
        step = tracker.step(frame, index, index / clip.fps)
        shown.append({track.id: track.mask for track in step.tracks})
    found = []
    for each, number in zip(clip.objects, ids, strict=True):
        truth = [Mask.from_dense(mask) for mask in each.masks.values()]
        mine = [shown[place].get(number) for place in each.masks]
        found.append(Followed(each.label, j_and_f(truth[:1], mine[:1])[0], *j_and_f(truth, mine)))
    return found


def _clicked(snapshot: Snapshot | None, size: tuple[int, int]) -> Masks:
    """What the clicks were answered with."""
    assert snapshot is not None
    return {
        each.id: Mask.from_dense(cv2.resize(each.logits, size[::-1], interpolation=cv2.INTER_LINEAR) > 0)
        for each in snapshot.objects
    }


def move(clip: Clip, later: Sequence[int] = LATER) -> dict[int, Moved]:
    """By the number of frames between, where there are such masks: from every drawn mask to those drawn later."""
    luma = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in clip.frames]
    pairs: dict[int, list[tuple[float, float]]] = {wait: [] for wait in later}
    for start in sorted({place for each in clip.objects for place in each.masks}):
        there = {number: each.masks for number, each in enumerate(clip.objects, start=1) if start in each.masks}
        ends = {wait: start + wait for wait in later if any(start + wait in masks for masks in there.values())}
        if not ends:
            continue
        looks = [_look(number, masks[start]) for number, masks in there.items()]
        moved = _moved(luma, clip, start, looks, set(ends.values()))
        for wait, end in ends.items():
            for number, masks in there.items():
                if end in masks:
                    mine = moved[end].get(number, np.zeros(clip.size, bool))
                    pairs[wait].append((iou(mine, masks[end]), iou(masks[start], masks[end])))
    return {wait: _means(found) for wait, found in pairs.items() if found}


def _means(pairs: Sequence[tuple[float, float]]) -> Moved:
    return Moved(float(np.mean([pair[0] for pair in pairs])), float(np.mean([pair[1] for pair in pairs])), len(pairs))


def _moved(
    luma: Sequence[npt.NDArray[np.uint8]], clip: Clip, start: int, looks: Sequence[Shown], ends: set[int]
) -> dict[int, dict[int, npt.NDArray[np.bool_]]]:
    """What is presented on the frames ``ends`` where only ``start`` was looked at: masks by frame and object."""
    presenter, found = Presenter(), {}
    scene = presenter.present(luma[start], clip.size, start, start / clip.fps).scene
    presenter.begin(start)
    presenter.take(Snapshot(start, scene, Stage.KEYFRAME, "drawn", tuple(looks)))
    for index in range(start + 1, max(ends) + 1):
        tracks = presenter.present(luma[index], clip.size, index, index / clip.fps).tracks
        if index in ends:
            found[index] = {track.id: track.mask.dense() for track in tracks}
    return found


def _look(number: int, mask: npt.NDArray[np.bool_]) -> Shown:
    """A drawn mask as a look gives it, at the finest that a look may."""
    cover = cv2.resize(mask.astype(np.float32), (MOST_SIDE, MOST_SIDE), interpolation=cv2.INTER_AREA)
    logits = np.asarray(STEEP * (cover - 0.5), np.float32)
    return Shown(number, None, 1.0, tentative=False, age=0, stage=Stage.KEYFRAME, logits=logits)


def following_table(found: dict[str, list[Followed]]) -> str:
    """A row for each object, one for each clip, and the mean over the clips."""
    rows, means = [], []
    for name, objects in found.items():
        rows += [[name, each.label, *_figures(each.click, each.j, each.f)] for each in objects]
        means.append(
            tuple(float(np.mean(values)) for values in zip(*((o.click, o.j, o.f) for o in objects), strict=True))
        )
        rows.append([name, "all", *_figures(*means[-1])])
    rows.append(["all clips", "", *_figures(*(float(np.mean(values)) for values in zip(*means, strict=True)))])
    return table(["clip", "object", "IoU of the click", "J", "F", "J&F"], rows)


def _figures(click: float, j: float, f: float) -> list[str]:
    return [f"{value:.3f}" for value in (click, j, f, (j + f) / 2)]


def moving_table(found: dict[str, dict[int, Moved]], later: Sequence[int] = LATER) -> str:
    """A row for each clip, and the mean over the clips: moved along, and in brackets held still."""
    rows = []
    for name, by_wait in found.items():
        rows.append(
            [name, *(_pair(by_wait[wait].moved, by_wait[wait].still) if wait in by_wait else "–" for wait in later)]
        )
    total = ["all clips"]
    for wait in later:
        some = [by_wait[wait] for by_wait in found.values() if wait in by_wait]
        total.append(
            _pair(float(np.mean([each.moved for each in some])), float(np.mean([each.still for each in some])))
            if some
            else "–"
        )
    return table(["clip", *(f"{wait} frames later" for wait in later)], [*rows, total])


def _pair(moved: float, still: float) -> str:
    return f"{moved:.3f} ({still:.3f})"


def report(model: Sam3, clips: Sequence[Clip]) -> str:
    """Both tables."""
    followed = {clip.name: follow(model, clip) for clip in clips}
    moved = {clip.name: move(clip) for clip in clips}
    titles = "Following from one click", "IoU of masks moved along (held still)"
    tables = following_table(followed), moving_table(moved)
    return "\n\n".join(part for pair in zip(titles, tables, strict=True) for part in pair)
