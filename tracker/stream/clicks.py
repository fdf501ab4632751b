"""Answering clicks and boxes on a frame of the recent past, and carrying the answer to the present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from tracker.model.features import SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.stream import optical_flow
from tracker.stream.clickable_frames import ClickableFrame, ClickableFrames
from tracker.stream.follower import near
from tracker.stream.geometry import LIMIT, Spot, bounds, pixels, shares
from tracker.stream.object_list import ObjectList
from tracker.stream.objects import Followed, Key
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.stream.prompts import KeyframePrompts, example
from tracker.types import Answer, Box, Mask, Point, Prompt, Track, TrackerError

MOST_SPOTS = 32  # clicks on one object and frame that count, the newest
MASK_LOGIT = 10.0  # what a finished mask is worth as a mask prompt: upstream's ±10 for masks taken as true


class Clicks:
    """
    What a stream's user points at: clicks, boxes and drawn examples.

    Each is answered on the clickable frame that it was made on, and the mask carried to the newest one. ``tick`` is the
    newest frame's. ``seconds``, where it is known, is the time of the frame that was pointed at, by the stream's clock.
    """

    def __init__(
        self, model: Sam3, frames: ClickableFrames, objects: ObjectList, params: TrackingParams = DEFAULTS
    ) -> None:
        self.model = model
        self.frames = frames
        self.objects = objects
        self.params = params

    def click(
        self, index: int, made: Sequence[Point], object_id: int | None, *, seconds: float | None, tick: int
    ) -> Answer:
        """Refine the object with that id, or the one that was shown under the clicks, or make a new one of them."""
        if not made:
            raise TrackerError("a click has no points")
        kept = self.frames.nearest(index, seconds)
        check(kept, made)
        known = self.objects.find(object_id) if object_id is not None else None
        shown = under(kept, made) if known is None else None
        if shown is not None:
            known = next((each for each in self.objects if each.id == shown.id and not each.told.dismissed), None)
        if known is None:
            if not any(point.positive for point in made):
                raise TrackerError("a new object needs a point that belongs to it")
            return self._new(kept, SegmentPrompt(points=tuple(made)), made, tick)
        return self._refine(known, kept, made, tick)

    def box(self, index: int, box: Box, *, seconds: float | None, tick: int) -> Answer:
        """Make an object of a box."""
        kept = self.frames.nearest(index, seconds)
        check_box(kept, box)
        return self._new(kept, SegmentPrompt(box=box), (), tick)

    def draw(
        self, new: Mapping[Key, tuple[int, Prompt]], index: int | None, *, seconds: float | None
    ) -> KeyframePrompts:
        """New exemplars, each with its place; boxes carried from the frame they were drawn on to the newest one."""
        kept = self._newest if index is None else self.frames.nearest(index, seconds)
        present = self._newest.embedding
        ask = KeyframePrompts()
        for key, (place, prompt) in new.items():
            boxes = []
            for number, box in enumerate(prompt.boxes):
                check_box(kept, box, f"prompts[{place}].boxes[{number}]")
                share = shares(box, kept.embedding.height, kept.embedding.width)
                if kept is not self._newest:
                    logits, _ = answer(self.model, kept, SegmentPrompt(box=box), self.params)
                    share = bounds(carry(self.model, self.frames, kept, logits, self.params).logits)
                boxes.append(share)
            labels = prompt.labels or (True,) * len(boxes)
            ask.asked[key] = example(prompt, boxes, labels, present.height, present.width)
        return ask

    @property
    def _newest(self) -> ClickableFrame:
        newest = self.frames.newest
        assert newest is not None
        return newest

    def _new(self, kept: ClickableFrame, prompt: SegmentPrompt, made: Sequence[Point], tick: int) -> Answer:
        self.objects.check_room()
        logits, score = answer(self.model, kept, prompt, self.params)
        new = self.objects.pointed_at(logits, score, tick, kept.seconds)
        self._bring(new, kept, logits, made, tick)
        return Answer(new.id, kept.index, score)

    def _refine(self, known: Followed, kept: ClickableFrame, made: Sequence[Point], tick: int) -> Answer:
        height, width = kept.embedding.height, kept.embedding.width
        frame, clicked = known.told.spots
        earlier = points(clicked, height, width) if frame == kept.index else ()
        together = (*earlier, *made)[-MOST_SPOTS:]
        shown = next((each.mask for each in kept.tracks if each.id == known.id), None)
        previous = as_logits(shown, self.model.side) if shown is not None else None
        logits, score = answer(self.model, kept, SegmentPrompt(points=together, logits=previous), self.params)
        self._bring(known, kept, logits, together, tick)
        return Answer(known.id, kept.index, score)

    def _bring(self, each: Followed, kept: ClickableFrame, logits: Tensor, made: Sequence[Point], tick: int) -> None:
        """Put an object's mask, given by a user on a kept frame, onto the newest frame."""
        carried = carry(self.model, self.frames, kept, logits, self.params)
        each.choose(carried.logits, bounds(carried.logits), self._newest.seconds, unseen=carried.unseen)
        each.told.spots = kept.index, spots(made, kept.embedding.height, kept.embedding.width)
        if not carried.unseen:
            (memory,) = self.model.memorize(self._newest.embedding, carried.logits[None], tick)
            each.memory.bank.condition(memory)
            each.memory.memorized = tick


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """An object on the present frame: ``logits`` (S, S), and for how many frames it was last not seen."""

    logits: Tensor
    unseen: int


