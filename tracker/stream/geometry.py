"""Places and masks of one frame: boxes as shares of the picture, mask logits over the whole of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model.compute import uploaded
from tracker.types import Box, Point

Share = tuple[float, float, float, float]  # left, top, right, bottom as shares of the picture
Spot = tuple[float, float, bool]  # x, y as shares of the picture; whether it belongs to the object
LIMIT = 32.0  # logits that are fed back stay within this (sam1_task_predictor.py)


def overlaps(some: Tensor, others: Tensor) -> Tensor:
    """IoUs of (N, S, S) masks by their logits with (N, S, S) others, pair by pair: (N,); 0 where both are empty."""
    one, other = (some > 0).flatten(1), (others > 0).flatten(1)
    return (one & other).sum(1) / (one | other).sum(1).clamp(min=1)


def lies_on(logits: Tensor, others: Tensor, share: float) -> bool:
    """Whether a (S, S) mask lies by more than ``share`` on one of (N, S, S) masks, or the other way round."""
    return each_lies_on(logits[None], others, share)[0]


def each_lies_on(logits: Tensor, others: Tensor, share: float) -> list[bool]:
    """The same of (M, S, S) masks, in one copy from the device that they are on."""
    mine, theirs = (logits > 0).flatten(1).float(), (others > 0).flatten(1).float()
    smaller = torch.minimum(mine.sum(1)[:, None], theirs.sum(1)).clamp(min=1)
    with torch.autocast(mine.device.type, enabled=False):  # in bf16 a count of pixels has three digits
        both = mine @ theirs.T
    found: list[bool] = (both / smaller > share).any(1).tolist()
    return found


def shifted(logits: Tensor, moves: Sequence[tuple[float, float]]) -> Tensor:
    """Move (N, S, S) logits by (x, y) shares of the picture each; what comes in from outside is surely background."""
    if max(max(abs(x), abs(y)) for x, y in moves) * logits.shape[-1] < 0.25:  # less than anyone can see
        return logits
    theta = uploaded(torch.tensor([[[1, 0, -2 * x], [0, 1, -2 * y]] for x, y in moves]), logits.device)
    grid = F.affine_grid(theta, [len(logits), 1, *logits.shape[1:]], align_corners=False)
    return F.grid_sample(logits[:, None] + LIMIT, grid, align_corners=False)[:, 0] - LIMIT


def pixels(share: Share, height: int, width: int) -> Box:
    """A share of the picture as a box in its pixels, cut off at the edges."""
    x0, y0, x1, y1 = (min(1.0, max(0.0, each)) for each in share)
    return Box(x0 * width, y0 * height, x1 * width, y1 * height)


def shares(box: Box, height: int, width: int) -> Share:
    """A box in pixels as a share of its picture."""
    return box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height


def spots(points: Sequence[Point], height: int, width: int) -> tuple[Spot, ...]:
    """Points in pixels as shares of their picture."""
    return tuple((point.x / width, point.y / height, point.positive) for point in points)


def points(spots: Sequence[Spot], height: int, width: int) -> tuple[Point, ...]:
    """Shares of a picture as points in its pixels."""
    return tuple(Point(x * width, y * height, positive) for x, y, positive in spots)


def bounds(logits: Tensor) -> Share:
    """The tight box around a (S, S) mask, to a mask pixel; all zero for an empty one."""
    return each_bounds(logits[None])[0]


def each_bounds(logits: Tensor) -> list[Share]:
    """The same of (N, S, S) masks, in one copy from the device that they are on."""
    positive = logits > 0
    both = torch.stack([positive.any(1), positive.any(2)], 1).cpu().numpy()  # (N, columns and rows, S)
    side = both.shape[-1]
    first, last = both.argmax(-1), side - both[..., ::-1].argmax(-1)
    shares = np.where(both.any(-1, keepdims=True), np.stack([first, last], -1) / side, 0.0)
    return [(x[0], y[0], x[1], y[1]) for x, y in shares.tolist()]


def middle(box: Share, axis: int) -> float:
    """The middle of a box, x (``axis`` 0) or y."""
    return (box[axis] + box[axis + 2]) / 2


def size(box: Share) -> float:
    """Side of the square as large as a box, a share of the picture's."""
    return math.sqrt(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))
