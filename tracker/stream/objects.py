"""One followed object, and what objects do to each other on a frame. Places are shares of the picture, 0 to 1."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from tracker.model import postprocess
from tracker.model.bank import Bank
from tracker.stream.geometry import LIMIT, Share, Spot, size
from tracker.stream.motion import Motion
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.stream.states import Life, State
from tracker.types import Key, Stage


@dataclass(slots=True)
class Evidence:
    """What keyframes say of an object."""

    hits: deque[bool]  # whether each of the last ones found it; the frame that it was made on counts
    detected: int  # tick of the one that found it last
    misses: int = 0  # how many in a row did not find it where it is followed


@dataclass(slots=True)
class Doubt:
    """What the steps since it was last surely seen say of an object."""

    unseen: int = 0  # looked-at frames since it was last seen; not 0 where a user's mask is shown unseen by the model
    bad: int = 0  # steps in a row that followed it badly or not at all
    faint: int = 0  # steps in a row whose mask the model hardly believes
    cut_away: bool = False  # it was lost by a cut: where it was says nothing of the new scene


@dataclass(slots=True)
class Remembered:
    """What is remembered of how an object looks."""

    bank: Bank = field(default_factory=Bank)
    memorized: int = -(10**9)  # tick of the newest conditioning memory
    led: int = -(10**9)  # tick on which it was asked last where an object is that a user pointed at
    appearance: Tensor | None = None  # what its mask covered when it was surely right (appearance.py)


@dataclass(slots=True)
class Told:
    """What a user said of an object."""

    chosen: bool = False  # what its mask is: the detector does not overrule
    dismissed: bool = (
        False  # that it shall go: it is followed on, so that it is not found as a new one, and never shown
    )
    spots: tuple[int, tuple[Spot, ...]] = (-1, ())  # the clicks on it, and on which frame
    tick: int = -1  # of the frame that its newest mask of a user's was put on


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What the host knows of a mask that is on a device: ``logits`` (s, s), made of the mask ``of`` (S, S)."""

    of: Tensor
    logits: Tensor


