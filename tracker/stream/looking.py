"""
One stream's frames, looked at one after the other, and each of them in stages.

Between the stages what is known is whole: every object is on the newest frame, and that is the one of which ``tick``,
``present`` and ``looked`` speak and on which a click can be answered. Up to the embedding that is the frame before; as
soon as the objects were followed it is the one at hand. So orders need not wait for the end of a look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from tracker.model.batching import groups_of_equals
from tracker.model.detector import DETECT_BATCH
from tracker.model.features import Detected, Embedding, Sent, kind
from tracker.model.sam3 import Sam3
from tracker.presenting.motion import Grey, Motion, small
from tracker.presenting.snapshot import Snapshot
from tracker.stream import showing
from tracker.stream.association import Recognition, associate
from tracker.stream.carrying import carry_along, predict
from tracker.stream.clickable_frames import ClickableFrame, ClickableFrames
from tracker.stream.follower import Follower
from tracker.stream.object_list import ObjectList
from tracker.stream.objects import Followed, entangle, settle
from tracker.stream.optical_flow import Flow
from tracker.stream.params import TrackingParams
from tracker.stream.prompts import KeyframePrompts, PromptList
from tracker.stream.scene import View
from tracker.stream.schedule import Schedule, Situation
from tracker.stream.stopwatch import Stopwatch
from tracker.stream.turns import Turns
from tracker.types import Key, Stage, Step, Track

Picture = npt.NDArray[np.uint8]
Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame at hand, and how it is looked at."""

    index: int
    seconds: float
    scene: int
    presented: bool  # elsewhere, of the snapshot: nobody shows the step's own masks, but where no frame comes
    tick: int
    stage: Stage
    reason: str
    alone: bool  # the detector says where everything is, nothing is refined before
    in_turn: bool  # asking for a word takes long: one is asked for


