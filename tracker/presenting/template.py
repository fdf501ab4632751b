"""
Objects as their look's picture shows them, found again on the present one.

Motion from frame to frame goes astray little by little; comparing with the look's own picture does not. Each object is
moved, turned and grown until its picture fits (inverse compositional Lucas-Kanade, Baker and Matthews 2004), its light
evened out by a gain and an offset, places that do not fit counting little. What does not fit in the end is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tracker.presenting.motion import Grey, brightness, read
from tracker.presenting.params import DEFAULTS, PresentingParams
from tracker.presenting.placing import Part
from tracker.presenting.similarity import Groups, Places, Poses, Values, after, applied, inverse

RING = 2  # pixels around an object that are compared too: its edge says most where it is all of one colour
RING_WEIGHT = 0.5  # of such a pixel: what is behind an object does not move with it
PLACES = (80, 300)  # pixels of one object that are compared, at least and at most
ALL_PLACES = 8_000  # of all objects together, as long as each has its least: it bounds what a frame costs
NOISE = 2.0  # levels: what fits this well is not doubted further
MISFIT = 20.0  # levels: a place that fits worse than that says no more than one that does not fit
DAMPING = (0.01, 0.001, 1e-6)  # of each parameter, of all of them, and at least: a flat object stays where it is
LIGHT = 1e3  # levels squared: what contrast it takes to judge a gain

_PAIRS = np.triu_indices(4)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How well each of M objects fits: its pose, gain, offset and usual difference in levels; of each place, (N,)."""

    poses: Poses
    gain: Values
    offset: Values
    spread: Values
    difference: Values  # (N,): levels
    believed: Values  # (N,): weights by that
    within: Values  # (N,): 1 inside the present picture, 0 outside


@dataclass(frozen=True, slots=True)
class Light:
    """
    What became of one object's brightness: a ``tone`` of the look's is now ``mean + gain * (tone - mean) + offset``.

    ``tolerance``: how many levels a place may differ from that and still be its own.
    """

    mean: float
    gain: float
    offset: float
    tolerance: float


