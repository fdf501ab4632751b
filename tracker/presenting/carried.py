"""The objects of one look, carried from frame to frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tracker.presenting.course import Course
from tracker.presenting.hiding import hidden, without
from tracker.presenting.motion import Grey
from tracker.presenting.params import DEFAULTS, PresentingParams
from tracker.presenting.placing import Extent, Part, drawn, extent, framed, scaled
from tracker.presenting.similarity import Places, Poses, Values, about, after, applied, fitted, moved, size, still
from tracker.presenting.snapshot import Logits, Shown, Snapshot
from tracker.presenting.steps import Step
from tracker.presenting.template import Fit, Templates
from tracker.presenting.trail import Trail

ROUNDS = 1  # of mending a pose that was right on the frame before
FIRST = 4  # of mending one that was carried over many


class Carried:
    """
    One look's objects on the present frame.

    ``poses`` (M, 2, 3) are from pixels of the look's small picture to those of the present one. ``withheld`` are the
    ids of those that are not shown until another look. ``courses`` are shared with the looks before and after.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        trail: Trail,
        courses: dict[int, Course],
        *,
        earlier: Carried | None = None,
        params: PresentingParams = DEFAULTS,
    ) -> None:
        self.snapshot, self.params, self._courses = snapshot, params, courses
        self._grey = trail.grey
        found = [
            (each, framed(each.logits), where)
            for each in snapshot.objects
            if (where := extent(each.logits)) is not None
        ]
        sizes = (trail.grey.shape,) * 3
        parts = drawn(found, still(len(found)), sizes)
        there = [part is not None and bool((part.logits > 0).any()) for part in parts]
        self._framed = [each for each, yes in zip(found, there, strict=True) if yes]
        self.objects: tuple[Shown, ...] = tuple(each for each, _, _ in self._framed)
        self.withheld: set[int] = set()
        self._fresh = True
        self._fit: Fit | None = None
        if self.objects:
            self._parts = [part for part, yes in zip(parts, there, strict=True) if yes and part is not None]
            self._templates = Templates(trail.grey, self._parts, params)
            self._inside = self._templates.inside
            self.poses = self._moves = still(len(self.objects))
            if trail.now != trail.index:
                places, trusted = trail.followed(self._templates.places)
                self.poses, _ = self._fitted(self._templates.places, places, trusted)
            if earlier is not None and earlier.snapshot.index == snapshot.index:
                self._go_on_from(earlier)

    def step(self, step: Step, light: npt.NDArray[np.float32]) -> None:
        """Carry them to the next frame, whose small picture is ``light``."""
        if not self.objects:
            return
        templates, before = self._templates, self._middles()
        at = applied(self.poses, templates.places, templates.groups)
        way, trusted = step.way(at)
        moves, enough = self._fitted(at, at + way, trusted)
        for row in np.flatnonzero(~enough):
            course = self._course(row)
            moves[row] = np.array([[1, 0, 0], [0, 1, 0]], np.float64)
            moves[row, :, 2] = course.goes_on * course.last
        self._fit = templates.aligned(after(moves, self.poses), light, FIRST if self._fresh else ROUNDS)
        if self._fresh:  # what was wrong before is mended now, and is no motion
            before = before + self._middles(self._fit.poses) - self._middles(after(moves, self.poses))
        self.poses, self._moves, self._fresh = self._fit.poses, moves, False
        for row, pair in enumerate(zip(before, self._middles(), strict=True)):
            self._course(row).add(pair[1] - pair[0])

    def resize(self, before: Grey, now: Grey) -> None:
        """The present small picture has another size from now on."""
        if self.objects:
            self.poses = after(scaled(before.shape, now.shape), self.poses)

    def parts(
        self, light: npt.NDArray[np.float32], frame: tuple[int, int], *, ahead: bool
    ) -> tuple[list[Part], list[Part]]:
        """
        The objects drawn on the present frame of this (height, width), and ``ahead`` as they should be on the next.

        What is hidden is left out; what cannot be believed is withheld from now on.
        """
        if not self.objects:
            return [], []
        seen = self._seen(light)
        rows = [row for row, each in enumerate(self.objects) if each.id not in self.withheld]
        sizes = (self._grey.shape, light.shape, frame)
        chosen = [seen[row] for row in rows]
        now = drawn(chosen, self.poses[rows], sizes)
        further = drawn(chosen, after(self._next(), self.poses)[rows], sizes) if ahead else []
        return [part for part in now if part is not None], [part for part in further if part is not None]

    def _fitted(self, before: Places, now: Places, trusted: Values) -> tuple[Poses, npt.NDArray[np.bool_]]:
        """How each object moved, and (M,) whether enough of it could be followed to say so."""
        groups, inside = self._templates.groups, self._inside
        weights = np.asarray(inside * trusted, np.float32)
        enough = groups.sum(weights) >= self.params.least_trusted * groups.sum(inside)
        weights = np.where(np.repeat(enough, groups.counts), weights, inside)
        return fitted(before, now, weights.astype(np.float32), groups), enough

    def _middles(self, poses: Poses | None = None) -> npt.NDArray[np.float64]:
        poses = self.poses if poses is None else poses
        return moved(poses, self._templates.centre)

    def _course(self, row: int) -> Course:
        return self._courses.setdefault(self.objects[row].id, Course(self.params))

    def _next(self) -> Poses:
        """How each object is expected to move to the next frame."""
        courses = [self._course(row) for row in range(len(self.objects))]
        goes_on = np.array([course.goes_on for course in courses])
        linear = about(self._moves, self._middles(), np.clip(goes_on, 0, 1))
        middles = self._middles()
        ways = np.array([course.last for course in courses]) * goes_on[:, None]
        linear[:, :, 2] += middles + ways - moved(linear, middles)
        return linear

    def _seen(self, light: npt.NDArray[np.float32]) -> list[tuple[Shown, Logits, Extent]]:
        """The objects less what is hidden of them; withholds what can no longer be believed."""
        framed_ = list(self._framed)
        if self._fit is None:
            return framed_
        grown, seen = size(self.poses), self._templates.seen(self._fit)
        sane = (grown >= self.params.least_size) & (grown <= self.params.most_size) & (seen >= self.params.least_seen)
        self.withheld.update(each.id for each, yes in zip(self.objects, sane, strict=True) if not yes)
        for row in np.flatnonzero(seen < 1 - self.params.hidden).tolist():
            shown, logits, where = framed_[row]
            if shown.id in self.withheld:
                continue
            told = self._templates.light(self._fit, row)
            covered = hidden(self._parts[row], self._grey, self.poses[row], light, told, self.params)
            if covered is None:
                self.withheld.add(shown.id)
            elif covered.any():
                framed_[row] = shown, without(logits, covered), where
        return framed_

    def _go_on_from(self, earlier: Carried) -> None:
        """Another answer for the same frame, as after an order: what is as it was stays where it is."""
        known = {each.id: row for row, each in enumerate(earlier.objects)}
        for row, each in enumerate(self.objects):
            before = known.get(each.id)
            if before is not None and np.array_equal(earlier.objects[before].logits, each.logits):
                self.poses[row] = earlier.poses[before]
                if each.id in earlier.withheld:
                    self.withheld.add(each.id)
