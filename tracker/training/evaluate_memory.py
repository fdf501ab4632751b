"""
How well nano follows objects by memory through clips in which they cross and hide.

    python -m tracker.training.evaluate_memory --clips 60

From the truth of the first frame alone it has to find each object on the others, through the follower that serves. J is
the mean IoU of the masks, F how well their borders agree within 0.8 % of the picture's diagonal (DAVIS), both 1 on a
frame where there is nothing to see and nothing is shown. After that: whether looks tell objects apart, by how much the
pointers of one object on the first and the last frame resemble each other, and those of two (``Config.same_look``).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch

from tracker.checkpoints.loading import load_model, set_threads
from tracker.model.bank import Bank, resemblance
from tracker.model.sam3 import Sam3
from tracker.stream.params import DEFAULTS
from tracker.training.masks import shrink
from tracker.worlds.objects import Binary, WorldObject
from tracker.worlds.variety import WIDE
from tracker.worlds.worlds import Video

FRAMES = 12
STRIDE = 4  # of 30 frames a second
NEAR = 0.008  # of the picture's diagonal
HIDDEN = 0.5  # an object of which less is seen on some frame was occluded


def evaluate(model: Sam3, clips: int, first_seed: int = 0) -> dict[str, float]:
    """Mean J, F and J&F over the objects of all clips, all of them and those that were occluded on the way."""
    scores: list[tuple[float, float, bool]] = []
    for seed in range(first_seed, first_seed + clips):
        scores += _clip(model, seed)
    figures: dict[str, float] = {}
    for name, chosen in (("", scores), (", occluded", [each for each in scores if each[2]])):
        j, f = (float(np.mean([each[place] for each in chosen] or [0.0])) for place in (0, 1))
        figures |= {f"J{name}": j, f"F{name}": f, f"J&F{name}": (j + f) / 2}
    return figures


def _clip(model: Sam3, seed: int) -> list[tuple[float, float, bool]]:
    """(J, F, whether it was occluded) of each object that can be seen well on the first frame."""
    video = _video(seed)
    frames = []
    for _ in range(FRAMES):
        frames.append(video.next())
        video.skip(STRIDE - 1)
    ids = [thing.id for thing in frames[0].objects if _seen_well(thing)]
    if not ids:
        return []
    truth = [{thing.id: thing for thing in frame.objects} for frame in frames]
    start = torch.from_numpy(np.stack([shrink(truth[0][each].mask) for each in ids]))
    banks = [Bank() for _ in ids]
    for bank, first in zip(banks, model.memorize(model.embed(frames[0].image), (start * 2 - 1) * 10, 0), strict=True):
        bank.condition(first)
    j: dict[int, list[float]] = {each: [] for each in ids}
    f: dict[int, list[float]] = {each: [] for each in ids}
    for tick, frame in enumerate(frames[1:], 1):
        embedding = model.embed(frame.image)
        found = model.propagate(embedding, banks, tick)
        there = [row for row in range(len(ids)) if found.present[row] >= DEFAULTS.present]
        if there:
            for row, latest in zip(there, model.encode_memories(embedding, found, there), strict=True):
                banks[row].remember(latest)
        height, width = frame.image.shape[:2]
        masks = model.masks(found.logits, height, width)
        for row, each in enumerate(ids):
            shown = masks[row][0].dense() if found.present[row] >= DEFAULTS.present else np.zeros((height, width), bool)
            thing = truth[tick].get(each)
            wanted = thing.mask if thing is not None and thing.countable else np.zeros((height, width), bool)
            j[each].append(region(shown, wanted))
            f[each].append(border(shown, wanted))
    hidden = {each: any(each not in seen or seen[each].visible < HIDDEN for seen in truth) for each in ids}
    return [(float(np.mean(j[each])), float(np.mean(f[each])), hidden[each]) for each in ids]


def looks(model: Sam3, clips: int, first_seed: int = 0) -> dict[str, float]:
    """What 95 of 100 pairs of looks of one object reach in resemblance, and how many pairs of two objects do too."""
    same: list[float] = []
    other: list[float] = []
    for seed in range(first_seed, first_seed + clips):
        video = _video(seed)
        first = video.next()
        video.skip((FRAMES - 1) * STRIDE - 1)
        last = video.next()
        ends = [{thing.id: thing for thing in frame.objects if _seen_well(thing)} for frame in (first, last)]
        ids = sorted(set(ends[0]) & set(ends[1]))
        if ids:
            found = []
            for frame, there in zip((first, last), ends, strict=True):
                truth = torch.from_numpy(np.stack([shrink(there[each].mask) for each in ids]))
                found.append(model.memorize(model.embed(frame.image), (truth * 2 - 1) * 10, 0))
            alike = resemblance(*found)
            itself = torch.eye(len(ids), dtype=torch.bool)
            same += alike[itself].tolist()
            other += alike[~itself].tolist()
    least = float(np.quantile(same or [0.0], 0.05))
    above = float(np.mean([float(each >= least) for each in other] or [0.0]))
    return {
        "pairs of looks, one object": len(same),
        "pairs of looks, two objects": len(other),
        "resemblance, 95 % of one": least,
        "share of two that reach it": above,
    }


def _seen_well(thing: WorldObject) -> bool:
    return thing.countable and thing.visible > HIDDEN


def _video(seed: int) -> Video:
    return Video(seed, 320, 240, objects=(3, 6), speed=1.5, variety=WIDE, hidden=1.0)


def region(a: Binary, b: Binary) -> float:
    """J: intersection over union; 1 if both are empty."""
    either = (a | b).sum()
    return float((a & b).sum() / either) if either else 1.0


def border(a: Binary, b: Binary) -> float:
    """F: the harmonic mean of how much of each border lies near the other; 1 if both are empty."""
    if not a.any() or not b.any():
        return float(a.any() == b.any())
    reach = int(np.ceil(NEAR * np.hypot(*a.shape)))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    edges = [_edge(each) for each in (a, b)]
    wide = [cv2.dilate(each.view(np.uint8), disk) > 0 for each in edges]
    precision = (edges[0] & wide[1]).sum() / edges[0].sum()
    recall = (edges[1] & wide[0]).sum() / edges[1].sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _edge(mask: Binary) -> Binary:
    inner = cv2.erode(np.pad(mask.view(np.uint8), 1), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    return np.asarray(mask & ~inner.astype(bool))


def main() -> None:
    """Read the command line, evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--model", default="nano", help="whose weights those of --checkpoint are")
    parser.add_argument("--checkpoint", type=Path, help="other weights than the ones in the package")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    set_threads(1)
    model = load_model(arguments.model, checkpoint=arguments.checkpoint)
    figures = evaluate(model, arguments.clips) | looks(model, arguments.clips)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28} {value:.3f}")


if __name__ == "__main__":
    main()
