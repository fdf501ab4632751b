"""
Similarities of the plane (moved, turned, grown) for many objects at once.

One is a (2, 3) matrix from pixels x, y to pixels; those of M objects are (M, 2, 3). Places of all objects lie in one
array, object after object (:class:`Groups`), so that a frame costs a few calls of NumPy whatever the number of objects.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.float32]  # (2, N): x and y
Values = npt.NDArray[np.float32]  # (N,) or (rows, N)
Poses = npt.NDArray[np.float64]  # (M, 2, 3)

ROUNDS = 3  # of weighing places by how well they fit
SHARPEST = 0.5  # pixels: a place that fits this well is not doubted further
WIDE = 1.5  # times the usual misfit: where a place begins to count less
STIFF = 2.0  # pixels squared: what the few places of a tiny object must show before it is turned or grown


class Groups:
    """Which of N places belong to which of M objects: ``counts`` (M,), each at least 1, one after another."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = np.asarray(counts, np.intp)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.intp)

    def __len__(self) -> int:
        return len(self.counts)

    def sum(self, values: Values) -> Values:
        """Of each object: (M,) or (rows, M)."""
        found: Values = np.add.reduceat(values, self.starts, axis=-1)
        return found

    def mean(self, values: Values, weights: Values) -> Values:
        """The weighted mean of each object; 0 where nothing weighs anything."""
        found: Values = self.sum(values * weights) / np.maximum(self.sum(weights), 1e-9)
        return found

    def spread(self, values: npt.NDArray[np.floating]) -> Values:
        """Each object's value, (M,) or (rows, M), at each of its places."""
        found: Values = values.astype(np.float32).repeat(self.counts, axis=-1)
        return found


def still(count: int) -> Poses:
    """Nothing moves."""
    return np.repeat(np.eye(2, 3)[None], count, axis=0)


def after(outer: Poses, inner: Poses) -> Poses:
    """First ``inner``, then ``outer``; each (..., 2, 3)."""
    both: Poses = outer[..., :2] @ inner
    both[..., 2] += outer[..., 2]
    return both


def inverse(poses: Poses) -> Poses:
    """The way back."""
    (a, b, x), (c, d, y) = np.moveaxis(poses, (-2, -1), (0, 1))
    flat = a * d - b * c
    a, b, c, d = d / flat, -b / flat, -c / flat, a / flat
    return np.moveaxis(np.array([[a, b, -a * x - b * y], [c, d, -c * x - d * y]]), (0, 1), (-2, -1))


def moved(poses: Poses, centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """One place (M, 2) of each object, moved by its pose."""
    found: npt.NDArray[np.float64] = (poses[:, :, :2] @ centres[..., None])[..., 0] + poses[:, :, 2]
    return found


def size(poses: Poses) -> npt.NDArray[np.float64]:
    """How many times its side each object has become."""
    flat = poses[..., 0, 0] * poses[..., 1, 1] - poses[..., 0, 1] * poses[..., 1, 0]
    return np.asarray(np.sqrt(np.abs(flat)))


def about(pose: Poses, centre: npt.NDArray[np.float64], share: npt.NDArray[np.float64]) -> Poses:
    """A ``share`` (M,) of a motion (M, 2, 3): of how it turns and grows about ``centre`` (M, 2), and of its way."""
    some = still(len(pose))
    some[:, :, :2] += share[:, None, None] * (pose[:, :, :2] - np.eye(2))
    some[:, :, 2] = centre + share[:, None] * (moved(pose, centre) - centre) - moved(some, centre)
    return some


def applied(poses: Poses, places: Places, groups: Groups) -> Places:
    """Each object's places, moved by its pose."""
    a, b, c, d, e, f = groups.spread(poses.reshape(len(poses), 6).T)
    x, y = places
    return np.array([a * x + b * y + c, d * x + e * y + f])


def fitted(before: Places, now: Places, weights: Values, groups: Groups) -> Poses:
    """
    How each object moved, by where its places were and are.

    Places that do not move with the others count little: least squares, weighed again and again by Cauchy's function.
    """
    plain = np.ones_like(weights)
    start = groups.mean(before, plain)  # so that single precision is enough
    (x, y), (to_x, to_y) = before - groups.spread(start), now - groups.spread(start)
    moments = np.array([plain, x, y, to_x, to_y, x * x + y * y, x * to_x + y * to_y, x * to_y - y * to_x])
    believed = weights
    for _ in range(ROUNDS):
        total, *sums = groups.sum(moments * believed).astype(np.float64)
        old_x, old_y, new_x, new_y, square, along, across = (each / np.maximum(total, 1e-9) for each in sums)
        stiff = STIFF / np.maximum(total, 1e-9)
        square = square - old_x**2 - old_y**2 + stiff
        grown = (along - old_x * new_x - old_y * new_y + stiff) / square
        turned = (across - old_x * new_y + old_y * new_x) / square
        shift_x, shift_y = new_x - grown * old_x + turned * old_y, new_y - turned * old_x - grown * old_y
        cos, sin, by_x, by_y = groups.spread(np.array([grown, turned, shift_x, shift_y]))
        misfit = np.hypot(cos * x - sin * y + by_x - to_x, sin * x + cos * y + by_y - to_y)
        wide = np.maximum(SHARPEST, WIDE * groups.mean(misfit, believed))
        believed = (weights / np.square(1 + np.square(misfit / groups.spread(wide)))).astype(np.float32)
    centre_x, centre_y = start.astype(np.float64)
    shift_x += centre_x - grown * centre_x + turned * centre_y
    shift_y += centre_y - turned * centre_x - grown * centre_y
    return np.array([[grown, -turned, shift_x], [turned, grown, shift_y]]).transpose(2, 0, 1)
