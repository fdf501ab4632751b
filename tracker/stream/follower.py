"""
Following objects from frame to frame between keyframes.

"pvs" asks the interactive head for each object with its last mask and box on the frame's one embedding: flat in the
number of objects. It feeds on itself, so masks that the model doubts are not fed back, and an object whose mask has
come to cover something else (appearance.py) is gone. "memory" follows every object by its memory bank, as upstream
does. "auto" refines as "pvs" does, looks objects in doubt up in their memory, and follows by it what users pointed at,
which no detector sets right. "flow" follows nothing: between
keyframes masks are only moved along with the picture (optical_flow.py). What was found for a lost object counts where
it covers the same as before, lies where the object may be by now, and on no other object.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tracker.model import postprocess
from tracker.model.abilities import able, need
from tracker.model.bank import CONDITIONING, Propagation
from tracker.model.compute import picked, uploaded
from tracker.model.configs import Ability, Config
from tracker.model.features import Embedding, SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.stream.appearance import alike, appearances, blended
from tracker.stream.geometry import bounds, lies_on, overlaps, pixels, shares, shifted
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.types import Stage

Mode = Literal["auto", "pvs", "memory", "flow"]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a model answered for one object on this frame."""

    logits: Tensor  # (S, S)
    iou: float  # predicted
    present: float  # probability that the object is there
    same: bool  # the mask covers what the object's masks covered before
    there: bool  # anything of the mask is positive
    agrees: float  # its IoU with the mask that the object has


def possible(config: Config, mode: Mode) -> Mode:
    """
    What "auto" is with these weights: without clicks there is nothing to follow with, and "flow" is left.

    Raises :class:`Unable` for a way that was asked for and cannot be gone.
    """
    if mode in ("pvs", "memory"):
        need(config, Ability.CLICKS)
    if mode == "memory":
        need(config, Ability.MEMORY)
    if mode != "auto" or able(config, Ability.MEMORY):
        return mode
    return "pvs" if able(config, Ability.CLICKS) else "flow"


