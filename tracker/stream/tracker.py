"""One stream's state: what is asked, the objects that answer it, and the frames that can still be clicked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from tracker.model import abilities
from tracker.model.features import Embedding, Sent
from tracker.model.sam3 import Sam3
from tracker.presenting.history import MotionPath
from tracker.presenting.motion import Grey, Motion
from tracker.presenting.snapshot import Snapshot
from tracker.stream import showing
from tracker.stream.clickable_frames import ClickableFrames
from tracker.stream.clicks import Clicks
from tracker.stream.follower import Follower, Mode
from tracker.stream.geometry import Share
from tracker.stream.looking import Looking
from tracker.stream.object_list import ObjectList
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.stream.prompts import PromptList, check, example
from tracker.stream.schedule import Budget, Schedule
from tracker.types import Answer, Box, Point, Prompt, Step, prompt_keys

Picture = npt.NDArray[np.uint8]


class Tracker:
    """
    One stream. All methods are called on the thread that owns the model, and on no other.

    At most ``max_objects`` objects, each with a memory of fixed length, and clickable frames bounded by bytes: nothing
    grows with the length of the stream. Ids count from ``first_id`` and are never given twice.

    ``interval``: looked-at frames from keyframe to keyframe; ``adaptive``: or fewer, where there is reason to.
    ``rate``: results a second that are wanted; where the model cannot keep it, keyframes become rarer, then masks are
    moved along without an encoder pass (:class:`tracker.stream.schedule.Budget`, which explains ``costs`` too).
    ``looks``: looks a second that are wanted of a live stream, which shows masks between them; where turns come too
    late for it, keyframes become rarer, and every frame that is looked at is embedded all the same.
    ``live``: frames come whether looked at or not. Where asking for one word takes long (:attr:`Sam3.word_seconds`, and
    what is measured), words are asked in turn, and only where the prompts or the picture changed.
    ``params``: the thresholds of tracking. Raises :class:`Unable` where the model has no part for what is asked.
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
        looks: float | None = None,
        live: bool = False,
        costs: Mapping[str, float] | None = None,
        first_id: int = 1,
        max_objects: int = 64,
        params: TrackingParams = DEFAULTS,
    ) -> None:
        self.model = model
        abilities.check(model.config, prompts)
        self.orders = 0  # clicks, boxes, removals, lists of prompts and changes of the model that were carried out
        self._asked = PromptList(prompts)
        self._mode, self._params = follower, params
        self._objects = ObjectList(max_objects, first_id, params)
        self._clickable = ClickableFrames()
        self._clicks = Clicks(model, self._clickable, self._objects, params)

        def schedule(following: Follower) -> Schedule:
            budget = Budget(rate, costs, params, looks=looks, live=live, word=following.model.word_seconds)
            return Schedule(interval, budget, flowing=following.mode == "flow", adaptive=adaptive, params=params)

        following = Follower(model, follower, params)
        self._looking = Looking(self._asked, self._objects, self._clickable, following, schedule, params)

    def reset(self) -> None:
        """Drop objects, memories and kept frames; keep prompts and the highest id given out."""
        self._looking.start()

    def use(self, model: Sam3) -> None:
        """
        Go on with another model: objects, memories and kept frames are dropped, prompts and the highest id are kept.

        A prompt that has the old model's own threshold gets the new one's. What the new one has no part for rests, and
        says so. Raises :class:`Unable` where it cannot follow in the way that was asked for; nothing is changed then.
        """
        following = Follower(model, self._mode, self._params)
        self._asked.move(self.model.threshold, model)
        self.model = self._clicks.model = model
        self._looking.use(following)
        self.orders += 1

    def close(self) -> None:
        """Free what the stream holds."""
        self._looking.start()

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What is asked."""
        return self._asked.all

    @property
    def next_id(self) -> int:
        """The id that the next object will have."""
        return self._objects.next_id

    @property
    def present(self) -> tuple[int, Embedding] | None:
        """The newest frame's index and embedding, with the detector's features; None before the first step."""
        newest, embedding = self._clickable.newest, self._looking.present
        return None if newest is None or embedding is None else (newest.index, embedding)

    @property
    def snapshot(self) -> Snapshot | None:
        """
        What is shown on the newest frame, with what was ordered since; None before the first step.

        Between the stages of a look: as far as that has come.
        """
        looking = self._looking
        if looking.looked is None:
            return None
        return replace(
            looking.looked,
            objects=showing.shown(self.model, self._objects.visible, self.prompts, looking.tick),
            prompts=self.prompts,
            notes=looking.notes(),
            order=self.orders,
        )

    @torch.inference_mode()
    def step(
        self,
        image: Picture,
        index: int,
        seconds: float,
        *,
        motion: Motion | None = None,
        scene: int | None = None,
        grey: Grey | None = None,
        sent: Sent | None = None,
        between: Callable[[], None] | None = None,
    ) -> Step:
        """
        Look at one frame: (height, width, 3) RGB, its number, and its time in seconds by the stream's clock.

        Steps may skip frames. The picture's size may change from one to the next: objects keep their ids.
        Who saw the frames between (``tracker.presenting``) says how the picture moved since the last step, and which
        scene this is: another number is a cut. Left out, both are found by comparing the two frames. ``grey`` is the
        picture as ``tracker.small`` makes it, and ``sent`` as :meth:`Sam3.send` does, where that was done already.

        ``between`` is called between the stages of a look and may ask anything of this tracker but another step, a
        reset or its end. Before the objects were followed onto this frame it meets the frame before; then this one,
        which is then the newest that can be clicked. What it raises ends the step.
        """
        return self._looking.step(image, index, seconds, motion, scene, grey, sent, between)

    @torch.inference_mode()
    def set_prompts(
        self,
        prompts: Sequence[Prompt],
        *,
        index: int | None = None,
        seconds: float | None = None,
        path: MotionPath | None = None,
    ) -> None:
        """
        Replace the prompts: the next step is a keyframe. Objects of prompts that stay the same keep their ids.

        ``index``: the frame on which new exemplar boxes were drawn; left out, the newest, or the first to come.
        ``seconds`` and ``path`` as for :meth:`click`. Raises :class:`FrameGone` and :class:`TrackerError`; nothing is
        changed then.
        """
        check(prompts)
        known, now = self._asked.by_key(), dict(zip(prompt_keys(prompts), prompts, strict=True))
        abilities.check(self.model.config, prompts, kept={place for place, key in enumerate(now) if key in known})
        places = enumerate(now.items())
        new = {key: (place, prompt) for place, (key, prompt) in places if prompt.boxes and key not in known}
        newest, asked = self._clickable.newest, None
        if new and (newest or index is not None):
            asked = self._clicks.draw(new, index, seconds=seconds, path=path)
        self._asked.replace(prompts, () if asked else new)
        self._objects.keep(now)
        if asked:
            # Found at once: the boxes belong to a frame that will be gone when the next one comes.
            assert self._looking.present is not None
            assert newest is not None
            self._looking.detect(asked, self._looking.present, newest.seconds, self._looking.tick)
        self._looking.edited()
        self.orders += 1

    @torch.inference_mode()
    def recall(self, prompts: Sequence[Prompt], drawn: Sequence[tuple[Picture, Mapping[int, Sequence[Share]]]]) -> None:
        """
        Ask what was asked before a restart, in place of all that is asked.

        ``drawn``: pictures, and on each the example boxes of some of the prompts by their place, in shares of it. They
        are looked for by what they showed there. Prompts with boxes that stand on none of them go on by their words, or
        rest. Raises :class:`TrackerError`.
        """
        check(prompts)
        keys, shown = prompt_keys(prompts), {}
        for image, places in drawn:
            embedding = self.model.embed(image)
            for place, boxes in places.items():
                prompt = prompts[place]
                labels = prompt.labels or (True,) * len(boxes)
                asked = example(prompt, boxes, labels, embedding.height, embedding.width)
                shown[keys[place]] = self.model.example(embedding, asked)
        self._asked.recall(prompts, shown)
        self._looking.edited()

    def skip_to(self, first_id: int) -> None:
        """Give no id below this one from now on."""
        self._objects.next_id = max(self._objects.next_id, first_id)

    @torch.inference_mode()
    def click(
        self,
        index: int,
        points: Sequence[Point],
        object_id: int | None = None,
        *,
        seconds: float | None = None,
        path: MotionPath | None = None,
    ) -> Answer:
        """
        Answer clicks made on frame ``index``, in its pixels; ``seconds``: its time by the clock of ``step``, if known.

        With ``object_id``, or on an object that was shown there, they refine it, together with earlier clicks on that
        frame; else they make a new object. ``path``: from that frame, where what was presented is known
        (:class:`tracker.History`): what it showed there is meant, the points, and earlier ones, are moved to the
        nearest frame that was looked at and has a trusted way, and if there is none :meth:`look_back` makes one.
        Raises :class:`FrameGone`, :class:`UnknownObject`, :class:`TrackerError`.
        """
        self._looking.schedule.pointed()
        answer = self._clicks.click(index, points, object_id, seconds=seconds, path=path, tick=self._looking.tick)
        self.orders += 1
        return answer

    @torch.inference_mode()
    def box(self, index: int, box: Box, *, seconds: float | None = None, path: MotionPath | None = None) -> Answer:
        """
        Make an object of a box drawn on frame ``index``, in its pixels; ``seconds`` and ``path`` as for :meth:`click`.

        Raises :class:`FrameGone` and :class:`TrackerError`.
        """
        self._looking.schedule.pointed()
        answer = self._clicks.box(index, box, seconds=seconds, path=path, tick=self._looking.tick)
        self.orders += 1
        return answer

    @torch.inference_mode()
    def look_back(self, image: Picture, index: int, seconds: float) -> None:
        """
        Let a frame be clicked that was not looked at, before the newest that was (:attr:`present`).

        Nothing is followed or detected on it. Raises :class:`FrameGone` for a newer one, which waits for its look.
        """
        self._looking.look_back(image, index, seconds)

    def remove(self, object_id: int) -> None:
        """
        Take one object away. Raises :class:`UnknownObject`.

        One that a prompt found is followed on and never shown: dropped, the next keyframe would find it as a new one.
        """
        self._objects.dismiss(object_id)
        self.orders += 1