class Looking:
    """
    Looks at the frames of one stream: ``asked``, ``objects`` and ``clickable`` are changed by orders too.

    ``schedule`` makes what decides, for a follower, anew for each beginning.
    """

    def __init__(
        self,
        asked: PromptList,
        objects: ObjectList,
        clickable: ClickableFrames,
        follower: Follower,
        schedule: Callable[[Follower], Schedule],
        params: TrackingParams,
    ) -> None:
        self.model: Sam3 = follower.model
        self.asked, self.objects, self.clickable = asked, objects, clickable
        self.params = params
        self._follower = follower
        self._make_schedule = schedule
        self._flow = Flow()
        self.start()

    def use(self, follower: Follower) -> None:
        """Begin anew, with the model of another follower."""
        self.model, self._follower = follower.model, follower
        self.start()

    def start(self) -> None:
        """Begin, or begin anew: nothing is known of any frame."""
        self.objects.clear()
        self.clickable.clear()
        self._flow.clear()
        self.schedule = self._make_schedule(self._follower)
        self._view = View(self.params)
        self._turns = Turns(self.schedule.interval, self.params)
        self._count = 0  # prompts that the detector was asked for on the newest keyframe
        self._size: tuple[int, int] | None = None
        self._rests: Mapping[Key, str] = {}  # why prompts are not asked
        self.tick = -1  # of the newest frame; ticks count looked-at frames
        self.looked: Snapshot | None = None  # the newest frame and how it was looked at, without its objects
        self.present: Embedding | None = None  # of the newest frame, with the detector's features

    def step(
        self,
        image: Picture,
        index: int,
        seconds: float,
        motion: Motion | None,
        scene: int | None,
        grey: Grey | None,
        sent: Sent | None,
        between: Act | None,
    ) -> Step:
        """See :meth:`tracker.Tracker.step`."""
        watch = Stopwatch(self.model.device)
        self._notice(image, motion, scene, grey)
        self.schedule.budget.turn(index, seconds)
        in_turn = self.schedule.budget.long
        situation = self._situation()
        if in_turn:
            situation = self._whose_turn(situation, image)
        watch.lap("compare")
        stage, reason = self.schedule.next(situation)
        # Where detecting costs less than refining, or nothing is refined at all, the detector says where everything is.
        flowing, always = self._follower.mode == "flow", self.schedule.interval == 1 and not in_turn
        alone = stage is Stage.KEYFRAME and (reason == "cheaper" or always or flowing)
        presented = scene is not None
        frame = Frame(index, seconds, scene or 0, presented, self.tick + 1, stage, reason, alone, in_turn)
        if stage is Stage.FLOW:
            tracks = self._move(image, frame, watch)
        else:
            tracks = self._look(image, sent, frame, watch, between)
        counted = replace(situation, prompts=self._count) if in_turn else situation
        self.schedule.budget.spend(counted, watch.seconds)
        return Step(stage, reason, tracks, watch.seconds, self.notes())

    def look_back(self, image: Picture, index: int, seconds: float) -> None:
        """See :meth:`tracker.Tracker.look_back`."""
        newest = self.clickable.newest
        if newest is None or index > newest.index:
            raise self.clickable.gone(index)
        if self.clickable.nearest_first(index, seconds)[0].index != index:
            embedding = self.model.embed(image).interactive_only()
            self.clickable.insert(ClickableFrame(index, seconds, embedding, (), small(image)))

    def edited(self) -> None:
        """The list of prompts is another one."""
        self._turns.keep(self.asked.by_key())
        self.schedule.demand("prompts")

    def notes(self) -> dict[int, str]:
        """Why prompts rest, and that there is no room, by place in the list that is in force."""
        notes, refused = self.asked.notes(self._rests), self.objects.refused
        if refused and self.asked.all:
            notes[len(self.asked.all) - 1] = f"{refused} more were found: at most {self.objects.most} are followed"
        return notes

    def detect(
        self, ask: KeyframePrompts, embedding: Embedding, seconds: float, tick: int, *, alone: bool = False
    ) -> None:
        """Detect what is asked on this frame and bring it together with the objects, not refined if ``alone``."""
        self._associate(self._found(ask, embedding), embedding, seconds, tick, alone=alone)

    def _notice(self, image: Picture, motion: Motion | None, scene: int | None, grey: Grey | None) -> None:
        """What about this frame asks for a keyframe?"""
        size = image.shape[0], image.shape[1]
        if self._size not in (None, size):
            self.schedule.demand("resized")
        known = motion is not None and self.looked is not None and motion.before == self.looked.index
        self._flow.look(image, motion if known else None, grey)
        cut = self._view.cut(image)
        if scene is not None:
            cut = self.looked is not None and scene != self.looked.scene
        if cut:
            self.schedule.demand("scene")
            self._flow.clear()
        self._size = size

    def _situation(self) -> Situation:
        visible, params = self.objects.visible, self.params
        found = [each for each in self.objects if each.key is not None and each.confirmed]
        return Situation(
            detectable=bool(self.asked.all),
            tentative=any(not each.confirmed for each in self.objects),
            doubt=any(each.doubt.bad == params.doubt_steps for each in found),
            lost=any(0 < each.doubt.unseen <= params.returning for each in found),
            uncovered=self._view.uncovered([each.box for each in visible]),
            warpable=self._flow.known and self.present is not None,
            prompts=len(self.asked.all),
            objects=len(visible),
            chosen=sum(each.told.chosen for each in visible),
            shown=sum(each.shown for each in visible),
        )

    def _whose_turn(self, situation: Situation, image: Picture) -> Situation:
        """The same with the word that is to be asked next, and why."""
        self._turns.notice(self.asked.by_key(), self.objects, self._view, self.schedule.demanded)
        key = self._turns.next(self.asked.ask(self.objects, image.shape[0], image.shape[1]).asked)
        if key is None:
            return situation
        return replace(situation, waiting=self._turns.reason(key), new=self._turns.new(key))

    def _move(self, image: Picture, frame: Frame, watch: Stopwatch) -> list[Track]:
        """Show the masks moved along with the picture, without an encoder pass."""
        carry_along(self._flow, self.objects.visible)
        watch.lap("flow")
        tracks = self._show(image.shape[0], image.shape[1], frame, watch)
        self.objects.forget()
        self.clickable.note(frame.index, frame.seconds)
        self.tick, self._rests = frame.tick, {}
        self._say(frame, Stage.FLOW)
        return tracks

    def _look(
        self, image: Picture, sent: Sent | None, frame: Frame, watch: Stopwatch, between: Act | None
    ) -> list[Track]:
        """Embed the frame, follow what is known, and on a keyframe detect what is asked."""
        pause = None if between is None else partial(watch.leave_out, between)
        rest = pause or _nothing
        embedding = self.model.embed(image) if sent is None else self.model.embed(image, sent)
        tick = frame.tick
        watch.lap("embed")
        rest()
        self._follow(frame, embedding, watch)
        watch.lap("flow" if frame.alone else "refine")
        self._arrive(frame, embedding)
        watch.lap("keep")
        rest()
        if frame.stage is Stage.KEYFRAME and frame.in_turn:
            self.model.levels(embedding)  # what the word will be looked for in: orders come between the two
            rest()
        ask = self.asked.ask(self.objects, embedding.height, embedding.width)
        self._rests = ask.rests
        if frame.stage is Stage.KEYFRAME:
            ask = self._one_of(ask) if frame.in_turn else ask
            self._turns.asked(self.asked.by_key(), ask.asked)
            self._count = len(ask.asked)
            found = self._found(ask, embedding, pause)
            self._associate(found, embedding, frame.seconds, tick, alone=frame.alone)
            self.asked.answered()
            watch.lap("detect")
        if frame.reason == "cheaper":
            left = [each for each in self.objects if tick not in (each.evidence.detected, each.told.tick)]
            self._refine(left, embedding, frame, watch)
            watch.lap("refine the rest")  # not "refine": it says nothing of what refining all of them costs
        self._say(frame, frame.stage)
        rest()
        tracks = self._show(embedding.height, embedding.width, frame, watch)
        self._follower.note_appearances(embedding, self.objects.everyone, tick)
        watch.lap("appearance")
        if frame.stage is Stage.KEYFRAME:
            (self._view.found if frame.in_turn else self._view.keyframe)([each.box for each in self.objects.visible])
            self._follower.memorize(embedding, self.objects.everyone, tick)
            watch.lap("memorize", wait=True)
        self.objects.forget()
        self.clickable.show(tracks)
        watch.lap("keep")
        return tracks

    def _one_of(self, ask: KeyframePrompts) -> KeyframePrompts:
        """The word whose turn it is; boxes that were drawn on this frame go before, all of them."""
        whose = self._turns.next(ask.asked)
        keys = self.asked.drawn(ask.asked) or ([] if whose is None else [whose])
        return replace(ask, asked={key: ask.asked[key] for key in keys})

    def _follow(self, frame: Frame, embedding: Embedding, watch: Stopwatch) -> None:
        """Bring the objects onto the frame."""
        if frame.reason == "scene":
            for each in self.objects:
                each.cut()
        elif frame.alone:
            carry_along(self._flow, self.objects.visible)
        else:
            predict(self._flow, self.objects.visible, frame.seconds)
            watch.lap("refine")
            self._refine(self.objects.everyone, embedding, frame, watch)

    def _arrive(self, frame: Frame, embedding: Embedding) -> None:
        """The objects are on this frame: it is the newest from now on, and can be clicked."""
        self.tick, self.present = frame.tick, embedding
        self._say(frame, Stage.FLOW if frame.alone else Stage.REFINE)
        kept = ClickableFrame(frame.index, frame.seconds, embedding.interactive_only(), None, self._flow.grey)
        self.clickable.add(kept)

    def _say(self, frame: Frame, done: Stage) -> None:
        self.looked = Snapshot(frame.index, frame.scene, done, frame.reason)

    def _refine(self, objects: list[Followed], embedding: Embedding, frame: Frame, watch: Stopwatch) -> None:
        led = self._follower.lead(embedding, objects, frame.seconds, frame.tick)
        if led:
            watch.lap("lead")  # not "refine": it says nothing of what refining costs
        self._follower.follow(embedding, objects, frame.seconds, frame.tick, predicted=self._flow.known, led=led)

    def _found(self, ask: KeyframePrompts, embedding: Embedding, pause: Act | None = None) -> dict[Key, Detected]:
        """What each prompt finds on this frame. ``pause`` comes between groups that the model asks in one pass."""
        keys, prompts = list(ask.asked), list(ask.asked.values())
        if pause is None:
            return dict(zip(keys, self.model.detect(embedding, prompts), strict=True))
        found: dict[Key, Detected] = {}
        groups = list(groups_of_equals([kind(prompt) for prompt in prompts], DETECT_BATCH))
        for group in groups:
            if found:
                pause()
            answers = self.model.detect(embedding, [prompts[place] for place in group])
            found |= zip((keys[place] for place in group), answers, strict=True)
        every = [found[key] for key in keys]  # of one pass they are compared already
        return dict(zip(keys, self.model.settled(prompts, every) if len(groups) > 1 else every, strict=True))

    def _associate(
        self, found: Mapping[Key, Detected], embedding: Embedding, seconds: float, tick: int, *, alone: bool
    ) -> None:
        """Bring what was found together with the objects; nothing of a prompt that was taken away meanwhile."""
        self.objects.refused = 0
        recognition = Recognition(self.model, embedding, tick, self._follower.remembers, self.params)
        asked = self.asked.by_key()
        for key, detected in found.items():
            if key not in asked:
                continue
            mine = self.objects.of(key)
            for new in associate(
                mine, detected, seconds, tick, alone=alone, recognition=recognition, params=self.params
            ):
                self.objects.found(key, new, tick, seconds)
            for each in mine:
                if each.evidence.detected == tick:
                    each.stage = Stage.KEYFRAME

    def _show(self, height: int, width: int, frame: Frame, watch: Stopwatch) -> list[Track]:
        """Settle who owns which pixel and who touches whom, and encode what is shown."""
        watch.answer(partial(showing.fetch, self.objects.visible, fine=not frame.presented))
        for same in self.objects.by_key():
            settle(same, self.params)
            entangle(same, frame.seconds, self.params)
        watch.lap("settle")
        size, seen = (height, width), self.objects.visible
        tracks = showing.tracks(self.model, seen, self.asked.all, size, frame.seconds, frame.tick)
        watch.lap("encode")
        return tracks


def _nothing() -> None:
    """No orders can come."""
