"""One stream's state: what is asked, the objects that answer it, and the frames that can still be clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tracker.model import postprocess
from tracker.model.features import Embedding
from tracker.model.sam3 import Sam3
from tracker.stream.association import Recognition, associate
from tracker.stream.clickable_frames import ClickableFrame, ClickableFrames
from tracker.stream.clicks import Clicks
from tracker.stream.follower import Follower, Mode
from tracker.stream.geometry import LIMIT, each_bounds, shares
from tracker.stream.object_list import ObjectList
from tracker.stream.objects import Followed, entangle, settle
from tracker.stream.optical_flow import Flow
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.stream.prompts import KeyframePrompts, check, for_keyframe, keys
from tracker.stream.scene import View
from tracker.stream.schedule import Budget, Schedule, Situation
from tracker.stream.stopwatch import Stopwatch
from tracker.types import Answer, Box, Point, Prompt, Stage, Step, Track

Picture = npt.NDArray[np.uint8]


class Tracker:
    """
    One stream. All methods are called on the thread that owns the model, and on no other.

    At most ``max_objects`` objects, each with a memory of fixed length, and clickable frames bounded by bytes: nothing
    grows with the length of the stream. Ids count from ``first_id`` and are never given twice.

    ``interval``: looked-at frames from keyframe to keyframe; ``adaptive``: or fewer, where there is reason to.
    ``rate``: results a second that are wanted; where the model cannot keep it, keyframes become rarer, then masks are
    moved along without an encoder pass (:class:`tracker.stream.schedule.Budget`, which explains ``costs`` too).
    ``params``: the thresholds of tracking.
    """

    def __init__(
        self,
        model: Sam3,
        prompts: Sequence[Prompt] = (),
        *,
        interval: int = 10,
        follower: Mode = "auto",
        adaptive: bool = True,
        rate: float | None = None,
        costs: Mapping[str, float] | None = None,
        first_id: int = 1,
        max_objects: int = 64,
        params: TrackingParams = DEFAULTS,
    ) -> None:
        check(prompts)
        self.model = model
        self.prompts: tuple[Prompt, ...] = tuple(prompts)
        self.interval = interval
        self.max_objects = max_objects
        self._params = params
        self._follower = Follower(model, follower, params)
        self._adaptive, self._rate, self._costs = adaptive, rate, costs
        self._flow = Flow()
        self._clickable = ClickableFrames()
        self._objects = ObjectList(max_objects, first_id, params)
        self._clicks = Clicks(model, self._clickable, self._objects, params)
        self._drawn = {key for key, prompt in zip(keys(prompts), prompts, strict=True) if prompt.boxes}
        self._start()

    def _start(self) -> None:
        self._objects.clear()
        budget = Budget(self._rate, self._costs, self._params)
        flowing = self._follower.mode == "flow"
        self._schedule = Schedule(self.interval, budget, flowing=flowing, adaptive=self._adaptive, params=self._params)
        self._view = View(self._params)
        self._flow.clear()
        self._tick = 0  # looked-at frames
        self._size: tuple[int, int] | None = None
        self._present: Embedding | None = None  # of the newest frame, with the detector's features
        self._clickable.clear()

    def reset(self) -> None:
        """Drop objects, memories and kept frames; keep prompts and the highest id given out."""
        self._start()

    def close(self) -> None:
        """Free what the stream holds."""
        self._start()

    def remove(self, object_id: int) -> None:
        """
        Take one object away. Raises :class:`UnknownObject`.

        One that a prompt found is followed on and never shown: dropped, the next keyframe would find it as a new one.
        """
        self._objects.dismiss(object_id)

    @property
    def next_id(self) -> int:
        """The id that the next object will have."""
        return self._objects.next_id

    @torch.inference_mode()
    def set_prompts(self, prompts: Sequence[Prompt], *, index: int | None = None, seconds: float | None = None) -> None:
        """
        Replace the prompts: the next step is a keyframe. Objects of prompts that stay the same keep their ids.

        ``index``: the frame on which new exemplar boxes were drawn; left out, the newest, or the first to come.
        ``seconds``: that frame's time by the clock of ``step``, where it is known.
        Raises :class:`FrameGone` and :class:`TrackerError`; nothing is changed then.
        """
        check(prompts)
        known, now = set(keys(self.prompts)), dict(zip(keys(prompts), prompts, strict=True))
        places = enumerate(now.items())
        new = {key: (place, prompt) for place, (key, prompt) in places if prompt.boxes and key not in known}
        newest = self._clickable.newest
        asked = self._clicks.draw(new, index, seconds=seconds) if new and (newest or index is not None) else None
        self.prompts = tuple(prompts)
        self._objects.keep(now)
        self._drawn = (self._drawn | (set() if asked else set(new))) & set(now)
        if asked:
            # Found at once: the boxes belong to a frame that will be gone when the next one comes.
            assert self._present is not None
            assert newest is not None
            self._detect(self._present, asked, newest.seconds, self._tick - 1)
        self._schedule.demand("prompts")

    @property
    def present(self) -> tuple[int, Embedding] | None:
        """The newest frame's index and embedding, with the detector's features; None before the first step."""
        newest = self._clickable.newest
        return None if newest is None or self._present is None else (newest.index, self._present)

    @torch.inference_mode()
    def step(self, image: Picture, index: int, seconds: float) -> Step:
        """
        Look at one frame: (height, width, 3) RGB, its number, and its time in seconds by the stream's clock.

        Steps may skip frames. The picture's size may change from one to the next: objects keep their ids.
        """
        watch = Stopwatch(self.model.device)
        self._notice(image)
        situation = self._situation()
        watch.lap("compare")
        stage, reason = self._schedule.next(situation)
        if stage is Stage.FLOW:
            tracks, ask = self._move(image, index, seconds, watch), KeyframePrompts()
        else:
            tracks, ask = self._look(image, index, seconds, stage, reason, watch)
        self._schedule.budget.spend(situation, watch.seconds)
        self._tick += 1
        return Step(stage, reason, tracks, watch.seconds, ask.notes | self._crowd())

    def _situation(self) -> Situation:
        visible = self._objects.visible
        found = [each for each in self._objects if each.key is not None and each.confirmed]
        return Situation(
            detectable=bool(self.prompts),
            tentative=any(not each.confirmed for each in self._objects),
            doubt=any(each.doubt.bad == self._params.doubt_steps for each in found),
            lost=any(0 < each.doubt.unseen <= self._params.returning for each in found),
            uncovered=self._view.uncovered([each.box for each in visible]),
            warpable=self._flow.known and self._present is not None,
            prompts=len(self.prompts),
            objects=len(visible),
        )

    def _move(self, image: Picture, index: int, seconds: float, watch: Stopwatch) -> list[Track]:
        """Show the masks moved along with the picture, without an encoder pass."""
        self._carry_along()
        watch.lap("flow")
        tracks = self._show(image.shape[0], image.shape[1], seconds, watch)
        self._objects.forget()
        self._clickable.note(index, seconds)
        return tracks

    def _carry_along(self) -> None:
        seen = self._objects.visible
        if seen:
            moved = self._flow.warp(torch.stack([each.logits for each in seen]), -LIMIT)
            for each, logits, box in zip(seen, moved, each_bounds(moved), strict=True):
                each.stage = Stage.FLOW
                if any(box):
                    each.logits = logits
                else:
                    each.lose()

    def _predict(self, seconds: float) -> None:
        """Where the picture moved says better where things are now than how they moved before."""
        seen = self._objects.visible if self._flow.known else []
        if seen:
            moved = self._flow.warp(torch.stack([each.logits for each in seen]), -LIMIT)
            for each, logits, box in zip(seen, moved, each_bounds(moved), strict=True):
                if any(box):
                    each.predict(logits, box, seconds)
                else:
                    each.lose()

    def _look(
        self, image: Picture, index: int, seconds: float, stage: Stage, reason: str, watch: Stopwatch
    ) -> tuple[list[Track], KeyframePrompts]:
        """Embed the frame, follow what is known, and on a keyframe detect what is asked."""
        embedding = self.model.embed(image)
        watch.lap("embed")
        # Where detecting costs less than refining, or nothing is refined at all, the detector says where everything is.
        alone = stage is Stage.KEYFRAME and (reason == "cheaper" or self.interval == 1 or self._follower.mode == "flow")
        if reason == "scene":
            for each in self._objects:
                each.cut()
        elif alone:
            self._carry_along()
        else:
            self._predict(seconds)
            self._follow(self._objects.everyone, embedding, seconds)
        watch.lap("flow" if alone else "refine")
        ask = self._prompts_for(embedding)
        if stage is Stage.KEYFRAME:
            self._detect(embedding, ask, seconds, self._tick, alone=alone)
            self._drawn.clear()
            watch.lap("detect")
        if reason == "cheaper":
            self._follow([each for each in self._objects if each.evidence.detected != self._tick], embedding, seconds)
            watch.lap("refine the rest")  # not "refine": it says nothing of what refining all of them costs
        tracks = self._show(embedding.height, embedding.width, seconds, watch)
        self._follower.note_appearances(embedding, self._objects.everyone, self._tick)
        watch.lap("appearance")
        if stage is Stage.KEYFRAME:
            self._view.keyframe([each.box for each in self._objects.visible])
            self._follower.memorize(embedding, self._objects.everyone, self._tick)
            watch.lap("memorize")
        self._objects.forget()
        self._present = embedding
        self._clickable.add(ClickableFrame(index, seconds, embedding.interactive_only(), tracks, self._flow.grey))
        watch.lap("keep")
        return tracks, ask

    def _notice(self, image: Picture) -> None:
        """What about this frame asks for a keyframe?"""
        size = image.shape[0], image.shape[1]
        if self._size not in (None, size):
            self._schedule.demand("resized")
        self._flow.look(image)
        if self._view.cut(image):
            self._schedule.demand("scene")
            self._flow.clear()
        self._size = size

    def _follow(self, objects: list[Followed], embedding: Embedding, seconds: float) -> None:
        predicted = self._flow.known
        self._follower.follow(embedding, objects, seconds, self._tick, predicted=predicted)

    def _prompts_for(self, embedding: Embedding) -> KeyframePrompts:
        return for_keyframe(self.prompts, self._objects, self._drawn, embedding.height, embedding.width)

    def _detect(
        self, embedding: Embedding, ask: KeyframePrompts, seconds: float, tick: int, *, alone: bool = False
    ) -> None:
        """Detect what is asked on this frame and bring it together with the objects, not refined if ``alone``."""
        self._objects.refused = 0
        found = self.model.detect(embedding, list(ask.asked.values()))
        recognition = Recognition(self.model, embedding, tick, self._follower.remembers, self._params)
        for key, detected in zip(ask.asked, found, strict=True):
            mine = self._objects.of(key)
            for logits, score in associate(
                mine, detected, seconds, tick, alone=alone, recognition=recognition, params=self._params
            ):
                self._objects.found(key, logits, score, tick, seconds)
            for each in mine:
                if each.evidence.detected == tick:
                    each.stage = Stage.KEYFRAME

    def _crowd(self) -> dict[int, str]:
        refused = self._objects.refused
        if not refused or not self.prompts:
            return {}
        return {len(self.prompts) - 1: f"{refused} more were found: at most {self.max_objects} are followed"}

    def _show(self, height: int, width: int, seconds: float, watch: Stopwatch) -> list[Track]:
        """Settle who owns which pixel and who touches whom, and encode what is shown."""
        for same in self._objects.by_key():
            settle(same, self._params)
            entangle(same, seconds, self._params)
        watch.lap("settle")
        tracks = self._tracks(height, width, seconds)
        watch.lap("encode")
        return tracks

    def _tracks(self, height: int, width: int, seconds: float) -> list[Track]:
        """Encode what is shown to run lengths."""
        seen = self._objects.visible
        if not seen:
            return []
        logits = torch.stack([each.logits for each in seen])
        masks = self.model.masks(logits, height, width, hole_area=postprocess.TRACK_SPECK)
        places = {key: place for place, key in enumerate(keys(self.prompts))}
        tracks = []
        for each, (mask, box) in zip(seen, masks, strict=True):
            if box.x1 <= box.x0:  # nothing is left of it beside the others
                each.lose()
                continue
            each.place(shares(box, height, width), seconds)
            place = places[each.key] if each.key is not None else None
            if each.shown and (place is None or each.score >= self.prompts[place].threshold):
                tracks.append(
                    Track(
                        id=each.id,
                        prompt=place,
                        score=each.score,
                        box=box,
                        mask=mask,
                        age=self._tick - each.born,
                        stage=each.stage,
                        tentative=not each.confirmed,
                    )
                )
        return tracks

    @torch.inference_mode()
    def click(
        self, index: int, points: Sequence[Point], object_id: int | None = None, *, seconds: float | None = None
    ) -> Answer:
        """
        Answer clicks made on frame ``index``, in its pixels; ``seconds``: its time by the clock of ``step``, if known.

        With ``object_id``, or on an object that was shown there, they refine it, together with earlier clicks on that
        frame; else they make a new object. Raises :class:`FrameGone`, :class:`UnknownObject`, :class:`TrackerError`.
        """
        return self._clicks.click(index, points, object_id, seconds=seconds, tick=self._tick - 1)

    @torch.inference_mode()
    def box(self, index: int, box: Box, *, seconds: float | None = None) -> Answer:
        """
        Make an object of a box drawn on frame ``index``, in its pixels; ``seconds`` as for :meth:`click`.

        Raises :class:`FrameGone` and :class:`TrackerError`.
        """
        return self._clicks.box(index, box, seconds=seconds, tick=self._tick - 1)
