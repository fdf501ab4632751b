"""
What a click means, held by rule: for models whose masks run over onto look-alikes (``Config.one_piece``).

A mask that positive points are on is the connected part under them. What a negative point is on is taken away: whatever
lies nearer to it than to any positive point, and what comes apart with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tracker.model.features import SegmentPrompt

Binary = npt.NDArray[np.bool_]
Cells = npt.NDArray[np.int64]  # (N, 2) row and column


def held(logits: Tensor, size: tuple[int, int], objects: Sequence[SegmentPrompt]) -> Tensor:
    """
    (B, M, S, S) logits of objects asked for by points, each kept to what its points allow; a new tensor.

    ``size`` is the picture's height and width, in whose pixels the points are. A logit that goes becomes its negative.
    """
    kept = logits.clone()
    for masks, each in zip(kept, objects, strict=True):
        if not each.points:
            continue
        positive, negative = (_cells(each, size, logits.shape[-1], wanted=wanted) for wanted in (True, False))
        for mask in masks:
            on = (mask > 0).cpu().numpy()
            off = torch.from_numpy(on & ~_allowed(on, positive, negative)).to(mask.device)
            mask[off] = -mask[off]
    return kept


def _cells(prompt: SegmentPrompt, size: tuple[int, int], side: int, *, wanted: bool) -> Cells:
    places = [(point.y, point.x) for point in prompt.points if point.positive is wanted]
    cells = np.array(places).reshape(-1, 2) * side / np.array(size)
    return np.asarray(np.clip(cells, 0, side - 1), np.int64)


def _allowed(on: Binary, positive: Cells, negative: Cells) -> Binary:
    """What may stay of a mask."""
    allowed = _under(on, positive) if len(positive) else on
    if any(allowed[row, column] for row, column in negative):
        if len(positive):
            allowed = allowed & (_distance(on.shape, positive) <= _distance(on.shape, negative))
            return _under(allowed, positive)
        allowed = allowed & ~_under(allowed, negative)
    return allowed


def _under(on: Binary, cells: Cells) -> Binary:
    """The connected parts that lie under any of the cells; the whole where none is under them."""
    _, labels = cv2.connectedComponents(on.view(np.uint8), connectivity=8)
    named = {int(labels[row, column]) for row, column in cells} - {0}
    return np.isin(labels, list(named)) if named else on


def _distance(shape: tuple[int, ...], cells: Cells) -> npt.NDArray[np.float32]:
    """From each cell to the nearest of ``cells``."""
    away = np.ones(shape, np.uint8)
    away[cells[:, 0], cells[:, 1]] = 0
    return np.asarray(cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
