"""Answering clicks and boxes on a frame of the recent past, and carrying the answer to the present."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from torch import Tensor

from tracker.model.abilities import able, need
from tracker.model.configs import Ability
from tracker.model.features import SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.presenting.history import MotionPath, under
from tracker.stream.answers import answer, as_logits, carry, filled
from tracker.stream.clickable_frames import ClickableFrame, ClickableFrames
from tracker.stream.geometry import bounds, pixels, points, shares, spots
from tracker.stream.object_list import ObjectList
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.stream.prompts import KeyframePrompts, example
from tracker.types import Answer, Box, Key, Point, Prompt, TrackerError

T = TypeVar("T")
Size = tuple[int, int]  # height and width of a picture, in pixels

MOST_SPOTS = 32  # clicks on one object and frame that count, the newest


class Clicks:
    """
    What a stream's user points at: clicks, boxes and drawn examples.

    Each is answered on a clickable frame, and the mask carried to the newest one, whose tick is ``tick``. With a
    ``path`` from the frame that was pointed at, it is answered on the nearest in time that can be reached on it; else
    on the one that stands for that frame, whose time by the stream's clock is ``seconds`` where it is known.
    """

    def __init__(
        self, model: Sam3, frames: ClickableFrames, objects: ObjectList, params: TrackingParams = DEFAULTS
    ) -> None:
        self.model = model
        self.frames = frames
        self.objects = objects
        self.params = params

    def click(
        self,
        index: int,
        made: Sequence[Point],
        object_id: int | None,
        *,
        seconds: float | None,
        path: MotionPath | None,
        tick: int,
    ) -> Answer:
        """Refine the object with that id, or the one that was shown under the clicks, or make a new one of them."""
        need(self.model.config, Ability.CLICKS)
        if not made:
            raise TrackerError("a click has no points")
        if path is None:
            kept = self.frames.nearest(index, seconds)
            check(kept.size, made)
            shown = self._under(kept, made)
        else:
            check(path.frame.size, made)
            shown = self._followed(path.under(made))
            kept, made = self._along(path, partial(_points_along, path, made))
        known = self.objects.find(object_id) if object_id is not None else shown
        if known is None:
            if not any(point.positive for point in made):
                raise TrackerError("a new object needs a point that belongs to it")
            return self._new(kept, SegmentPrompt(points=tuple(made)), made, path, tick)
        return self._refine(known, kept, made, path, tick)

    def box(self, index: int, box: Box, *, seconds: float | None, path: MotionPath | None, tick: int) -> Answer:
        """Make an object of a box."""
        need(self.model.config, Ability.CLICKS)
        kept, drawn = self._box(index, box, seconds, path)
        return self._new(kept, SegmentPrompt(box=drawn), (), path, tick)

    def draw(
        self,
        new: Mapping[Key, tuple[int, Prompt]],
        index: int | None,
        *,
        seconds: float | None,
        path: MotionPath | None,
    ) -> KeyframePrompts:
        """New exemplars, each with its place; boxes carried from the frame they were drawn on to the newest one."""
        if self.frames.newest is None:
            raise self.frames.gone(index or 0)
        present = self.frames.newest.embedding
        ask = KeyframePrompts()
        for key, (place, prompt) in new.items():
            boxes = []
            for number, box in enumerate(prompt.boxes):
                kept, drawn = self._box(index, box, seconds, path, f"prompts[{place}].boxes[{number}]")
                share = shares(drawn, *kept.size)
                if kept is not self._newest:
                    logits = self._example(kept, drawn)
                    share = bounds(carry(self.model, self.frames, kept, logits, self.params, path).logits)
                boxes.append(share)
            labels = prompt.labels or (True,) * len(boxes)
            ask.asked[key] = example(prompt, boxes, labels, present.height, present.width)
        return ask

    def _example(self, kept: ClickableFrame, drawn: Box) -> Tensor:
        """The mask (S, S) of an example on its frame; the whole box where the model cannot cut it out."""
        if able(self.model.config, Ability.CLICKS):
            return answer(self.model, kept, SegmentPrompt(box=drawn), self.params)[0]
        return filled(shares(drawn, *kept.size), self.model.side)

    def _box(
        self, index: int | None, box: Box, seconds: float | None, path: MotionPath | None, field: str = "box"
    ) -> tuple[ClickableFrame, Box]:
        """The frame that a box is answered on, and the box in its pixels."""
        if path is None:
            kept = self._newest if index is None else self.frames.nearest(index, seconds)
            check_box(kept.size, box, field)
            return kept, box
        check_box(path.frame.size, box, field)
        kept, share = self._along(path, lambda kept: path.box(shares(box, *path.frame.size), kept.index))
        return kept, pixels(share, *kept.size)

    def _along(self, path: MotionPath, way: Callable[[ClickableFrame], T | None]) -> tuple[ClickableFrame, T]:
        """The kept frame nearest in time to which there is a ``way``, and what that leads to."""
        pointed = path.frame
        for kept in self.frames.nearest_first(pointed.index, pointed.seconds):
            found = way(kept)
            if found is not None:
                return kept, found
        raise self.frames.gone(pointed.index)

    @property
    def _newest(self) -> ClickableFrame:
        newest = self.frames.newest
        assert newest is not None
        return newest

    def _new(
        self, kept: ClickableFrame, prompt: SegmentPrompt, made: Sequence[Point], path: MotionPath | None, tick: int
    ) -> Answer:
        self.objects.check_room()
        logits, score = answer(self.model, kept, prompt, self.params)
        new = self.objects.pointed_at(logits, score, tick, kept.seconds)
        self._bring(new, kept, logits, made, path, tick)
        return Answer(new.id, kept.index, score)

    def _refine(
        self, known: Followed, kept: ClickableFrame, made: Sequence[Point], path: MotionPath | None, tick: int
    ) -> Answer:
        together = (*self._earlier(known, kept, path), *made)[-MOST_SPOTS:]
        prompt = SegmentPrompt(points=together, logits=self._before(known, kept, path))
        logits, score = answer(self.model, kept, prompt, self.params, known.id)
        self._bring(known, kept, logits, together, path, tick)
        return Answer(known.id, kept.index, score)

    def _earlier(self, known: Followed, kept: ClickableFrame, path: MotionPath | None) -> tuple[Point, ...]:
        """The clicks made on an object before, where they are on this frame; those that have no way there are left."""
        frame, clicked = known.told.spots
        if frame != kept.index:
            places = [(x, y) for x, y, _ in clicked]
            moved = path.moved(places, kept.index, since=frame) if path is not None else [None] * len(places)
            both = zip(moved, clicked, strict=True)
            clicked = tuple((*place, positive) for place, (_, _, positive) in both if place is not None)
        return points(clicked, *kept.size)

    def _under(self, kept: ClickableFrame, made: Sequence[Point]) -> Followed | None:
        """The object that was shown under the clicks on a kept frame, if it is still followed."""
        if kept.tracks is None and kept is self._newest:  # nothing was shown on it yet; what is followed is on it
            return there(self.objects.visible, kept, made)
        return self._followed(under(kept.tracks or (), made))

    def _followed(self, object_id: int | None) -> Followed | None:
        return next((each for each in self.objects if each.id == object_id and not each.told.dismissed), None)

    def _before(self, known: Followed, kept: ClickableFrame, path: MotionPath | None) -> Tensor | None:
        """The mask (S, S) of an object on a kept frame before it was clicked; None if it was not to be seen."""
        shown = next((each.mask for each in kept.tracks or () if each.id == known.id), None)
        if shown is None and path is not None and path.frame.index == kept.index:
            shown = path.mask(known.id)
        if shown is not None:
            return as_logits(shown, self.model.side)
        # On the newest frame it may be all the same, by an order or because that is still being looked at.
        now = kept is self._newest and (kept.tracks is None or path is not None)
        return known.logits if now and known.visible else None

    def _bring(
        self,
        each: Followed,
        kept: ClickableFrame,
        logits: Tensor,
        made: Sequence[Point],
        path: MotionPath | None,
        tick: int,
    ) -> None:
        """Put an object's mask, given by a user on a kept frame, onto the newest frame."""
        carried = carry(self.model, self.frames, kept, logits, self.params, path)
        each.choose(carried.logits, bounds(carried.logits), self._newest.seconds, unseen=carried.unseen)
        each.told.tick = tick
        each.told.spots = kept.index, spots(made, *kept.size)
        if not carried.unseen and able(self.model.config, Ability.MEMORY):
            (memory,) = self.model.memorize(self._newest.embedding, carried.logits[None], tick)
            each.memory.bank.condition(memory)
            each.memory.memorized = tick