class Templates:
    """The objects of one look: ``masks`` are its logits over its small picture ``grey``, drawn where they are."""

    def __init__(self, grey: Grey, masks: Sequence[Part], params: PresentingParams = DEFAULTS) -> None:
        self.params = params
        most = int(np.clip(ALL_PLACES // max(len(masks), 1), *PLACES))
        chosen = [_chosen(mask, grey.shape, most) for mask in masks]
        self.groups = groups = Groups([len(inside) for _, inside in chosen])
        self.places: Places = np.concatenate([places for places, _ in chosen], 1)
        self.inside: Values = np.concatenate([inside for _, inside in chosen])
        self._weights = np.where(self.inside > 0, 1.0, RING_WEIGHT).astype(np.float32)
        light, plain = grey.astype(np.float32), np.ones_like(self.inside)
        self._scene = brightness(light)
        tone = read(light, self.places)
        self.mean = groups.mean(tone, plain)
        self._tone = tone - groups.spread(self.mean)
        self.centre = groups.mean(self.places, plain).astype(np.float64).T
        x, y = self.places - groups.spread(self.centre.T)
        self._arm = np.maximum(1.0, np.sqrt(groups.mean(x * x + y * y, plain))).astype(np.float64)
        x, y = np.stack([x, y]) / groups.spread(self._arm)
        across, down = (
            read(np.asarray(cv2.Sobel(light, cv2.CV_32F, *way, ksize=3, scale=1 / 8), np.float32), self.places)
            for way in ((1, 0), (0, 1))
        )
        self._slopes = np.stack([across * x + down * y, down * x - across * y, across, down])
        self._products = self._slopes[_PAIRS[0]] * self._slopes[_PAIRS[1]]

    def aligned(self, poses: Poses, light: npt.NDArray[np.float32], rounds: int) -> Fit:
        """Mend (M, 2, 3) poses by up to so many ``rounds``: the present small picture, (H, W) float, decides."""
        about = self._scene_light(light)
        best, least = self.fit(poses, light, about)
        fit, going = best, np.ones(len(poses), np.bool_)
        for _ in range(rounds):
            poses, going = self._mended(fit, going)
            if not going.any():
                break
            fit, misfit = self.fit(poses, light, about)
            going &= misfit <= self.params.worse * least
            better = going & (misfit < least)
            least = np.where(better, misfit, least)
            best = _chosen_of(better, fit, best, self.groups)
        return best

    def fit(
        self, poses: Poses, light: npt.NDArray[np.float32], about: tuple[float, Values] | None = None
    ) -> tuple[Fit, Values]:
        """
        How well objects fit at these poses, and one number of it for each: its mean difference, in levels.

        ``about``: what the whole picture says of the light, if it is known already.
        """
        groups = self.groups
        x, y = at = applied(poses, self.places, groups)
        height, width = light.shape
        within = ((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)).astype(np.float32)
        now, weights = read(light, at) - groups.spread(self.mean), self._weights * within
        about = about or self._scene_light(light)
        believed, spread = weights, np.zeros(0, np.float32)
        for _ in range(2):
            gain, offset = self._lit(now, believed, about)
            each_gain, each_offset = groups.spread(np.array([gain, offset]))
            rest = now - each_gain * self._tone - each_offset
            size = np.abs(rest)
            spread = np.maximum(NOISE, 1.25 * groups.mean(size, believed))  # a deviation, as far as it is normal
            believed = (weights / np.square(1 + np.square(rest / groups.spread(2 * spread)))).astype(np.float32)
        misfit = groups.mean(np.minimum(size, MISFIT), weights)
        return Fit(poses, gain, offset, spread, rest, believed, within), misfit

    def _mended(self, fit: Fit, going: npt.NDArray[np.bool_]) -> tuple[Poses, npt.NDArray[np.bool_]]:
        """One step of Gauss and Newton; an object that would jump stays, and stops."""
        groups, params = self.groups, self.params
        gain = np.maximum(fit.gain, 0.05).astype(np.float64)
        both = np.concatenate([self._products, self._slopes * fit.difference])
        found = groups.sum(both * fit.believed).astype(np.float64).T
        square = np.zeros((len(groups), 4, 4))
        square[:, _PAIRS[0], _PAIRS[1]] = square[:, _PAIRS[1], _PAIRS[0]] = found[:, :10]
        diagonal = np.einsum("mii->mi", square)
        own, common, least = DAMPING
        diagonal += own * diagonal + common * diagonal.sum(1, keepdims=True) + least
        move = np.linalg.solve(square, found[:, 10:, None])[..., 0] / gain[:, None]
        move[:, :2] /= self._arm[:, None]
        jumps = (np.abs(move[:, :2]) > params.turn).any(1) | (np.hypot(move[:, 2], move[:, 3]) > params.jump)
        going = going & ~jumps
        move[~going] = 0.0
        grown, turned = 1 + move[:, 0], move[:, 1]
        x, y = self.centre.T
        by_x, by_y = x + move[:, 2] - grown * x + turned * y, y + move[:, 3] - turned * x - grown * y
        moved = np.array([[grown, -turned, by_x], [turned, grown, by_y]]).transpose(2, 0, 1)
        return after(fit.poses, inverse(moved)), going

    def seen(self, fit: Fit) -> Values:
        """The share (M,) of each object's places inside the picture that shows the same; 1 if none is inside."""
        inside = self.inside * fit.within
        alike = np.abs(fit.difference) <= self.groups.spread(self._tolerance(fit))
        outside = self.groups.sum(inside) == 0
        return np.where(outside, 1.0, self.groups.mean(alike.astype(np.float32), inside)).astype(np.float32)

    def _scene_light(self, light: npt.NDArray[np.float32]) -> tuple[float, Values]:
        """What the whole picture's contrast and brightness say: the gain, and the offset (M,) of each object."""
        mean, contrast = brightness(light)
        gain = (contrast + NOISE) / (self._scene[1] + NOISE)
        return gain, (gain - 1) * (self.mean - self._scene[0]) + mean - self._scene[0]

    def _lit(self, now: Values, weights: Values, about: tuple[float, Values]) -> tuple[Values, Values]:
        """
        Gain and offset (M,) of each object, its mean tone taken away.

        Both within reason: with any light a wall is what was before it.
        """
        total, tone = np.maximum(self.groups.sum(weights), 1e-6), self._tone
        sums = self.groups.sum(np.array([tone, now, tone * tone, tone * now]) * weights)
        before, after_, square, both = sums / total
        stiff, (usual, middle) = LIGHT / total, about
        gain = (both - before * after_ + stiff * usual) / (square - before * before + stiff)
        gain = np.clip(gain, usual / self.params.most_gain, usual * self.params.most_gain)
        shade = self.params.shade * max(usual, self.params.least_gain)
        offset = np.clip(after_ - gain * before, middle - shade, middle + shade)
        return gain.astype(np.float32), offset.astype(np.float32)

    def light(self, fit: Fit, row: int) -> Light:
        """What became of one object's brightness."""
        tolerance = self._tolerance(fit)
        return Light(*(float(each[row]) for each in (self.mean, fit.gain, fit.offset, tolerance)))

    def _tolerance(self, fit: Fit) -> Values:
        plain = self.params.tone * np.maximum(np.abs(fit.gain), self.params.least_gain)
        return np.asarray(
            np.clip(self.params.tone_spread * fit.spread, plain, self.params.most_tone * plain), np.float32
        )


def _chosen(mask: Part, shape: tuple[int, ...], most: int) -> tuple[Places, Values]:
    """Pixels of an object and around it, evenly chosen, and which are inside."""
    inside = cv2.copyMakeBorder((mask.logits > 0).view(np.uint8), RING, RING, RING, RING, cv2.BORDER_CONSTANT)
    ring = cv2.dilate(inside, np.ones((2 * RING + 1, 2 * RING + 1), np.uint8))
    rows, columns = np.nonzero(ring)
    x, y = columns + (mask.left - RING), rows + (mask.top - RING)
    kept = np.flatnonzero((x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0]))
    if len(kept) > most:
        kept = kept[np.linspace(0, len(kept) - 1, most).astype(np.intp)]
    return np.stack([x[kept], y[kept]]).astype(np.float32), inside[rows[kept], columns[kept]].astype(np.float32)


def _chosen_of(better: npt.NDArray[np.bool_], fit: Fit, best: Fit, groups: Groups) -> Fit:
    """Of each object the better one of two."""
    each = np.repeat(better, groups.counts)
    return Fit(
        np.where(better[:, None, None], fit.poses, best.poses),
        np.where(better, fit.gain, best.gain),
        np.where(better, fit.offset, best.offset),
        np.where(better, fit.spread, best.spread),
        np.where(each, fit.difference, best.difference),
        np.where(each, fit.believed, best.believed),
        np.where(each, fit.within, best.within),
    )