def check(kept: ClickableFrame, points: Sequence[Point]) -> None:
    """Refuse points outside the picture they were made on. Raises :class:`TrackerError`."""
    for place, point in enumerate(points):
        _check_inside(kept, f"points[{place}]", x=point.x, y=point.y)


def check_box(kept: ClickableFrame, box: Box, field: str = "box") -> None:
    """Refuse a box of less than a pixel, or one that lies outside its picture. Raises :class:`TrackerError`."""
    if box.x1 - box.x0 < 1 or box.y1 - box.y0 < 1:
        raise TrackerError(f"{field}: it is less than a pixel wide or high.", field=field)
    _check_inside(kept, field, x0=box.x0, y0=box.y0, x1=box.x1, y1=box.y1)


def _check_inside(kept: ClickableFrame, field: str, **coordinates: float) -> None:
    height, width = kept.embedding.height, kept.embedding.width
    for name, value in coordinates.items():
        if not 0 <= value <= (width if name.startswith("x") else height):
            wrong = f"{field}.{name}"
            raise TrackerError(f"{wrong}: {value:g} is outside the picture of {width}×{height} pixels.", field=wrong)


def under(kept: ClickableFrame, points: Sequence[Point]) -> Track | None:
    """The smallest object that was shown under the first positive point."""
    place = next((point for point in points if point.positive), None)
    if place is None:
        return None
    hit = [each for each in kept.tracks if _covers(each.mask, place)]
    return min(hit, key=lambda each: each.mask.area, default=None)


def _covers(mask: Mask, point: Point) -> bool:
    x, y = min(int(point.x), mask.width - 1), min(int(point.y), mask.height - 1)
    return bool(mask.dense()[y, x])


def answer(
    model: Sam3, kept: ClickableFrame, prompt: SegmentPrompt, params: TrackingParams = DEFAULTS
) -> tuple[Tensor, float]:
    """
    The mask (S, S) for a click or box on the frame it was made on, and the model's estimate of its IoU.

    Raises :class:`TrackerError` if nothing is there. One point alone is ambiguous: the best of three masks is taken.
    """
    found = model.segment(kept.embedding, [prompt], multimask=prompt.box is None and len(prompt.points) == 1)
    logits = found.logits[0, 0]
    if prompt.box is not None:
        logits = near(logits[None], [prompt], kept.embedding, params.grown)[0]
    if not bool((logits > 0).any()):
        raise TrackerError("the model sees no object there")
    return logits, float(found.ious[0, 0])


def carry(
    model: Sam3, frames: ClickableFrames, kept: ClickableFrame, logits: Tensor, params: TrackingParams = DEFAULTS
) -> Carried:
    """Follow one mask from the frame it was made on to the newest, through the frames between."""
    unseen, trusted = 0, True
    before = kept
    for hop in frames.after(kept, params.most_hops):
        logits, before = _moved(logits, before, hop), hop
        box = pixels(bounds(logits), hop.embedding.height, hop.embedding.width)
        prompt = SegmentPrompt(box=box, logits=logits if trusted else None)
        found = model.segment(hop.embedding, [prompt], multimask=False)
        answered = near(found.logits[:, 0], [prompt], hop.embedding, params.grown)[0]
        seen = float(found.present[0]) >= params.present and bool((answered > 0).any())
        if seen:
            logits, trusted = answered, float(found.ious[0, 0]) >= params.good_iou
        unseen = 0 if seen else unseen + 1
    return Carried(logits, unseen)


def _moved(logits: Tensor, before: ClickableFrame, now: ClickableFrame) -> Tensor:
    """Logits (S, S) moved along with the picture, unless nothing is left of them then."""
    if before.grey is None or now.grey is None or before.grey.shape != now.grey.shape:
        return logits
    along = optical_flow.moved(logits[None], optical_flow.motion(before.grey, now.grey), -LIMIT)[0]
    return along if bool((along > 0).any()) else logits


def as_logits(mask: Mask, side: int) -> Tensor:
    """A finished mask as (side, side) logits that can be a mask prompt."""
    share = cv2.resize(mask.dense().astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy((share * 2 - 1) * MASK_LOGIT)


def spots(points: Sequence[Point], height: int, width: int) -> tuple[Spot, ...]:
    """Points in pixels as shares of their picture."""
    return tuple((point.x / width, point.y / height, point.positive) for point in points)


def points(spots: Sequence[Spot], height: int, width: int) -> tuple[Point, ...]:
    """Shares of a picture as points in its pixels."""
    return tuple(Point(x * width, y * height, positive) for x, y, positive in spots)
