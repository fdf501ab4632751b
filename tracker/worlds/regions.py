"""
Regions of photographs that look like things or parts of things, proposed without labels.

    python -m tracker.worlds.regions --photos runs/photos

A region is taken where two ways of finding it agree: it is closed by borders that are strong against what lies inside
(:mod:`tracker.worlds.borders`), and GrabCut from boxes around it, each drawn a little otherwise, gives it back. Few
regions that are right are better than many.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tracker.types import Box
from tracker.worlds import borders, palette, photos
from tracker.worlds.looks import Picture
from tracker.worlds.objects import Binary, box_around, iou

FILE = "regions.npz"
UNFINISHED = "unfinished-regions.npz"  # a run that was stopped goes on from it
WORKING = 400  # pixels of the longer side at which regions are looked for
LEAST, MOST = 0.003, 0.40  # of the picture
STRONG = 0.36  # of the border around it, mean
PERSISTENT = 0.055  # how much stronger that is than the last border dissolved inside it
WEAK = 0.28  # the same of a region whose box is tried for a thing of several colours
SAME_BOX = 0.75  # IoU of two boxes of which one is tried
OUTLINE, OUTLINE_WEAK, RIDGE = (
    0.5,
    0.33,
    0.1,
)  # border along its outline: mean, and what SHARE of it has; above around it
SHARE = 0.82
SOLID = 0.72  # share of its convex hull
ROUND = 0.16  # 4 pi area / perimeter squared; a disc has 1
EDGE = 0.22  # share of its outline that may be the picture's edge
GROUND = 0.02  # of the picture: an area at the picture's edge that may be what lies behind things
ALIKE = 6.0  # of mean colour and of spread, CIELAB: a smaller area like a ground is ground seen through things
GRABBED = 160  # pixels of the longer side at which GrabCut works
JITTERS = 3  # boxes for GrabCut
SHAKE = 0.05  # of a box's sides
CUT = 0.35  # of a box's side that what is in it may touch
STABLE = 0.85  # IoU of what GrabCut gives from two boxes
AGREED = 0.72  # IoU of what GrabCut gives with the region
SAME = 0.8  # IoU of two regions that are one
CANDIDATES = 60  # of a photograph, best first, in each of the two ways


@dataclass(slots=True)
class Candidate:
    """A region of the tree before GrabCut has been asked."""

    mask: Binary
    score: float


def filled(mask: Binary) -> Binary:
    """The largest connected part, with its holes."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    out = np.zeros(mask.shape, np.uint8)
    if contours:
        cv2.drawContours(out, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return out.astype(np.bool_)


def looks_closed(mask: Binary) -> bool:
    """Whether a mask is of a usual size, compact, and mostly not cut off by the picture's edge."""
    if not LEAST <= mask.mean() <= MOST:
        return False
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=cv2.contourArea)
    area, length = cv2.contourArea(outline), cv2.arcLength(outline, True)
    height, width = mask.shape
    x, y = outline[:, 0, 0], outline[:, 0, 1]
    edge = ((x <= 1) | (y <= 1) | (x >= width - 2) | (y >= height - 2)).mean()
    if (mask[:, :2].any() and mask[:, -2:].any()) or (mask[:2].any() and mask[-2:].any()):
        return False  # a strip of land, water or sky
    solid = area / max(1.0, cv2.contourArea(cv2.convexHull(outline)))
    return bool(edge <= EDGE and solid >= SOLID and 4 * np.pi * area / length**2 >= ROUND)


def _at_the_edge(mask: Binary) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