@dataclass(slots=True, eq=False)
class Followed:
    """
    One object of one stream. Nothing in it depends on the picture's size or on how long the stream has run.

    ``key``: of the prompt that found it; None for clicks and boxes. ``logits`` (S, S): where it was last seen, over the
    whole picture; ``box`` and ``seconds``: around it, and when that was. ``born``: the tick on which it was made; ticks
    count looked-at frames of the stream. ``life`` says what state it is in.
    """

    id: int
    key: Key | None
    logits: Tensor
    score: float
    born: int
    seconds: float
    box: Share
    params: TrackingParams = DEFAULTS
    stage: Stage = Stage.KEYFRAME  # how its newest mask was made
    entangled: bool = False  # in contact with one that answers the same prompt: its mask may be of both, or of that one
    life: Life = field(default_factory=Life)
    doubt: Doubt = field(default_factory=Doubt)
    memory: Remembered = field(default_factory=Remembered)
    told: Told = field(default_factory=Told)
    sight: Sight | None = None  # of the mask that was shown last
    motion: Motion = field(init=False)
    evidence: Evidence = field(init=False)

    def __post_init__(self) -> None:
        self.motion = Motion(self.box, self.params)
        self.evidence = Evidence(deque([True], maxlen=self.params.confirm_window), self.born)

    @property
    def state(self) -> State:
        """Tentative, confirmed, lost or removed."""
        return self.life.state

    @property
    def known(self) -> Tensor | None:
        """Its mask (s, s) on the host as it was shown; None: there is another mask since."""
        return None if self.sight is None or self.sight.of is not self.logits else self.sight.logits

    @property
    def visible(self) -> bool:
        """Whether it is on the present frame."""
        return self.life.visible

    @property
    def confirmed(self) -> bool:
        """Whether it is believed, or was before it was lost."""
        return self.life.confirmed

    @property
    def shown(self) -> bool:
        """Whether it is told to anyone: seen on this frame, and believed or at least likely."""
        likely = self.score >= self.params.shown_at_once and self.evidence.hits[-1]
        return self.visible and not self.told.dismissed and (self.confirmed or likely)

    @property
    def doubtful(self) -> bool:
        """Followed badly twice, or not seen: refinement alone will not bring it back."""
        return self.doubt.unseen > 0 or self.doubt.bad >= self.params.doubt_steps

    @property
    def missed(self) -> bool:
        """Whether keyframes say that it is not there; they cannot say so of what a user chose, or amid look-alikes."""
        often = self.evidence.misses >= self.params.missed_keyframes
        return often and not self.told.chosen and not self.entangled

    @property
    def rejected(self) -> bool:
        """Whether keyframes say that it is no object: a new one that too few of them found."""
        hits = self.evidence.hits
        return not self.confirmed and len(hits) == hits.maxlen and sum(hits) < self.params.confirm_hits

    def follow(
        self,
        logits: Tensor,
        iou: float,
        present: float,
        *,
        there: bool = True,
        agrees: float = 1.0,
        predicted: bool = False,
        same: bool = True,
        steady: float | None = None,
    ) -> None:
        """
        Take what a follower found on this frame: seen well, seen badly, or lost.

        ``there``: anything of the mask is positive; ``agrees``: its IoU with the one that the object has.
        ``predicted``: its mask was already moved along with the picture. Where look-alikes touch or the model is in
        doubt, what was found must agree with it, or refinement has slipped onto something else, and the moved mask
        stays for a few steps. ``steady``: the model's refined masks wander, so they must always agree this much, and
        the moved mask stays until they do. ``same``: the mask covers what its masks covered before; else it is of
        something else, and only what a user chose is given a few steps, for the detector does not bring it back.
        """
        params, doubt = self.params, self.doubt
        doubt.faint = doubt.faint + 1 if iou < params.faint_iou else 0
        gone = doubt.faint >= params.faint_steps and not self.told.chosen
        # Such a model is as unsure of real things as of none: what looks the same where a user pointed at it is there.
        there = there and (present >= params.present or (steady is not None and self.told.chosen and same))
        if gone or not there or not (same or self.told.chosen):
            self.lose()
            return
        unsure = steady is not None or self.entangled or iou < params.good_iou
        wandered = unsure and agrees < (params.agree_iou if steady is None else steady)
        held = doubt.bad < params.hold_steps or (same and steady is not None)
        if predicted and (wandered or not same) and held:
            self.life.see()
            self.stage, doubt.unseen, doubt.bad = Stage.FLOW, 0, doubt.bad + 1
            return
        if not same:
            self.lose()
            return
        self.life.see()
        self.logits, doubt.unseen, doubt.cut_away = logits, 0, False
        doubt.bad = 0 if iou >= params.good_iou else doubt.bad + 1

    def lose(self) -> None:
        """It cannot be seen on this frame; where it was last seen is kept."""
        if not self.doubt.unseen:
            # A row of them would keep everybody's tensor alive for as long.
            self.logits, self.sight = self.logits.clone(), None
        self.life.lose()
        self.doubt.unseen += 1
        self.doubt.bad += 1

    def cut(self) -> None:
        """Lose it to a cut: only a keyframe brings it back, unless a user pointed at it, for none would find that."""
        self.lose()
        self.doubt.cut_away = self.key is not None

    def see(self, logits: Tensor) -> None:
        """Take a mask that is believed: the detector's or a user's."""
        self.life.see()
        self.logits, self.doubt = logits.clamp(-LIMIT, LIMIT), Doubt()

    def choose(self, logits: Tensor, box: Share, seconds: float, *, unseen: int = 0) -> None:
        """Take a user's mask as it is at ``seconds``, carried there; it was last not seen for ``unseen`` frames."""
        self.see(logits)
        self.life.confirm()
        self.doubt.unseen, self.told.chosen = unseen, True
        self.memory = Remembered()  # what was remembered is of what it was taken for before
        self.box, self.seconds = box, seconds

    def detect(self, logits: Tensor, score: float, tick: int) -> None:
        """A detection is this object, and its mask is the better one, unless a user said what the object is."""
        self.evidence.detected, self.score = tick, score
        if not (self.told.chosen and self.visible):
            self.see(logits)

    def judge(self, tick: int) -> None:
        """Draw the conclusions of a keyframe, once all its detections are somebody's; not of the one it was made on."""
        evidence = self.evidence
        if tick == self.born:
            return
        found = evidence.detected == tick
        evidence.hits.append(found)
        if found:
            evidence.misses = 0
        elif self.visible:
            evidence.misses += 1
        if self.visible and sum(evidence.hits) >= self.params.confirm_hits:
            self.life.confirm()
        if self.missed and self.visible:
            self.lose()

    def place(self, box: Share, seconds: float) -> None:
        """Take its box on this frame, and learn its motion where the box can be trusted, or nothing else is known."""
        self.box, self.seconds = box, seconds
        if self._sure or not self.motion.known(seconds):
            self.motion.learn(box, seconds)

    def predict(self, logits: Tensor, box: Share, seconds: float) -> None:
        """Take its mask and box as the picture's motion moved them, and note where its own motion disagrees."""
        self.motion.compare(box, seconds, sure=self._sure)
        self.logits, self.box, self.seconds = logits, box, seconds

    @property
    def _sure(self) -> bool:
        return not self.doubt.bad and not self.entangled


