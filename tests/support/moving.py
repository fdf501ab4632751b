"""A textured square on a textured ground, where the truth of its motion is known, and what a look would show of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tracker import Mask, Shown, Snapshot, Stage

HEIGHT, WIDTH, SIDE = 240, 320, 60  # pixels; of the square
CELLS = 112  # of a look's mask


def picture(*corners: tuple[int, int], ground: tuple[int, int] = (0, 0), seed: int = 0) -> npt.NDArray[np.uint8]:
    """(HEIGHT, WIDTH) brightness: a square at each corner (x, y), upon a ground that was moved by (x, y)."""
    rng = np.random.default_rng(seed)
    coarse = np.repeat(np.repeat(rng.integers(60, 120, (24, 32), np.uint8), 10, 0), 10, 1)
    made: npt.NDArray[np.uint8] = np.roll(coarse, (ground[1], ground[0]), (0, 1))
    square = np.repeat(np.repeat(rng.integers(130, 255, (SIDE // 5, SIDE // 5), np.uint8), 5, 0), 5, 1)
    for x, y in corners:
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + SIDE, WIDTH), min(y + SIDE, HEIGHT)
        if left < right and top < bottom:
            made[top:bottom, left:right] = square[top - y : bottom - y, left - x : right - x]
    return made


def dense(x: int, y: int, side: int = SIDE) -> npt.NDArray[np.bool_]:
    """The (HEIGHT, WIDTH) mask of a square at (x, y)."""
    made = np.zeros((HEIGHT, WIDTH), np.bool_)
    made[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)] = True
    return made


def shown(x: int, y: int, *, id: int = 1, key: object = "a", side: int = SIDE, tentative: bool = False) -> Shown:  # noqa: A002
    """What a look shows of a square at (x, y): logits that fall off evenly from its edge."""
    across = (np.arange(CELLS) + 0.5) / CELLS
    from_x = side / 2 - np.abs(across * WIDTH - (x + side / 2))
    from_y = side / 2 - np.abs(across * HEIGHT - (y + side / 2))
    logits = np.minimum(from_x[None], from_y[:, None]).clip(-10, 10).astype(np.float32)
    return Shown(id, None if key is None else (key,), 0.9, tentative, 3, Stage.REFINE, logits)


def looked(index: int, *objects: Shown, scene: int = 0) -> Snapshot:
    """A look's answer on a frame."""
    return Snapshot(index, scene, Stage.REFINE, "interval", objects)


def iou(mask: Mask, truth: npt.NDArray[np.bool_]) -> float:
    """Of a presented mask with the truth."""
    found = mask.dense()
    return float((found & truth).sum() / (found | truth).sum())