class Study:
    """A photograph at working size with its tree of regions, its colours, and what in it may be ground."""

    def __init__(self, image: Picture) -> None:
        self.image = image
        self.tree = borders.tree(image)
        self.near = cv2.dilate(self.tree.border, np.ones((5, 5), np.uint8))
        self.around = cv2.boxFilter(self.tree.border, -1, (17, 17))
        self.lab = palette.lab(image)
        self.grounds = [
            (mask, *self._look(mask))
            for mask, node in self.sized(GROUND, 1.0)
            if node.made < STRONG <= node.lost and _at_the_edge(mask)
        ]

    def sized(self, least: float, most: float) -> Iterator[tuple[Binary, borders.Node]]:
        """Regions of the tree that take such a share of the picture, and their nodes."""
        sizes = np.bincount(self.tree.labels.ravel())
        for number, node in enumerate(self.tree.nodes):
            if node.parent >= 0 and least <= sizes[node.leaves].sum() / self.tree.labels.size <= most:
                yield self.tree.mask(number), node

    def shows_through(self, mask: Binary) -> bool:
        """Whether a mask looks like a larger area that the picture's edge cuts off: sky or ground between things."""
        color, spread = self._look(mask)
        return any(
            area.sum() > mask.sum()
            and not (area & mask).any()
            and np.linalg.norm(color - other) < ALIKE
            and abs(spread - other_spread) < ALIKE
            for area, other, other_spread in self.grounds
        )

    def outlined(self, mask: Binary) -> bool:
        """Whether a strong border runs along nearly the whole outline of a mask, but where the picture ends."""
        rim = mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
        rim[[0, 1, -2, -1]] = False
        rim[:, [0, 1, -2, -1]] = False
        values, around = self.near[rim], self.around[rim]
        if not len(values):
            return False
        return bool(
            values.mean() >= OUTLINE and ((values >= OUTLINE_WEAK) & (values >= around + RIDGE)).mean() >= SHARE
        )

    def _look(self, mask: Binary) -> tuple[npt.NDArray[np.float64], float]:
        colors = self.lab[mask].astype(np.float64)
        return colors.mean(0), float(colors.std(0).sum())


def candidates(study: Study) -> list[Candidate]:
    """What strong borders close, best first, no two alike."""
    found = []
    for mask, node in study.sized(LEAST, MOST):
        if node.lost >= STRONG and node.lost - node.made >= PERSISTENT:
            whole = filled(mask)
            if looks_closed(whole) and not study.shows_through(whole):
                found.append(Candidate(whole, (node.lost - node.made) + 0.5 * node.lost))
    return distinct(found)[:CANDIDATES]


def composed(study: Study, rng: np.random.Generator) -> list[Candidate]:
    """Things of several colours: what GrabCut gives from boxes of any regions, where borders run all around it."""
    tried = [each for each in study.sized(LEAST, MOST) if each[1].lost >= WEAK]
    chosen: list[tuple[Binary, Box]] = []
    for region, _ in sorted(tried, key=lambda each: -each[1].lost):
        box = box_around(region)
        if all(box_iou(box, other) < SAME_BOX for _, other in chosen):
            chosen.append((region, box))
    found = []
    for region, _ in chosen[:CANDIDATES]:
        mask = stable(study.image, region, rng)
        if mask is not None and looks_closed(mask) and study.outlined(mask) and not study.shows_through(mask):
            found.append(Candidate(mask, float(study.near[mask].mean())))
    return found


