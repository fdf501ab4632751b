"""
Whether what a mask covers tells that it is still on its object: what ``Config.same_appearance`` is chosen by.

    python -m tracker.training.evaluate_appearance

Over 30 frames of six worlds, with true masks: how alike what an object's mask covers is to what it covered until then,
as following remembers it; the same for the masks of other objects, and for its own mask where the object is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tracker.checkpoints.loading import load_model, set_threads
from tracker.model.sam3 import Sam3
from tracker.stream.appearance import alike, appearances, blended
from tracker.stream.params import DEFAULTS
from tracker.worlds.objects import Binary, WorldObject
from tracker.worlds.variety import PLAIN, WIDE
from tracker.worlds.worlds import Video, WorldFrame

WORLDS, FRAMES, STRIDE = 6, 30, 4  # of 30 frames a second
SEEN = 0.5  # share of an object that is to be seen, more than
LEAST = 0.80, 0.90, 0.93, 0.95, 0.96, 0.97, 0.98  # cosines that the table asks about
KINDS = "one object", "two objects", "elsewhere"

Cosines = dict[str, list[float]]


def evaluate(model: Sam3, worlds: int = WORLDS, frames: int = FRAMES) -> dict[str, Cosines]:
    """Cosines by the kind of world and by whose mask it is (``KINDS``)."""
    found: dict[str, Cosines] = {}
    for name, variety in (("plain", PLAIN), ("wide", WIDE)):
        found[name] = {kind: [] for kind in KINDS}
        for seed in range(worlds):
            video = Video(seed, 640, 480, objects=(3, 6), variety=variety)
            _compare(model, _frames(video, frames), np.random.default_rng(seed), found[name])
    return found


def _frames(video: Video, count: int) -> Iterator[WorldFrame]:
    for _ in range(count):
        yield video.next()
        video.skip(STRIDE - 1)


def _compare(model: Sam3, frames: Iterator[WorldFrame], rng: np.random.Generator, found: Cosines) -> None:
    known: dict[int, Tensor] = {}
    for frame in frames:
        seen = [thing for thing in frame.objects if thing.countable and thing.visible > SEEN]
        if not seen:
            continue
        embedding, masks = model.embed(frame.image), _small(seen, model.side)
        moved = np.stack([np.roll(each, tuple(rng.integers(model.side, size=2)), (0, 1)) for each in masks])
        now, away = (appearances(embedding, _logits(each)) for each in (masks, moved))
        for row, thing in enumerate(seen):
            for other, before in known.items():
                found[KINDS[other != thing.id]].append(float(alike(now[row], before)))
            if thing.id in known and not (masks[row] & moved[row]).any():
                found["elsewhere"].append(float(alike(away[row], known[thing.id])))
        for row, thing in enumerate(seen):
            known[thing.id] = blended(known.get(thing.id), now[row], DEFAULTS.appearance_rate)


def _small(seen: list[WorldObject], side: int) -> Binary:
    sizes = [cv2.resize(each.mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) for each in seen]
    return np.stack(sizes) > 0.5


def _logits(masks: npt.NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(np.where(masks, 1.0, -1.0))


def main() -> None:
    """Read the command line, evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="whose weights those of --checkpoint are")
    parser.add_argument("--checkpoint", type=Path, help="other weights than the ones in the package")
    arguments = parser.parse_args()
    set_threads(1)
    found = evaluate(load_model(arguments.model, checkpoint=arguments.checkpoint))
    print(f"{'share that reaches':20}" + "".join(f"{least:7.2f}" for least in LEAST))
    for name, by_kind in found.items():
        for kind, cosines in by_kind.items():
            shares = [sum(each >= least for each in cosines) / max(1, len(cosines)) for least in LEAST]
            print(f"{f'{name}, {kind}':20}" + "".join(f"{share:7.3f}" for share in shares) + f"   of {len(cosines)}")


if __name__ == "__main__":
    main()
