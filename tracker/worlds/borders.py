"""
How strong a border is at every place of a photograph, and the regions that such borders close, nested.

Nothing here is learnt. A border is where the colours and textures on two sides of a place differ (Pb of Martin, Fowlkes
and Malik, 2004, on vector-quantised colour and texture); regions are merged over their weakest border first (the
ultrametric contour map of Arbeláez, 2006).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
from skimage.segmentation import watershed

from tracker.worlds.looks import Picture
from tracker.worlds.objects import Binary
from tracker.worlds.palette import lab

Strength = npt.NDArray[np.float32]  # (height, width), 0 none to about 1
Labels = npt.NDArray[np.int32]  # (height, width), 0 to the number of regions less 1
Near = list[dict[int, tuple[float, float]]]  # of each region: to each neighbour, sum and length of the border

DIRECTIONS = 8  # of a border
RADII = (4, 9)  # pixels of the half discs whose contents are compared
BINS = 12  # of lightness and of each colour axis
TEXTONS = 24  # clusters of colour with texture


def strength(image: Picture) -> Strength:
    """How much the two sides of each place differ in the strongest direction, and a share of the fine gradient."""
    colors = lab(image)
    layers = _layers(colors)
    total = np.zeros((DIRECTIONS, *image.shape[:2]), np.float32)
    for radius in RADII:
        for bins in layers:
            total += _differences(bins, radius) / (len(RADII) * len(layers))
    fine = _gradient(colors)
    best = total.max(0)
    return np.asarray(0.7 * best + 0.3 * fine, np.float32)


def _layers(colors: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Lightness, two colour axes and textons of (height, width, 3) CIELAB, each as (bins, height, width) of shares."""
    scaled = [colors[..., 0] / 100, (colors[..., 1] + 60) / 120, (colors[..., 2] + 60) / 120]
    soft = []
    for channel in scaled:
        place = np.clip(channel, 0, 1) * (BINS - 1)
        soft.append(np.stack([np.clip(1 - abs(place - index), 0, 1) for index in range(BINS)]).astype(np.float32))
    texture = [cv2.Laplacian(cv2.GaussianBlur(colors[..., 0], (0, 0), sigma), cv2.CV_32F) for sigma in (1, 2)]
    texture += [cv2.Sobel(colors[..., 0], cv2.CV_32F, 1, 0), cv2.Sobel(colors[..., 0], cv2.CV_32F, 0, 1)]
    weights = (0.4, 0.8, 0.8, 1.5, 3.0, 0.25, 0.25)
    points = np.stack([*np.moveaxis(colors, -1, 0), *texture], -1).reshape(-1, 7) * np.array(weights, np.float32)
    cv2.setRNGSeed(7)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 8, 0.0)
    sample = np.ascontiguousarray(points[:: max(1, len(points) // 8000)], np.float32)
    _, _, centers = cv2.kmeans(sample, TEXTONS, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    far = ((points[:, None] - centers[None]) ** 2).sum(-1).argmin(1).reshape(colors.shape[:2])
    return [*soft, (far[None] == np.arange(TEXTONS)[:, None, None]).astype(np.float32)]


def _differences(bins: npt.NDArray[np.float32], radius: int) -> npt.NDArray[np.float32]:
    """Chi-squared distance of the two half discs around each place, for each direction."""
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = rows**2 + columns**2 <= radius**2
    out = np.zeros((DIRECTIONS, *bins.shape[1:]), np.float32)
    whole = (disc / disc.sum()).astype(np.float32)
    kernels = []
    for direction in range(DIRECTIONS):
        angle = np.pi * direction / DIRECTIONS
        side = rows * np.cos(angle) - columns * np.sin(angle)
        half = (disc & (side > 1e-6)) + 0.5 * (disc & (abs(side) <= 1e-6))
        kernels.append((half / half.sum()).astype(np.float32))
    for layer in bins:
        both = 2 * cv2.filter2D(layer, -1, whole, borderType=cv2.BORDER_REFLECT)
        for direction, kernel in enumerate(kernels):
            one = cv2.filter2D(layer, -1, kernel, borderType=cv2.BORDER_REFLECT)
            out[direction] += 0.5 * (2 * one - both) ** 2 / (both + 1e-4)
    return np.asarray(np.sqrt(out.clip(0)), np.float32)


def _gradient(colors: npt.NDArray[np.float32]) -> Strength:
    smooth = cv2.GaussianBlur(colors, (0, 0), 1.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return np.asarray(np.clip(np.sqrt((across**2 + down**2).sum(-1)) / 120, 0, 1), np.float32)


@dataclass(slots=True)
class Node:
    """A region of the tree: its superpixels, its two parts, and the strength of the border at which it was closed."""

    leaves: list[int]
    made: float  # strength of the border that was dissolved to make it; 0 for a superpixel
    parts: tuple[int, ...] = ()
    lost: float = 1.0  # strength of the border at which it is merged into its parent
    parent: int = -1


@dataclass(slots=True)
class Tree:
    """All regions of a photograph, nested."""

    labels: Labels
    border: Strength
    nodes: list[Node] = field(default_factory=list)

    def mask(self, number: int) -> Binary:
        """Where a region lies."""
        table = np.zeros(int(self.labels.max()) + 1, np.bool_)
        table[self.nodes[number].leaves] = True
        return np.asarray(table[self.labels], np.bool_)


def superpixels(border: Strength) -> Labels:
    """The basins of the border strength."""
    smooth = cv2.GaussianBlur(border, (0, 0), 1.2)
    low = cv2.erode(smooth, np.ones((5, 5), np.uint8)) >= smooth - 1e-6
    _, markers = cv2.connectedComponents(low.astype(np.uint8))
    return np.asarray(watershed(smooth, markers), np.int32) - 1  # type: ignore[no-untyped-call]


def tree(image: Picture) -> Tree:
    """Merge over the weakest border first, until one region is left."""
    border = strength(image)
    labels = superpixels(border)
    made = Tree(labels, border, [Node([label], 0.0) for label in range(int(labels.max()) + 1)])
    near: Near = [{} for _ in made.nodes]
    for one, other, (strong, long) in _contacts(labels, border):
        for a, b in ((one, other), (other, one)):
            before = near[a].get(b, (0.0, 0.0))
            near[a][b] = (before[0] + strong, before[1] + long)
    queue = [(s / n, a, b) for a, others in enumerate(near) for b, (s, n) in others.items() if a < b]
    heapq.heapify(queue)
    while queue:
        value, a, b = heapq.heappop(queue)
        if made.nodes[a].parent >= 0 or made.nodes[b].parent >= 0:
            continue
        number, level = len(made.nodes), max(value, made.nodes[a].made, made.nodes[b].made)
        for part in (a, b):
            made.nodes[part].lost, made.nodes[part].parent = level, number
        made.nodes.append(Node(made.nodes[a].leaves + made.nodes[b].leaves, level, (a, b)))
        near.append(_joined(near, a, b))
        for other, (s, n) in near[number].items():
            near[other][number] = (s, n)
            heapq.heappush(queue, (s / n, other, number))
    return made


def _joined(near: Near, a: int, b: int) -> dict[int, tuple[float, float]]:
    """The neighbours of two regions that become one; both are taken from their lists."""
    merged: dict[int, tuple[float, float]] = {}
    for part in (a, b):
        for other, (s, n) in near[part].items():
            if other not in (a, b):
                before = merged.get(other, (0.0, 0.0))
                merged[other] = (before[0] + s, before[1] + n)
                near[other].pop(part)
    return merged


def _contacts(labels: Labels, border: Strength) -> list[tuple[int, int, tuple[float, float]]]:
    """Pairs of superpixels that touch, with the sum of the strength along their border and its length."""
    found = []
    for one, other, value in (
        (labels[:, :-1], labels[:, 1:], np.maximum(border[:, :-1], border[:, 1:])),
        (labels[:-1], labels[1:], np.maximum(border[:-1], border[1:])),
    ):
        differ = one != other
        pairs = np.stack([np.minimum(one, other)[differ], np.maximum(one, other)[differ]], -1)
        kinds, inverse = np.unique(pairs, axis=0, return_inverse=True)
        sums, counts = np.bincount(inverse.ravel(), value[differ]), np.bincount(inverse.ravel())
        found += [(int(a), int(b), (float(s), float(n))) for (a, b), s, n in zip(kinds, sums, counts, strict=True)]
    return found