def distinct(found: list[Candidate]) -> list[Candidate]:
    """Best first, those that are no near copy of a better one."""
    kept: list[Candidate] = []
    for each in sorted(found, key=lambda each: -each.score):
        if all(iou(each.mask, other.mask) < SAME for other in kept):
            kept.append(each)
    return kept


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes that are not empty."""
    across, down = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
    shared = max(0.0, across) * max(0.0, down)
    both = sum((each.x1 - each.x0) * (each.y1 - each.y0) for each in (one, other))
    return float(shared / (both - shared))


def stable(image: Picture, box: Binary, rng: np.random.Generator, agree: Binary | None = None) -> Binary | None:
    """
    What GrabCut gives from boxes around a mask, each drawn a little otherwise, or None where it gives different things.

    With ``agree`` it must give about that mask, which has a say in where the border is.
    """
    seen: list[Binary] = []
    for _ in range(JITTERS):
        got = grabbed(image, box, rng)
        if got is None or (agree is not None and iou(got, agree) < AGREED):
            return None
        if any(iou(got, other) < STABLE for other in seen):
            return None
        seen.append(got)
    votes, half = np.sum(np.array(seen, np.float32), axis=0), JITTERS / 2
    if agree is not None:
        votes, half = votes + 1.5 * agree, half + 0.75
    return filled(np.asarray(cv2.GaussianBlur(np.asarray(votes, np.float32), (0, 0), 1.0) > half, np.bool_))


def grabbed(image: Picture, mask: Binary, rng: np.random.Generator) -> Binary | None:
    """GrabCut from a box around the mask with up to SHAKE of its sides to spare; None for what the box cuts off."""
    height, width = mask.shape
    box = box_around(mask)
    w, h = box.x1 - box.x0, box.y1 - box.y0
    spare = rng.uniform(0, SHAKE, 4) * (w, h, w, h) + 1.5
    x0, y0 = max(0, int(box.x0 - spare[0])), max(0, int(box.y0 - spare[1]))
    x1, y1 = min(width, int(np.ceil(box.x1 + spare[2]))), min(height, int(np.ceil(box.y1 + spare[3])))
    mx, my = int(0.4 * w + 6), int(0.4 * h + 6)
    left, top, right, bottom = max(0, x0 - mx), max(0, y0 - my), min(width, x1 + mx), min(height, y1 + my)
    crop = np.ascontiguousarray(image[top:bottom, left:right, ::-1])
    trimap = np.full(crop.shape[:2], cv2.GC_BGD, np.uint8)
    trimap[y0 - top : y1 - top, x0 - left : x1 - left] = cv2.GC_PR_FGD
    if not (trimap == cv2.GC_BGD).any():
        return None
    got = _foreground(crop, trimap)
    if got is None:
        return None
    out = np.zeros(mask.shape, np.float32)
    out[top:bottom, left:right] = cv2.resize(got, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    whole = filled(out > 0.5)
    sides = [(x0 > 0, whole[y0:y1, x0]), (x1 < width, whole[y0:y1, x1 - 1])]
    sides += [(y0 > 0, whole[y0, x0:x1]), (y1 < height, whole[y1 - 1, x0:x1])]
    cut = any(side.mean() > CUT for inside, side in sides if inside)
    return whole if whole.any() and not cut else None


def _foreground(crop: Picture, trimap: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
    """GrabCut at no more than GRABBED pixels: 1 where it sees the thing. None where it has nothing to go by."""
    scale = min(1.0, GRABBED / max(crop.shape[:2]))
    small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    marks = cv2.resize(trimap, small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    cv2.setRNGSeed(11)
    try:
        cv2.grabCut(small, marks, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return None
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD), np.float32)


def propose(image: Picture) -> npt.NDArray[np.bool_]:
    """Masks (regions, height, width) at WORKING size, largest first."""
    scale = min(1.0, WORKING / max(image.shape[:2]))
    small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    rng, study = np.random.default_rng(3), Study(small)
    kept = []
    for each in candidates(study):
        mask = stable(small, each.mask, rng, agree=each.mask)
        if mask is not None and looks_closed(mask):
            kept.append(Candidate(mask, 1 + each.score))
    kept += composed(study, rng)
    found = sorted((each.mask for each in distinct(kept)), key=lambda mask: -int(mask.sum()))
    return np.array(found, np.bool_).reshape(-1, *small.shape[:2])


def build(folder: Path) -> None:
    """Look at every photograph with things in it and keep their regions; prints progress, goes on where it stopped."""
    path, unfinished = folder / FILE, folder / UNFINISHED
    done: dict[str, npt.NDArray[np.bool_]] = {}
    if unfinished.exists():
        with np.load(unfinished) as arrays:
            done = {key: arrays[key] for key in arrays.files}
    pictures = photos.load(folder, scenes_only=True)
    started = time.monotonic()
    for number, (key, image) in enumerate(pictures.items(), 1):
        if key not in done:
            done[key] = propose(image)
            print(f"{number}/{len(pictures)} {key}: {len(done[key])} ({time.monotonic() - started:.0f} s)", flush=True)
            if number % 10 == 0:
                np.savez_compressed(unfinished, **done)  # type: ignore[arg-type]
    np.savez_compressed(path, **done)  # type: ignore[arg-type]
    unfinished.unlink(missing_ok=True)
    print(f"{sum(map(len, done.values()))} regions on {len(done)} photographs: {path}")


def load(folder: Path) -> dict[str, npt.NDArray[np.bool_]]:
    """
    Masks (regions, height, width) by package and file, largest first, at most WORKING pixels long.

    Raises FileNotFoundError that says how to build them.
    """
    path = folder / FILE
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: python -m tracker.worlds.regions --photos {folder} makes it.")
    with np.load(path) as arrays:
        return {key: arrays[key] for key in arrays.files}


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="where photos.py kept them")
    build(parser.parse_args().photos)


if __name__ == "__main__":
    main()
