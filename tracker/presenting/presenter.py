"""Masks of the newest look on every frame: moved along with the picture, never waiting for the model."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tracker.presenting.carried import Carried
from tracker.presenting.course import Course
from tracker.presenting.cuts import Cuts
from tracker.presenting.motion import Grey, Motion, small
from tracker.presenting.params import DEFAULTS, PresentingParams
from tracker.presenting.placing import settle, tracks
from tracker.presenting.snapshot import Snapshot
from tracker.presenting.steps import Step, Stepper
from tracker.presenting.trail import Trail
from tracker.types import Track

STEPS = 6  # newest motions from frame to frame that are kept, for a look that began a little ago: 1.3 MB each


@dataclass(frozen=True, slots=True, eq=False)
class Presented:
    """
    One frame with the masks of the newest look that is known, moved there.

    ``snapshot`` is that look, None as long as there was none of this scene. ``ahead``: the same masks moved on by one
    frame, if that was asked for. ``motion``: since the frame whose look began last; ``step``: since the frame before.
    """

    index: int
    scene: int
    tracks: tuple[Track, ...]
    ahead: tuple[Track, ...] | None
    snapshot: Snapshot | None
    motion: Motion | None
    step: Motion | None


class Presenter:
    """
    What is shown of one stream. Not thread-safe: one call at a time, from whatever thread.

    It owns the newest look's answer and the trails of looked-at frames to the present one; it moves, hides and
    withholds, and never gives an id. What it holds does not grow: two trails, STEPS motions, one course an object.
    """

    def __init__(self, params: PresentingParams = DEFAULTS) -> None:
        self.params = params
        self._grey: Grey | None = None
        self._light: npt.NDArray[np.float32] | None = None  # the same as floats, where anything is carried
        self._index = -1
        self._scene = 0
        self._stepper, self._cuts = Stepper(params), Cuts(params)
        self._steps: deque[Step] = deque(maxlen=STEPS)
        self._first: tuple[int, Grey] | None = None  # the scene's first frame, which no step leads to
        self._trails: dict[int, Trail] = {}  # of looked-at frames: the shown one, and the begun one
        self._begun: int | None = None
        self._shown: Snapshot | None = None
        self._carried: Carried | None = None  # of what is shown, once a frame was presented since
        self._courses: dict[int, Course] = {}  # by id

    def begin(self, index: int) -> None:
        """A look began on a frame that was presented."""
        self._begun = index
        greys = {step.now: step.grey for step in self._steps}
        if self._first is not None and self._first[0] in {step.before for step in self._steps}:
            greys[self._first[0]] = self._first[1]
        if self._grey is not None:
            greys[self._index] = self._grey
        if index in greys:
            trail = self._trails[index] = Trail(index, greys[index])
            for step in self._steps:
                if step.before >= index:
                    if step.grey.shape != trail.grey.shape:
                        trail.resize(step.grey)
                    trail.step(step)
        self._forget()

    def take(self, snapshot: Snapshot) -> None:
        """A look was done, or an order carried out: this is shown from now on. One of another scene is passed over."""
        if snapshot.scene != self._scene or snapshot.index not in self._trails:
            return
        self._shown = snapshot
        self._forget()

    def present(
        self,
        luma: npt.NDArray[np.uint8],
        size: tuple[int, int],
        index: int,
        seconds: float,
        *,
        cut: bool = False,
        ahead: bool = False,
    ) -> Presented:
        """
        The next frame: ``luma`` (h, w) is its brightness at any size, ``size`` (height, width) that of its masks.

        ``seconds``: its time by the stream's clock. ``cut``: the source says that this is another scene.
        """
        del seconds
        step = self._advance(small(luma), index, cut=cut)
        now, further = self._tracks(size, ahead=ahead)
        begun = None if self._begun is None else self._trails.get(self._begun)
        motion = None if begun is None else begun.motion
        return Presented(index, self._scene, now, further, self._shown, motion, None if step is None else step.motion)

    def _advance(self, grey: Grey, index: int, *, cut: bool) -> Step | None:
        before, self._grey = self._grey, grey
        previous, self._index = self._index, index
        if before is None:
            self._first = index, grey
            self._cuts.cut(grey, None)
            return None
        if before.shape != grey.shape:
            before = self._resize(before, grey)
        step = self._stepper.step(before, grey, previous, index)
        if self._cuts.cut(grey, step) or cut:
            self._begin_scene()
            return None
        self._carry(step, grey)
        return step

    def _resize(self, before: Grey, now: Grey) -> Grey:
        for trail in self._trails.values():
            trail.resize(now)
        if self._carried is not None:
            self._carried.resize(before, now)
        return np.asarray(cv2.resize(before, now.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)

    def _begin_scene(self) -> None:
        self._scene += 1
        self._trails.clear()
        self._steps.clear()
        self._courses.clear()
        self._stepper.forget()
        self._shown = self._begun = self._carried = None
        self._first = None if self._grey is None else (self._index, self._grey)

    def _carry(self, step: Step, grey: Grey) -> None:
        if self._shown is not None and (self._carried is None or self._carried.snapshot is not self._shown):
            trail, earlier = self._trails[self._shown.index], self._carried
            self._carried = Carried(self._shown, trail, self._courses, earlier=earlier, params=self.params)
            known = {each.id for each in self._shown.objects}
            for each in [each for each in self._courses if each not in known]:
                del self._courses[each]
        self._steps.append(step)
        for trail in self._trails.values():
            trail.step(step)
        if self._carried is not None:
            self._light = grey.astype(np.float32)
            self._carried.step(step, self._light)

    def _forget(self) -> None:
        shown = None if self._shown is None else self._shown.index
        self._trails = {of: each for of, each in self._trails.items() if of in (shown, self._begun)}

    def _tracks(self, size: tuple[int, int], *, ahead: bool) -> tuple[tuple[Track, ...], tuple[Track, ...] | None]:
        if self._carried is None or self._light is None:
            return (), () if ahead else None
        now, further = self._carried.parts(self._light, size, ahead=ahead)
        settle(now)
        if not ahead:
            return tracks(now, size), None
        settle(further)
        return tracks(now, size), tracks(further, size)