def check(size: Size, points: Sequence[Point]) -> None:
    """Refuse points outside the picture they were made on. Raises :class:`TrackerError`."""
    for place, point in enumerate(points):
        _check_inside(size, f"points[{place}]", x=point.x, y=point.y)


def check_box(size: Size, box: Box, field: str = "box") -> None:
    """Refuse a box of no size (:meth:`Box.tiny`), or outside its picture. Raises :class:`TrackerError`."""
    height, width = size
    if box.tiny(height, width):
        hint = f"boxes are in pixels of the picture ({width}×{height}), not in shares of it"
        raise TrackerError(f"{field}: it is less than a pixel wide or high, or the first alone; {hint}.", field=field)
    _check_inside(size, field, x0=box.x0, y0=box.y0, x1=box.x1, y1=box.y1)


def _check_inside(size: Size, field: str, **coordinates: float) -> None:
    height, width = size
    for name, value in coordinates.items():
        if not 0 <= value <= (width if name.startswith("x") else height):
            wrong = f"{field}.{name}"
            raise TrackerError(f"{wrong}: {value:g} is outside the picture of {width}×{height} pixels.", field=wrong)


def _points_along(path: MotionPath, made: Sequence[Point], kept: ClickableFrame) -> Sequence[Point] | None:
    """Points of the frame that is pointed at as points of a kept one, if all of them have a way there."""
    places = spots(made, *path.frame.size)
    moved = path.moved([(x, y) for x, y, _ in places], kept.index)
    both = zip(moved, places, strict=True)
    found = [(*place, positive) for place, (_, _, positive) in both if place is not None]
    return points(found, *kept.size) if len(found) == len(made) else None


def there(objects: Sequence[Followed], kept: ClickableFrame, points: Sequence[Point]) -> Followed | None:
    """The smallest of the objects on the newest frame whose mask covers the first positive point."""
    place = next((point for point in points if point.positive), None)
    if place is None:
        return None
    height, width = kept.size
    hit = []
    for each in objects:
        side = each.logits.shape[-1]
        x, y = (min(int(share * side), side - 1) for share in (place.x / width, place.y / height))
        if each.shown and bool(each.logits[y, x] > 0):
            hit.append(each)
    return min(hit, key=lambda each: int((each.logits > 0).sum()), default=None)
