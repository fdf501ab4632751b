"""One stream's state: what is asked, the objects that answer it, and the frames that can still be clicked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tracker.model import postprocess
from tracker.model.features import Embedding, SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.stream import association, clicks
from tracker.stream.clickable_frames import ClickableFrame, ClickableFrames
from tracker.stream.follower import Follower, Mode
from tracker.stream.geometry import LIMIT, bounds, each_bounds, shares
from tracker.stream.objects import Followed, Key, entangle, settle
from tracker.stream.optical_flow import Flow
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.stream.prompts import KeyframePrompts, check, example, for_keyframe, keys
from tracker.stream.scene import View
from tracker.stream.schedule import Budget, Schedule, Situation
from tracker.types import Answer, Box, Point, Prompt, Stage, Step, Track, TrackerError, UnknownObject

Picture = npt.NDArray[np.uint8]


class Tracker:
    """
    One stream. All methods are called on the thread that owns the model, and on no other.

    At most ``max_objects`` objects, each with a memory of fixed length, and clickable frames bounded by
    bytes: nothing grows with the length of the stream. Ids count from ``first_id`` and are never given twice.

    ``interval``: looked-at frames from keyframe to keyframe; ``adaptive``: or fewer, where there is reason to.
    ``rate``: results a second that are wanted; where the model cannot keep it, keyframes become rarer, then masks are
    moved along without an encoder pass (:class:`tracker.stream.schedule.Budget`, which explains ``costs`` too).
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
        self.next_id = first_id
        self._params = params
        self._follower = Follower(model, follower, params)
        self._adaptive, self._rate, self._costs = adaptive, rate, costs
        self._flow = Flow()
        self._clickable = ClickableFrames()
        self._drawn = {key for key, prompt in zip(keys(prompts), prompts, strict=True) if prompt.boxes}
        self._start()

    def _start(self) -> None:
        self._objects: list[Followed] = []
        budget = Budget(self._rate, self._costs, self._params)
        flowing = self._follower.mode == "flow"
        self._schedule = Schedule(self.interval, budget, flowing=flowing, adaptive=self._adaptive, params=self._params)
        self._view = View(self._params)
        self._flow.clear()
        self._tick = 0  # looked-at frames
        self._size: tuple[int, int] | None = None
        self._present: Embedding | None = None  # of the newest frame, with the detector's features
        self._refused = 0  # detections for which there was no room on the last keyframe
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

        One that a prompt found stays unseen for as long as it is there: dropped, the next keyframe would find it anew.
        """
        each = self._find(object_id)
        if each.key is None:
            self._objects.remove(each)
        each.dismissed = True

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
        asked = self._draw(new, index, seconds) if new and (index is not None or self._clickable.newest) else None
        self.prompts = tuple(prompts)
        self._objects = [each for each in self._objects if each.key is None or each.key in now]
        self._drawn = (self._drawn | (set() if asked else set(new))) & set(now)
        if asked:
            # Found at once: the boxes belong to a frame that will be gone when the next one comes.
            assert self._present is not None
            self._detect(
                self._present, asked, self._clickable.newest.seconds if self._clickable.newest else 0.0, self._tick - 1
            )
        self._schedule.demand("prompts")

    def _draw(self, new: dict[Key, tuple[int, Prompt]], index: int | None, seconds: float | None) -> KeyframePrompts:
        """New exemplars, each with its place; boxes carried from the frame they were drawn on to the newest one."""
        kept = self._clickable.newest if index is None else self._clickable.nearest(index, seconds)
        assert kept is not None
        assert self._present is not None
        ask = KeyframePrompts()
        for key, (place, prompt) in new.items():
            boxes = []
            for number, box in enumerate(prompt.boxes):
                clicks.check_box(kept, box, f"prompts[{place}].boxes[{number}]")
                share = shares(box, kept.embedding.height, kept.embedding.width)
                if kept is not self._clickable.newest:
                    logits, _ = clicks.answer(self.model, kept, SegmentPrompt(box=box), self._params)
                    share = bounds(clicks.carry(self.model, self._clickable, kept, logits, self._params).logits)
                boxes.append(share)
            labels = prompt.labels or (True,) * len(boxes)
            ask.asked[key] = example(prompt, boxes, labels, self._present.height, self._present.width)
        return ask

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
        clock = Clock(self.model.device)
        self._notice(image)
        situation = self._situation()
        clock.lap("compare")
        stage, reason = self._schedule.next(situation)
        if stage is Stage.FLOW:
            tracks, ask = self._move(image, index, seconds, clock), KeyframePrompts()
        else:
            tracks, ask = self._look(image, index, seconds, stage, reason, clock)
        self._schedule.budget.spend(situation, clock.seconds)
        self._tick += 1
        return Step(stage, reason, tracks, clock.seconds, ask.notes | self._crowd())

    def _situation(self) -> Situation:
        visible = [each for each in self._objects if each.visible]
        found = [each for each in self._objects if each.key is not None and each.confirmed]
        return Situation(
            detectable=bool(self.prompts),
            tentative=any(not each.confirmed for each in self._objects),
            doubt=any(each.bad == self._params.doubt_steps for each in found),
            lost=any(0 < each.unseen <= self._params.returning for each in found),
            uncovered=self._view.uncovered([each.box for each in visible]),
            warpable=self._flow.known and self._present is not None,
            prompts=len(self.prompts),
            objects=len(visible),
        )

    def _move(self, image: Picture, index: int, seconds: float, clock: Clock) -> list[Track]:
        """Show the masks moved along with the picture, without an encoder pass."""
        self._carry_along()
        clock.lap("flow")
        self._settle(seconds)
        clock.lap("settle")
        tracks = self._tracks(image.shape[0], image.shape[1], seconds)
        clock.lap("encode")
        self._forget()
        self._clickable.note(index, seconds)
        return tracks

    def _carry_along(self) -> None:
        seen = [each for each in self._objects if each.visible]
        if seen:
            moved = self._flow.warp(torch.stack([each.logits for each in seen]), -LIMIT)
            for each, logits, box in zip(seen, moved, each_bounds(moved), strict=True):
                each.stage = Stage.FLOW
                if any(box):
                    each.logits = logits
                else:
                    each.lose()

    def _foresee(self, seconds: float) -> None:
        """Where the picture moved says better where things are now than how they moved before."""
        seen = [each for each in self._objects if each.visible] if self._flow.known else []
        if seen:
            moved = self._flow.warp(torch.stack([each.logits for each in seen]), -LIMIT)
            for each, logits, box in zip(seen, moved, each_bounds(moved), strict=True):
                if any(box):
                    each.foresee(logits, box, seconds)
                else:
                    each.lose()

    def _look(
        self, image: Picture, index: int, seconds: float, stage: Stage, reason: str, clock: Clock
    ) -> tuple[list[Track], KeyframePrompts]:
        """Embed the frame, follow what is known, and on a keyframe detect what is asked."""
        embedding = self.model.embed(image)
        clock.lap("embed")
        # Where detecting costs less than refining, or nothing is refined at all, the detector says where everything is.
        alone = stage is Stage.KEYFRAME and (reason == "cheaper" or self.interval == 1 or self._follower.mode == "flow")
        if reason == "scene":
            for each in self._objects:
                each.lose()
                each.cut_away = each.key is not None  # no keyframe would bring back what somebody clicked
        elif alone:
            self._carry_along()
        else:
            self._foresee(seconds)
            self._follow(self._objects, embedding, seconds)
        clock.lap("flow" if alone else "refine")
        ask = self._prompts_for(embedding)
        if stage is Stage.KEYFRAME:
            self._detect(embedding, ask, seconds, self._tick, alone=alone)
            self._drawn.clear()
            clock.lap("detect")
        if reason == "cheaper":
            self._follow([each for each in self._objects if each.detected != self._tick], embedding, seconds)
            clock.lap("refine the rest")  # not "refine": it says nothing of what refining all of them costs
        self._settle(seconds)
        clock.lap("settle")
        tracks = self._tracks(embedding.height, embedding.width, seconds)
        clock.lap("encode")
        self._follower.note_appearances(embedding, self._objects, self._tick)
        clock.lap("appearance")
        if stage is Stage.KEYFRAME:
            self._view.keyframe([each.box for each in self._objects if each.visible])
            self._follower.memorize(embedding, self._objects, self._tick)
            clock.lap("memorize")
        self._forget()
        self._present = embedding
        self._clickable.add(ClickableFrame(index, seconds, embedding.interactive_only(), tracks, self._flow.grey))
        clock.lap("keep")
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
        foreseen = self._flow.known
        self._follower.follow(embedding, objects, seconds, self._tick, foreseen=foreseen)

    def _prompts_for(self, embedding: Embedding) -> KeyframePrompts:
        return for_keyframe(self.prompts, self._objects, self._drawn, embedding.height, embedding.width)

    def _detect(
        self, embedding: Embedding, ask: KeyframePrompts, seconds: float, tick: int, *, alone: bool = False
    ) -> None:
        """Detect what is asked on this frame and bring it together with the objects, not refined if ``alone``."""
        self._refused = 0
        found = self.model.detect(embedding, list(ask.asked.values()))
        remembers = self._follower.remembers
        recognition = association.Recognition(self.model, embedding, tick, remembers, self._params)
        for key, detected in zip(ask.asked, found, strict=True):
            mine = [each for each in self._objects if each.key == key]
            for logits, score in association.associate(
                mine, detected, seconds, tick, alone=alone, recognition=recognition, params=self._params
            ):
                self._found(key, logits, score, seconds, tick)
            for each in mine:
                if each.detected == tick:
                    each.stage = Stage.KEYFRAME

    def _found(self, key: Key | None, logits: Tensor, score: float, seconds: float, tick: int) -> Followed | None:
        """Give a new object its id, if there is room for it."""
        if len(self._objects) >= self.max_objects and not self._make_room():
            self._refused += 1
            return None
        new = Followed(
            self.next_id, key, logits, score, tick, seconds, box=bounds(logits), detected=tick, params=self._params
        )
        new.hits.append(True)
        self.next_id += 1
        self._objects.append(new)
        return new

    def _make_room(self) -> bool:
        """Forget who was not seen for longest; False if everyone is to be seen."""
        gone = max(self._objects, key=lambda each: each.unseen)
        if gone.unseen:
            self._objects.remove(gone)
        return gone.unseen > 0

    def _crowd(self) -> dict[int, str]:
        if not self._refused or not self.prompts:
            return {}
        return {len(self.prompts) - 1: f"{self._refused} more were found: at most {self.max_objects} are followed"}

    def _settle(self, seconds: float) -> None:
        """Settle who owns which pixel, and who touches whom."""
        for key in {each.key for each in self._objects}:
            same = [each for each in self._objects if each.key == key]
            settle(same, self._params)
            entangle(same, seconds, self._params)

    def _tracks(self, height: int, width: int, seconds: float) -> list[Track]:
        """Encode what is shown to run lengths."""
        seen = [each for each in self._objects if each.visible]
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

    def _forget(self) -> None:
        """Drop objects that are gone, and new ones that were no objects."""
        self._objects = [
            each for each in self._objects if each.unseen <= self._params.keep_alive and not association.hopeless(each)
        ]

    @torch.inference_mode()
    def click(
        self, index: int, points: Sequence[Point], object_id: int | None = None, *, seconds: float | None = None
    ) -> Answer:
        """
        Answer clicks made on frame ``index``, in its pixels; ``seconds``: its time by the clock of ``step``, if known.

        With ``object_id``, or on an object that was shown there, they refine it, together with earlier clicks on that
        frame; else they make a new object. Raises :class:`FrameGone`, :class:`UnknownObject`, :class:`TrackerError`.
        """
        if not points:
            raise TrackerError("a click has no points")
        kept = self._clickable.nearest(index, seconds)
        clicks.check(kept, points)
        known = self._find(object_id) if object_id is not None else None
        shown = clicks.under(kept, points) if known is None else None
        if shown is not None:
            known = next((each for each in self._objects if each.id == shown.id and not each.dismissed), None)
        if known is None:
            if not any(point.positive for point in points):
                raise TrackerError("a new object needs a point that belongs to it")
            return self._new(kept, SegmentPrompt(points=tuple(points)), points)
        return self._refine(known, kept, points)

    @torch.inference_mode()
    def box(self, index: int, box: Box, *, seconds: float | None = None) -> Answer:
        """
        Make an object of a box drawn on frame ``index``, in its pixels; ``seconds`` as for :meth:`click`.

        Raises :class:`FrameGone` and :class:`TrackerError`.
        """
        kept = self._clickable.nearest(index, seconds)
        clicks.check_box(kept, box)
        return self._new(kept, SegmentPrompt(box=box), ())

    def _new(self, kept: ClickableFrame, prompt: SegmentPrompt, points: Sequence[Point]) -> Answer:
        if len(self._objects) >= self.max_objects:
            raise TrackerError(f"{self.max_objects} objects are followed already: remove one first")
        logits, score = clicks.answer(self.model, kept, prompt, self._params)
        new = self._found(None, logits, score, kept.seconds, self._tick - 1)
        assert new is not None
        new.confirmed = True
        self._bring(new, kept, logits, points)
        return Answer(new.id, kept.index, score)

    def _refine(self, known: Followed, kept: ClickableFrame, points: Sequence[Point]) -> Answer:
        height, width = kept.embedding.height, kept.embedding.width
        earlier = clicks.points(known.spots[1], height, width) if known.spots[0] == kept.index else ()
        together = (*earlier, *points)[-clicks.MOST_SPOTS :]
        shown = next((each.mask for each in kept.tracks if each.id == known.id), None)
        previous = clicks.as_logits(shown, self.model.side) if shown is not None else None
        logits, score = clicks.answer(self.model, kept, SegmentPrompt(points=together, logits=previous), self._params)
        known.confirmed = True
        self._bring(known, kept, logits, together)
        return Answer(known.id, kept.index, score)

    def _bring(self, each: Followed, kept: ClickableFrame, logits: Tensor, points: Sequence[Point]) -> None:
        """Put an object's mask, given by a user on a kept frame, onto the newest frame."""
        carried = clicks.carry(self.model, self._clickable, kept, logits, self._params)
        newest = self._clickable.newest
        assert newest is not None
        each.see(carried.logits)
        each.appearance = None  # of what it was taken for before
        each.unseen, each.by_user = carried.unseen, True
        each.box, each.seconds = bounds(carried.logits), newest.seconds
        each.spots = kept.index, clicks.spots(points, kept.embedding.height, kept.embedding.width)
        if not carried.unseen:
            each.memorized = self._tick - 1  # the newest frame's; the present tick is the next one's
            each.bank.condition(self.model.memorize(newest.embedding, carried.logits[None], each.memorized)[0])

    def _find(self, object_id: int) -> Followed:
        for each in self._objects:
            if each.id == object_id and not each.dismissed:
                return each
        raise UnknownObject(f"there is no object {object_id}")


class Clock:
    """Seconds by stage name."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Put the time since the last lap down to ``name``, with what the device still had to do for it."""
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now
