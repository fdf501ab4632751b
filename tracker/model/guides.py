"""
Boxes and clicks given as masks too: for a model that learnt them so (``Config.guided``).

Two corners, or one point, are little for a small network to make the mask of a real thing from. So it is given, as if
it were the mask of an earlier look, the ellipse in a box; and for clicks what hangs together with them by colour. How
far that reaches is open: a region grows from the click over the picture, slowly where the colour stays (a geodesic
distance, as in Bai and Sapiro 2007), and the sizes at which growing on costs most are the candidates. The network makes
a mask of each and says how good it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model.compute import uploaded
from tracker.model.features import Embedding, Segmentation, SegmentPrompt

Picture = npt.NDArray[np.uint8]  # (side, side, 3) RGB
Guide = npt.NDArray[np.float32]  # (side, side) logits
Places = npt.NDArray[np.float64]  # (N, 2) x, y relative to the picture

FINER = 2  # times the side of masks: the picture that they are cut by (cuts.py); at their own size it loses 0.04 of IoU
HEIGHT = 6.0  # logit inside, its negative outside: as sure as the network's own masks near their borders
CANDIDATES = 3  # as many as SAM gives for one click
SHARES = np.geomspace(0.0015, 0.5, 32)  # of the picture: sizes at which a region may stop
APART = 3  # steps of SHARES between two candidates, more than
STEP = 2.0  # cost of a cell whose colour is the click's
STRANGE = 20.0  # the squared colour distance (CIE L*a*b*, as OpenCV has it in 8 bits) that costs one more
LIGHTNESS = 0.5  # weight of L: light and shade change it most


def small(pixels: Tensor, side: int) -> Picture:
    """The picture at the size of mask logits, (side, side, 3), of the network's (1, 3, H, W), -1 to 1."""
    cells = F.adaptive_avg_pool2d(pixels.float(), side)[0].permute(1, 2, 0)
    return np.asarray(((cells + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy())


def shrunk(image: Picture, side: int) -> Picture:
    """The same of a picture (height, width, 3) that is on the host: nearly the same, and no device is waited for."""
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def colors(picture: Picture) -> Tensor:
    """A picture in OpenCV's L*a*b* of 8 bits."""
    return torch.from_numpy(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB))


def segment(
    decode: Callable[[Sequence[SegmentPrompt], bool], Segmentation],
    embedding: Embedding,
    objects: Sequence[SegmentPrompt],
    multimask: bool,
) -> Segmentation:
    """
    What ``decode`` makes of objects (and whether it is to give three masks each) when they are guided.

    A box is guided by its ellipse, points alone by the region around them whose border is clearest. With ``multimask``
    the other regions' masks come after its own: on photographs and in worlds that order is right more often than the
    order of the network's own estimates.
    """
    size, picture = (embedding.height, embedding.width), embedding.small
    if picture is None:  # of a model that learnt without
        return decode(objects, multimask)
    pointed = [row for row, each in enumerate(objects) if _by_points_alone(each)]
    others = [row for row in range(len(objects)) if row not in pointed]
    parts = [decode(with_boxes([objects[row] for row in others], size, len(picture)), multimask)]
    if pointed:
        most = CANDIDATES if multimask else 1
        asked = [more for row in pointed for more in with_regions(objects[row], size, picture)[:most]]
        each = decode(asked, False)
        logits, ious = each.logits.unflatten(0, (-1, most)).squeeze(2), each.ious.view(-1, most)
        parts.append(Segmentation(logits, ious, each.present.view(-1, most)[:, 0]))
    found = Segmentation.joined(parts)
    back = uploaded(torch.tensor([*others, *pointed]).argsort(), found.ious.device)
    return Segmentation(found.logits[back], found.ious[back], found.present[back])


def with_boxes(objects: Sequence[SegmentPrompt], size: tuple[int, int], side: int) -> list[SegmentPrompt]:
    """Each object with the ellipse in its box as earlier logits (side, side), unless it has logits or no box."""
    height, width = size
    given = []
    for each in objects:
        if each.box is not None and each.logits is None:
            x0, x1, y0, y1 = each.box.x0 / width, each.box.x1 / width, each.box.y0 / height, each.box.y1 / height
            drawn = ellipse(((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0), side)
            each = replace(each, logits=torch.from_numpy(drawn))
        given.append(each)
    return given


def with_regions(each: SegmentPrompt, size: tuple[int, int], picture: Picture) -> list[SegmentPrompt]:
    """The object once for each of CANDIDATES regions grown from its points, of which one at least is positive."""
    height, width = size
    positive, negative = (
        np.array([(p.x / width, p.y / height) for p in each.points if p.positive is wanted]).reshape(-1, 2)
        for wanted in (True, False)
    )
    return [replace(each, logits=torch.from_numpy(found)) for found in regions(picture, positive, negative)]


def _by_points_alone(each: SegmentPrompt) -> bool:
    """Whether an object is asked for by points, one at least positive, and nothing else."""
    return each.box is None and each.logits is None and any(point.positive for point in each.points)


def ellipse(box: tuple[float, float, float, float], side: int) -> Guide:
    """Logits of the ellipse in a box cx, cy, w, h relative to the picture: 0 on it, within ±HEIGHT."""
    cx, cy, w, h = box
    cells = (np.arange(side) + 0.5) / side
    across = ((cells - cx) / max(w / 2, 0.5 / side)) ** 2
    down = ((cells - cy) / max(h / 2, 0.5 / side)) ** 2
    return np.clip(HEIGHT * (1 - across[None] - down[:, None]), -HEIGHT, HEIGHT).astype(np.float32)


def regions(picture: Picture, positive: Places, negative: Places) -> list[Guide]:
    """CANDIDATES regions around ``positive`` places, the one with the clearest border first, as logits."""
    lab = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), np.float32)
    lab = np.asarray(cv2.bilateralFilter(lab, 5, 20, 3), np.float32)
    away = _distance(lab, positive)
    if len(negative):  # what is nearer to a negative click is not of it
        away[_distance(lab, negative) <= away] = np.inf
    order = np.sort(away[np.isfinite(away)])
    if not len(order):
        return [_soft(np.zeros(away.shape, np.bool_))] * CANDIDATES
    reach = order[np.minimum((SHARES * away.size).astype(int), len(order) - 1)]
    effort = np.diff(np.log1p(reach)) / np.diff(np.log(SHARES))
    chosen: list[int] = []
    for step in np.argsort(-effort, kind="stable"):
        if len(chosen) < CANDIDATES and all(abs(step - other) > APART for other in chosen):
            chosen.append(int(step))
    return [_soft(away <= reach[step]) for step in chosen]


def _distance(lab: npt.NDArray[np.float32], places: Places) -> npt.NDArray[np.float64]:
    """The cost of the cheapest way from each cell to one of ``places``, by colours like those there."""
    from skimage.graph import MCP_Geometric

    side = len(lab)
    nearest = np.full((side, side), np.inf)
    for column, row in np.clip(places * side, 0, side - 1).astype(int):
        around = lab[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].reshape(-1, 3)
        strange = (lab - np.median(around, 0)) * (LIGHTNESS, 1, 1)
        costs, _ = MCP_Geometric(STEP + (strange**2).sum(-1) / STRANGE).find_costs([(row, column)])
        nearest = np.minimum(nearest, costs)
    return nearest


def _soft(mask: npt.NDArray[np.bool_]) -> Guide:
    blurred = cv2.GaussianBlur(np.where(mask, HEIGHT, -HEIGHT).astype(np.float32), (3, 3), 0)
    return np.asarray(blurred, np.float32)