def entangle(objects: Sequence[Followed], seconds: float, params: TrackingParams = DEFAULTS) -> None:
    """
    Note which objects of one prompt touch each other: their masks do not tell them apart for now.

    By where they should be, seen or not, and by masks that have become larger than the object is.
    """
    near = [each for each in objects if each.motion.known(seconds)]
    for each in objects:
        each.entangled = False
    if len(near) < 2:
        return
    x0, y0, x1, y1 = np.array([each.motion.expected(seconds) for each in near]).T
    wide = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    high = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    area = (x1 - x0) * (y1 - y0)
    common = wide.clip(0) * high.clip(0) / np.maximum(np.minimum(area[:, None], area), 1e-9)
    np.fill_diagonal(common, 0.0)
    for each, most in zip(near, common.max(1), strict=True):
        each.entangled = bool(most > params.contact) or size(each.box) > params.swollen * each.motion.extent


def settle(objects: Sequence[Followed], params: TrackingParams = DEFAULTS) -> None:
    """
    Make the visible objects of one prompt share the frame: no two on one object, no pixel in two masks.

    Of two that have come to show the same thing the one believed longer stays; the other counts as lost.
    Objects that are not shown yet take no pixel from one that is. Where the host knows the masks (:class:`Sight`) no
    device is waited for.
    """
    seen = sorted((each for each in objects if each.visible), key=lambda each: (not each.confirmed, each.born, each.id))
    if len(seen) < 2:
        return
    binary = torch.stack([each.logits if each.known is None else each.known for each in seen]) > 0
    same = (postprocess.pairwise_iou(binary, binary) > params.same_iou).tolist()
    for later, each in enumerate(seen):
        if any(same[earlier][later] and seen[earlier].visible for earlier in range(later)):
            each.lose()
    shown = [each for each in seen if each.shown]
    if len(shown) < 2:
        return
    known = [each.known for each in shown]
    for each, logits in zip(shown, postprocess.separate(torch.stack([each.logits for each in shown])), strict=True):
        each.logits = logits
    sights = [each for each in known if each is not None]
    if len(sights) == len(shown):
        for each, logits in zip(shown, postprocess.separate(torch.stack(sights)), strict=True):
            each.sight = Sight(each.logits, logits)
