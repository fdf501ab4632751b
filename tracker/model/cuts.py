"""
Masks of clicks and boxes cut along the borders that the picture has (``Config.cut``).

A small network's mask of a real thing lies on it, but ends somewhere near its border, or beyond the next one. GrabCut
(Rother et al. 2004) takes such a mask as a guess: it learns the colours in it and around it, and cuts between the two
where colours change most. What the user pointed at, or drew a box around, is certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tracker.model import pieces
from tracker.model.configs import Config
from tracker.model.features import Embedding, Segmentation, SegmentPrompt
from tracker.model.guides import FINER, HEIGHT

Picture = npt.NDArray[np.uint8]  # (side, side, 3) RGB
Labels = npt.NDArray[np.uint8]  # (side, side) of OpenCV's GC_BGD, GC_FGD, GC_PR_BGD, GC_PR_FGD

CORE = 0.5  # of its radius (a box: of its greatest depth): what lies deeper in a mask is of the thing
FAR = 0.5  # of its radius: what lies further outside is not
AROUND = 1.0  # of its radius: beyond this the picture is not looked at, it would cost and tell nothing
BEYOND = 0.03  # of a box's sides: what lies further out is not of the thing that it was drawn around
REST = 0.05  # of a mask's cells: a cut that leaves less is none
LEAST = 20  # cells: smaller masks stay as they are
POINT = 1  # cells around a click that are what it says


def applied(
    config: Config, embedding: Embedding, objects: Sequence[SegmentPrompt], found: Segmentation, masks: int
) -> Segmentation:
    """
    What a model answered, the best ``masks`` of each object cut along the borders of the picture: some 15 ms each.

    The same where the model is not configured so. The network has no part in it.
    """
    if not config.cut or embedding.fine is None:
        return found
    size = embedding.height, embedding.width
    logits = cut(found.logits[:, :masks], embedding.fine, size, objects)
    if config.one_piece:
        logits = pieces.held(logits, size, objects)
    return replace(found, logits=torch.cat([logits, found.logits[:, masks:]], 1))


def cut(logits: Tensor, picture: Picture, size: tuple[int, int], objects: Sequence[SegmentPrompt]) -> Tensor:
    """
    (B, M, S, S) logits of objects, each mask cut along the borders of ``picture`` (FINER·S, FINER·S, 3): a new tensor.

    ``size`` is the height and width of the picture in whose pixels the prompts are. A mask stays that is tiny, that has
    nothing around it to learn colours from, or of which the cut would leave next to nothing: a line that is thinner
    than a cell.
    """
    side = logits.shape[-1]
    found = logits.float().cpu().numpy().copy()
    for masks, each in zip(found, objects, strict=True):
        for mask in masks:
            fine = cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0
            labels = _labels(fine, each, size) if fine.sum() >= LEAST else None
            inside = None if labels is None else _grown(labels, fine, picture)
            if inside is None:
                continue
            cover = cv2.resize(inside.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
            if (cover > 0.5).sum() >= REST * (mask > 0).sum():
                mask[:] = 2 * HEIGHT * (cover - 0.5)
    return torch.from_numpy(found).to(logits)


def _radius(mask: npt.NDArray[np.bool_]) -> float:
    """Of the disc of the same area, cells."""
    return float(np.sqrt(mask.sum() / np.pi))


def _labels(mask: npt.NDArray[np.bool_], prompt: SegmentPrompt, size: tuple[int, int]) -> Labels | None:
    """What is certain and what is likely; None where nothing is certainly outside, or likely inside."""
    side, (height, width) = len(mask), size
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    inside, outside = (cv2.distanceTransform(each.astype(np.uint8), cv2.DIST_L2, 3) for each in (mask, ~mask))
    radius = _radius(mask)
    labels[inside > CORE * (radius if prompt.box is None else inside.max())] = cv2.GC_FGD
    labels[outside > FAR * radius] = cv2.GC_BGD
    if (box := prompt.box) is not None:
        x, y = BEYOND * (box.x1 - box.x0), BEYOND * (box.y1 - box.y0)
        edges = np.array([(box.x0 - x) / width, (box.y0 - y) / height, (box.x1 + x) / width, (box.y1 + y) / height])
        left, top = np.maximum(np.floor(edges[:2] * side), 0).astype(int)
        right, bottom = np.ceil(edges[2:] * side).astype(int)
        within = np.zeros_like(mask)
        within[top:bottom, left:right] = True
        labels[~within] = cv2.GC_BGD
    for point in prompt.points:
        place = (int(min(point.x / width * side, side - 1)), int(min(point.y / height * side, side - 1)))
        cv2.circle(labels, place, POINT, cv2.GC_FGD if point.positive else cv2.GC_BGD, cv2.FILLED)
    return labels if (labels == cv2.GC_BGD).any() and _likely(labels).any() else None


def _likely(labels: Labels) -> npt.NDArray[np.bool_]:
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), np.bool_)


def _grown(labels: Labels, mask: npt.NDArray[np.bool_], picture: Picture) -> npt.NDArray[np.bool_] | None:
    """What GrabCut takes for inside; None where there is no outside near enough to learn colours from."""
    reach = int(np.ceil(AROUND * _radius(mask))) + FINER
    rows, columns = np.nonzero(labels != cv2.GC_BGD)
    part = np.s_[
        max(0, rows.min() - reach) : rows.max() + 1 + reach, max(0, columns.min() - reach) : columns.max() + 1 + reach
    ]
    near = np.ascontiguousarray(labels[part])
    if not (near == cv2.GC_BGD).any():
        return None
    colors = np.ascontiguousarray(picture[part][..., ::-1])
    cv2.setRNGSeed(0)  # it begins with k-means: the same picture has the same answer
    cv2.grabCut(colors, near, None, np.zeros((1, 65)), np.zeros((1, 65)), 1, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    inside = np.zeros_like(mask)
    inside[part] = _likely(near)
    return inside