class Follower:
    """
    Moves objects onto the next frame, in place.

    Raises :class:`Unable` where the model cannot follow in the way that is asked for.
    """

    def __init__(self, model: Sam3, mode: Mode, params: TrackingParams = DEFAULTS) -> None:
        self.model = model
        self.mode = possible(model.config, mode)
        self.params = params

    @property
    def remembers(self) -> bool:
        """Whether it keeps memories of what objects looked like."""
        return self.mode in ("auto", "memory")

    def follow(
        self,
        embedding: Embedding,
        objects: Sequence[Followed],
        seconds: float,
        tick: int,
        *,
        predicted: bool = False,
        led: Collection[Followed] = (),
    ) -> None:
        """
        Find every object on this frame: each one's mask is then the present one, or it counts as lost.

        ``predicted``: the masks were already moved along with the picture. ``led``: those that :meth:`lead` has found.
        """
        if not able(self.model.config, Ability.CLICKS):
            return  # masks were moved along with the picture, and the next keyframe finds them anew
        if self.mode == "memory":
            remembered = [each for each in objects if each.memory.bank]
            self._by_memory(embedding, remembered, seconds, tick)
            self._by_mask(embedding, [each for each in objects if not each.memory.bank], seconds, predicted)
            return
        others = [each for each in objects if each not in led]
        self._by_mask(embedding, others, seconds, predicted)
        self._by_place(embedding, _due([each for each in others if each.doubt.unseen], self.params), seconds, objects)
        if self.mode == "auto":
            doubted = _due([each for each in others if each.memory.bank and each.memory.led != tick], self.params)
            self._by_memory(embedding, doubted, seconds, tick, among=objects)

    def lead(self, embedding: Embedding, objects: Sequence[Followed], seconds: float, tick: int) -> list[Followed]:
        """
        Follow by memory what users pointed at, and answer what was found of it: no detector sets such a mask right.

        It is for "auto". A few on each frame, the longest waiting first; :meth:`follow` is for all others.
        """
        pointed = [each for each in objects if each.told.chosen and not each.told.dismissed]
        chosen = [each for each in pointed if each.visible and each.memory.bank]
        chosen = sorted(chosen, key=lambda each: each.memory.led)[: self.params.led_batch]
        if self.mode != "auto" or not chosen:
            return []
        found = self.model.propagate(embedding, [each.memory.bank for each in chosen], tick)
        answers = self._read(embedding, found.logits, found.ious, found.present, chosen)
        rows = []
        for row, (each, one) in enumerate(zip(chosen, answers, strict=True)):
            each.memory.led = tick
            if self._there(one) and self._itself(each, one, seconds, objects):
                _take(each, one)
                each.motion.off_course = None
                rows.append(row)
        self._remember(embedding, found, chosen, rows)
        return [chosen[row] for row in rows]

    def _there(self, found: Found) -> bool:
        """Whether a memory's answer shows anything, and nothing that looks different."""
        return found.present >= self.params.present and found.there and found.same

    def _itself(self, each: Followed, found: Found, seconds: float, among: Sequence[Followed]) -> bool:
        """Whether what was found lies where the object may be by now, and on no other one ``among`` these."""
        if each.motion.nearness(bounds(found.logits), seconds) <= 0:
            return False
        others = [other.logits for other in among if other.visible and other is not each and other.key == each.key]
        return not others or not lies_on(found.logits, torch.stack(others), self.params.taken)

    def memorize(self, embedding: Embedding, objects: Sequence[Followed], tick: int) -> None:
        """Put masks that are surely right on this frame into their objects' memories, the longest waiting first."""
        due = [each for each in objects if each.visible and each.confirmed and each.doubt.bad == 0]
        due = [each for each in due if tick - each.memory.memorized >= self.params.memorize_every]
        # A user's own mask is never pushed out by what was followed from it.
        due = [each for each in due if not each.told.chosen or len(each.memory.bank.conditioning) < CONDITIONING]
        due = sorted(due, key=lambda each: each.memory.memorized)
        if not self.remembers:
            return
        if self.mode == "auto":  # where memory is for objects in doubt only, it may not cost much
            due = due[: self.params.memorize_batch]
        if not due:
            return
        memories = self.model.memorize(embedding, torch.stack([each.logits for each in due]), tick)
        for each, memory in zip(due, memories, strict=True):
            each.memory.bank.condition(memory)
            each.memory.memorized = tick

    def _by_mask(self, embedding: Embedding, objects: Sequence[Followed], seconds: float, predicted: bool) -> None:
        for each in objects:
            if each.doubt.unseen:
                # A box where it once was would be filled with whatever is there now.
                each.lose()
        seen = [each for each in objects if not each.doubt.unseen]
        if not seen:
            return
        split = [each for each in seen if each.motion.off_course]
        asked = ask(embedding, seen, seconds, split)
        found = self.model.segment(embedding, asked, multimask=False)
        kept = near(found.logits[:, 0], asked, embedding, self.params.grown)
        answers = self._read(embedding, kept, found.ious[:, 0], found.present, [*seen, *split])
        best = {each: answers[row] for row, each in enumerate(seen)}
        for row, each in enumerate(split, len(seen)):
            if answers[row].iou * answers[row].present > best[each].iou * best[each].present:
                best[each] = answers[row]
        for each, one in best.items():
            moved = predicted and each.motion.off_course is None
            _take(each, one, predicted=moved, steady=self.model.config.steady)
            each.motion.off_course = None

    def _by_place(
        self, embedding: Embedding, objects: Sequence[Followed], seconds: float, among: Sequence[Followed]
    ) -> None:
        """See whether lost objects are back where they should be by now: whatever is there must look like them."""
        objects = [each for each in objects if each.memory.appearance is not None]
        if self.model.same_appearance is None or not objects:
            return
        boxes = [pixels(each.motion.expected(seconds), embedding.height, embedding.width) for each in objects]
        asked = {
            each: SegmentPrompt(box=box)
            for each, box in zip(objects, boxes, strict=True)
            if box.x0 < box.x1 and box.y0 < box.y1
        }
        if not asked:
            return
        found = self.model.segment(embedding, list(asked.values()), multimask=False)
        kept = near(found.logits[:, 0], list(asked.values()), embedding, self.params.grown)
        answers = self._read(embedding, kept, found.ious[:, 0], found.present, list(asked))
        for each, one in zip(asked, answers, strict=True):
            self._bring_back(each, one, seconds, among)

    def _by_memory(
        self,
        embedding: Embedding,
        objects: Sequence[Followed],
        seconds: float,
        tick: int,
        *,
        among: Sequence[Followed] = (),
    ) -> None:
        """Ask memories where objects are. ``among``: where they are in doubt only, all that are on the frame."""
        if not objects:
            return
        found = self.model.propagate(embedding, [each.memory.bank for each in objects], tick)
        answers = self._read(embedding, found.logits, found.ious, found.present, objects)
        if self.mode == "auto":
            sure = [self._bring_back(each, one, seconds, among) for each, one in zip(objects, answers, strict=True)]
            kept = [row for row, each in enumerate(sure) if each]
        else:
            for each, one in zip(objects, answers, strict=True):
                _take(each, one)
            # A doubtful mask is remembered too, as it was taught: a look that is missing costs more.
            kept = [row for row, one in enumerate(answers) if self._there(one)]
        self._remember(embedding, found, objects, kept)

    def _remember(
        self, embedding: Embedding, found: Propagation, objects: Sequence[Followed], rows: Sequence[int]
    ) -> None:
        """Put what was found on this frame for the objects in these rows into their memories."""
        if rows:
            for row, memory in zip(rows, self.model.encode_memories(embedding, found, rows), strict=True):
                objects[row].memory.bank.remember(memory)

    def _bring_back(self, each: Followed, found: Found, seconds: float, among: Sequence[Followed]) -> bool:
        """Take what was found for an object in doubt, if it surely is that one and none ``among`` these; whether so."""
        # Where what it covers cannot be compared, the model itself has to be sure.
        compared = self.model.same_appearance is not None and each.memory.appearance is not None
        least = self.params.faint_iou if compared else self.params.good_iou
        sure = found.same and found.present >= self.params.present and found.iou >= least
        if not sure or not self._itself(each, found, seconds, among):
            return False
        # Refinement has counted this step already; what is surely known replaces it.
        _take(each, found)
        return True

    def _read(
        self, embedding: Embedding, logits: Tensor, ious: Tensor, present: Tensor, objects: Sequence[Followed]
    ) -> list[Found]:
        """What (N, S, S) logits and (N,) estimates say of each object, in one copy from the device."""
        own = torch.stack([each.logits for each in objects])
        numbers = [ious, present, (logits > 0).flatten(1).any(1).float(), overlaps(logits, own)]
        least = self.model.same_appearance
        known = [row for row, each in enumerate(objects) if each.memory.appearance is not None]
        if least is not None and known:
            before = torch.stack([each.memory.appearance for each in objects if each.memory.appearance is not None])
            numbers.append(alike(appearances(embedding, picked(logits, known)), before))
        read = torch.cat([each.float() for each in numbers]).tolist()
        count = len(objects)
        likeness = dict(zip(known, read[4 * count :], strict=False))
        found = []
        for row, each in enumerate(logits):
            iou, there_is, positive, agrees = read[row : 4 * count : count]
            same = least is None or likeness.get(row, least) >= least
            found.append(Found(each, iou, there_is, same=same, there=positive > 0, agrees=agrees))
        return found

    def note_appearances(self, embedding: Embedding, objects: Sequence[Followed], tick: int) -> None:
        """Note what the masks cover that are surely right on this frame: found by the detector, or followed well."""
        sure = [each for each in objects if each.visible and each.doubt.bad == 0]
        if self.model.same_appearance is None or not sure:
            return
        for each, now in zip(sure, appearances(embedding, torch.stack([each.logits for each in sure])), strict=True):
            each.memory.appearance = blended(
                each.memory.appearance, now, 1.0 if each.evidence.detected == tick else self.params.appearance_rate
            )


