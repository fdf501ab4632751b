"""What happens between low-resolution logits and finished masks: suppression, hole filling, scaling, run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tracker import rle
from tracker.model import run_lengths
from tracker.model.compute import picked
from tracker.types import Box, Mask, Part

# Upstream fills holes and removes specks of up to 16 pixels on its 288-pixel masks (sam3_video_base.py), and up to 256
# in masks answered to clicks (sam1_task_predictor.py). We keep the share of the picture, whatever the mask's side.
UPSTREAM_SIDE = 288
TRACK_SPECK = 16
CLICK_HOLE = 256
FILLED, REMOVED = 0.1, -0.1  # the logits upstream gives to filled and removed pixels


def speck_area(side: int, upstream_area: int = TRACK_SPECK) -> int:
    """Upstream's largest filled area, in pixels of a mask of ``side`` by ``side``; at least one pixel."""
    return max(1, round(upstream_area * (side / UPSTREAM_SIDE) ** 2))


def fill_holes(logits: Tensor, max_area: int) -> Tensor:
    """
    Close small holes of (N, H, W) mask logits and take small specks away; returns a tensor on the same device.

    Equal to upstream's ``fill_holes_in_mask_scores``, whose connected components want CUDA (or scikit-image and
    seconds): 8-connected components of at most ``max_area`` pixels, specks also at most half of the whole mask.
    """
    if logits.device.type != "cpu":
        return fill_holes_there(logits, max_area)
    values = logits.detach().float().cpu().numpy()
    filled = values.copy()
    for source, target in zip(values, filled, strict=True):
        background = source <= 0
        holes = background & (_component_areas(background) <= max_area)
        target[holes] = FILLED
        foreground = target > 0
        limit = min(int(foreground.sum()) // 2, max_area)
        target[foreground & (_component_areas(foreground) <= limit)] = REMOVED
    return torch.from_numpy(filled).to(logits.device)


def _component_areas(binary: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """For each pixel the number of pixels in its 8-connected component."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(binary.view(np.uint8), connectivity=8)
    areas: npt.NDArray[np.int32] = stats[:, cv2.CC_STAT_AREA][labels]
    return areas


def fill_holes_there(logits: Tensor, max_area: int) -> Tensor:
    """The same as :func:`fill_holes` by torch's own operations: nothing leaves the device that the logits are on."""
    filled = logits.detach().float()
    if not len(filled):
        return filled
    filled = torch.where(small_components(filled <= 0, max_area), FILLED, filled)
    foreground = filled > 0
    limit = (foreground.flatten(1).sum(1) // 2).clamp(max=max_area)
    return torch.where(small_components(foreground, max_area, limit), REMOVED, filled)


def small_components(binary: Tensor, max_area: int, limit: Tensor | None = None) -> Tensor:
    """
    The pixels of 8-connected components of (N, H, W) masks that have at most ``max_area`` pixels, or ``limit`` (N,).

    Every pixel takes the highest number around it ``max_area`` times, after which a component of no more pixels has
    one number; a number that meets another is of a component that is larger.
    """
    count, height, width = binary.shape
    size = height * width  # numbers stay exact in float32 up to 4,096 pixels a side
    labels = torch.arange(1, size + 1, device=binary.device, dtype=torch.float32).view(1, height, width) * binary
    for _ in range(max_area - 1):
        labels = F.max_pool2d(labels, 3, stride=1, padding=1) * binary
    highest = F.max_pool2d(labels, 3, stride=1, padding=1)
    lowest = -F.max_pool2d(torch.where(binary, -labels, -torch.inf), 3, stride=1, padding=1)
    mixed = (highest != lowest) & binary
    numbers = labels.long().flatten(1)
    areas = torch.zeros(count, size + 1, device=binary.device)
    areas.scatter_add_(1, numbers, torch.where(mixed, torch.inf, 1.0).flatten(1))
    most = torch.full((count,), max_area, device=binary.device) if limit is None else limit
    return ((areas.gather(1, numbers) <= most[:, None]) & binary.flatten(1)).view_as(binary)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """The IoU of each of (N, H, W) binary masks with each of (M, H, W): (N, M). Two empty masks have IoU 0."""
    first, second = a.flatten(1).float(), b.flatten(1).float()
    with torch.autocast(first.device.type, enabled=False):  # in bf16 a count of pixels has three digits
        both = first @ second.T
    either = first.sum(1)[:, None] + second.sum(1)[None] - both
    return both / either.clamp(min=1)


def suppress(binary: Tensor, scores: Tensor, max_iou: float) -> Tensor:
    """
    Greedy non-maximum suppression by mask IoU: of two (N, H, W) masks with IoU > ``max_iou`` the lower score goes.

    Scores are on the host, and so are the kept indices that it returns, best score first.
    """
    return suppressed([(binary, scores)], max_iou)[0]


def suppressed(several: Sequence[tuple[Tensor, Tensor]], max_iou: float) -> list[Tensor]:
    """The same for several such masks and scores, each by themselves: their device is waited for once."""
    orders = [scores.argsort(descending=True, stable=True) for _, scores in several]
    masks = [picked(binary, order.tolist()) for (binary, _), order in zip(several, orders, strict=True)]
    overlaps = [pairwise_iou(each, each) > max_iou for each in masks]
    flat = [each.flatten() for each in overlaps]
    read = (flat[0] if len(flat) == 1 else torch.cat(flat)).cpu().split([len(each) for each in flat])
    return [order[_apart(each.view(len(order), -1).tolist())] for order, each in zip(orders, read, strict=True)]


def _apart(overlaps: list[list[bool]]) -> list[int]:
    """Of things in their order those that overlap with none that was taken before."""
    kept: list[int] = []
    for candidate, others in enumerate(overlaps):
        if not any(others[better] for better in kept):
            kept.append(candidate)
    return kept


def separate(logits: Tensor) -> Tensor:
    """
    Let each pixel of (N, H, W) logits belong to one mask only, at any size that they are scaled to.

    All but the highest become as negative as that one is positive: no two of them are positive between pixels either.
    """
    if len(logits) < 2:
        return logits
    highest, owner = logits.max(0, keepdim=True)
    mine = owner == torch.arange(len(logits), device=logits.device)[:, None, None]
    return torch.where(mine, logits, torch.minimum(logits, -highest))


def within(logits: Tensor, boxes: Tensor, reach: float) -> Tensor:
    """
    Keep (..., S, S) mask logits to their boxes: what lies further outside than a cell and ``reach`` becomes negative.

    ``boxes`` are (..., 4): cx, cy, w, h as shares of the picture; ``reach`` is a share of the box's sides.
    """
    side = logits.shape[-1]
    place = (torch.arange(side, device=logits.device) + 0.5) / side
    cx, cy, width, height = boxes.float()[..., None].unbind(-2)
    across = (place - cx).abs() <= (0.5 + reach) * width + 1 / side
    down = (place - cy).abs() <= (0.5 + reach) * height + 1 / side
    return torch.where(down[..., :, None] & across[..., None, :], logits, logits.clamp(max=-1.0))


def to_masks(logits: Tensor, height: int, width: int, *, unpacked: int = 0) -> list[tuple[Mask, Box]]:
    """
    Masks at picture size, with their tight boxes, from (N, H, W) logits.

    ``unpacked``: bytes of masks that may be packed later, by another thread (on a CPU).

    The logits are scaled (bilinear, corners not aligned, as ``torch.nn.functional.interpolate``) and then thresholded
    at 0: the other order costs 4 % IoU. On a CPU only the part of the picture that a mask can reach is computed;
    elsewhere masks leave the device as runs, all of them in one copy (runs.py).
    """
    logits = logits.detach().float()
    if logits.device.type != "cpu":
        return [_of_counts(counts, height, width) for counts in run_lengths.scaled(logits, height, width)]
    down, across = _interpolation(logits.shape[1], height), _interpolation(logits.shape[2], width)
    found = []
    for each in logits:
        mask, box = _to_mask(each, down, across)
        if isinstance(mask.held, Part):
            unpacked -= mask.held.pixels.nbytes
        if unpacked < 0:
            mask.counts  # noqa: B018  (packs it)
        found.append((mask, box))
    return found


def _of_counts(counts: bytes, height: int, width: int) -> tuple[Mask, Box]:
    return Mask(height, width, counts), Box(*rle.bounds(counts, height, width))


def _to_mask(logits: Tensor, down: Tensor, across: Tensor) -> tuple[Mask, Box]:
    height, width = len(down), len(across)
    positive = (logits > 0).numpy()
    rows, columns = np.flatnonzero(positive.any(1)), np.flatnonzero(positive.any(0))
    if not len(rows):
        return Mask.from_part(np.zeros((0, 0), np.bool_), 0, 0, height, width), Box(0, 0, 0, 0)
    y0, y1, top, bottom = _reach(rows, positive.shape[0], height)
    x0, x1, left, right = _reach(columns, positive.shape[1], width)
    part = (down[top:bottom, y0:y1] @ logits[y0:y1, x0:x1] @ across[left:right, x0:x1].T > 0).numpy()
    x, y, wide, high = cv2.boundingRect(part.view(np.uint8))
    box = Box(left + x, top + y, left + x + wide, top + y + high) if wide else Box(0, 0, 0, 0)
    return Mask(height, width, Part(part, top, left)), box


def _reach(indices: npt.NDArray[np.intp], small: int, large: int) -> tuple[int, int, int, int]:
    """
    Which samples can a mask use, and which pixels can it reach? (first sample, end, first pixel, end)

    A scaled pixel is a mean of two neighbouring samples, so a positive one lies at most one sample from a positive
    sample; the samples that such pixels need lie one further out. One more pixel each side covers rounding.
    """
    first, last = int(indices[0]), int(indices[-1])
    top = max(0, int((first - 0.5) * large / small) - 1)
    bottom = min(large, int((last + 1.5) * large / small) + 2)
    return max(0, first - 2), min(small, last + 3), top, bottom


@lru_cache(maxsize=16)  # a few picture sizes are alive at a time; a matrix is at most about 2 MB
def _interpolation(small: int, large: int) -> Tensor:
    """The (large, small) matrix of linear interpolation with half-pixel centres and repeated borders."""
    position = ((torch.arange(large, dtype=torch.float64) + 0.5) * small / large - 0.5).clamp(min=0)
    lower = position.floor().long().clamp(max=small - 1)
    upper = (lower + 1).clamp(max=small - 1)
    weight = (position - lower).float()[:, None]
    matrix = torch.zeros(large, small)
    matrix.scatter_add_(1, lower[:, None], 1 - weight)
    return matrix.scatter_add_(1, upper[:, None], weight)