def _due(objects: Sequence[Followed], params: TrackingParams) -> list[Followed]:
    """Objects in doubt whose turn it is to be looked for: a few, those first that were seen last; none after a cut."""
    waited = {each: each.doubt.bad - params.doubt_steps for each in objects if not each.doubt.cut_away}
    due = [each for each, steps in waited.items() if steps >= 0 and steps % params.doubt_every == 0]
    due = [each for each in due if not each.missed and each.doubt.unseen <= params.doubt_longest]
    return sorted(due, key=lambda each: each.doubt.unseen)[: params.doubt_batch]


def _take(each: Followed, found: Found, *, predicted: bool = False, steady: float | None = None) -> bool:
    """Take what was found for an object on this frame; whether it is now followed well."""
    each.stage = Stage.REFINE
    each.follow(
        found.logits,
        found.iou,
        found.present,
        there=found.there,
        agrees=found.agrees,
        predicted=predicted,
        same=found.same,
        steady=steady,
    )
    return each.doubt.bad == 0


def near(logits: Tensor, asked: Sequence[SegmentPrompt], embedding: Embedding, grown: float) -> Tensor:
    """Take away what an answer shows further than ``grown`` box sides from where it was asked: that is a look-alike."""
    corners = [shares(prompt.box, embedding.height, embedding.width) for prompt in asked if prompt.box is not None]
    boxes = torch.tensor([((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0) for x0, y0, x1, y1 in corners])
    return postprocess.within(logits, uploaded(boxes, logits.device), grown)


def ask(
    embedding: Embedding, objects: Sequence[Followed], seconds: float, split: Sequence[Followed] = ()
) -> list[SegmentPrompt]:
    """
    Each object's last mask and box, moved as it probably moved; masks that were doubted are left out.

    The ``split`` are asked about a second time, where their own motion would have put them.
    """
    moves = [each.motion.within(seconds - each.seconds) for each in objects] + [
        each.motion.off_course or (0.0, 0.0) for each in split
    ]
    both = [*objects, *split]
    warped = shifted(torch.stack([each.logits for each in both]), moves)
    prompts = []
    for each, (x, y), logits in zip(both, moves, warped, strict=True):
        x0, y0, x1, y1 = each.box
        box = pixels((x0 + x, y0 + y, x1 + x, y1 + y), embedding.height, embedding.width)
        prompts.append(SegmentPrompt(box=box, logits=logits if each.doubt.bad == 0 else None))
    return prompts
