"""One followed object, and what objects do to each other on a frame. Places are shares of the picture, 0 to 1."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from tracker.model import postprocess
from tracker.model.bank import Bank
from tracker.stream.geometry import LIMIT, Share, Spot, middle, overlap, size
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.types import Stage

Key = tuple[object, ...]


@dataclass(slots=True, eq=False)
class Followed:
    """
    One object of one stream. Its state depends on neither the picture's size nor how long the stream has run.

    ``key``: of the prompt that found it; None for clicks and boxes. ``logits`` (S, S): where it was last seen, over the
    whole picture. ``tick`` counts looked-at frames of the stream.
    """

    id: int
    key: Key | None
    logits: Tensor
    score: float
    born: int  # tick
    seconds: float  # when it was last seen
    box: Share = (0.0, 0.0, 0.0, 0.0)
    sure: Share = (0.0, 0.0, 0.0, 0.0)  # its box when it was last followed well and stood alone
    sure_seconds: float = -math.inf  # when that was
    velocity: tuple[float, float] = (0.0, 0.0)  # of its centre, shares of the picture a second
    off_course: tuple[float, float] | None = None  # from where the picture's motion put it to where its own should have
    entangled: bool = False  # in contact with one that answers the same prompt: its mask may be of both, or of that one
    extent: float = 0.0  # its side when all of it was to be seen, a share of the picture's
    confirmed: bool = False
    hits: deque[bool] = field(default_factory=lambda: deque(maxlen=DEFAULTS.confirm_window))
    detected: int = 0  # tick of the keyframe that found it last
    visible: bool = True  # on the present frame
    unseen: int = 0  # looked-at frames since it was last seen
    bad: int = 0  # steps in a row that followed it badly or not at all
    faint: int = 0  # steps in a row whose mask the model hardly believes
    misses: int = 0  # keyframes in a row that did not find it where it is followed
    cut_away: bool = False  # it was lost by a cut: where it was says nothing of the new scene
    dismissed: bool = False  # a user took it away: followed on, so that it is not found anew, and never shown
    by_user: bool = False  # a user said what its mask is: the detector does not overrule
    spots: tuple[int, tuple[Spot, ...]] = (-1, ())  # the clicks on it, and on which frame
    bank: Bank = field(default_factory=Bank)
    memorized: int = -(10**9)  # tick of the newest conditioning memory
    appearance: Tensor | None = None  # what its mask covered when it was surely right (appearance.py)
    stage: Stage = Stage.KEYFRAME
    params: TrackingParams = DEFAULTS

    def __post_init__(self) -> None:
        self.hits = deque(self.hits, maxlen=self.params.confirm_window)
        self.sure, self.extent = self.box, size(self.box)

    @property
    def shown(self) -> bool:
        """Whether it is told to anyone: seen on this frame, and believed or at least likely."""
        return (
            self.visible
            and not self.dismissed
            and (self.confirmed or (self.score >= self.params.shown_at_once and self.hits[-1]))
        )

    @property
    def doubtful(self) -> bool:
        """Followed badly twice, or not seen: refinement alone will not bring it back."""
        return self.unseen > 0 or self.bad >= self.params.doubt_steps

    @property
    def missed(self) -> bool:
        """Whether keyframes say that it is not there; nobody can say so of what a user chose, or amid look-alikes."""
        return self.misses >= self.params.missed_keyframes and not self.by_user and not self.entangled

    def follow(self, logits: Tensor, iou: float, present: float, *, foreseen: bool = False, same: bool = True) -> None:
        """
        Take what a follower found on this frame: seen well, seen badly, or lost.

        ``foreseen``: its mask was already moved along with the picture. Where look-alikes touch or the
        model is in doubt, what was found must agree with it, or refinement has slipped onto something else, and the
        moved mask stays for a few steps. ``same``: the mask covers what its masks covered before; else it is of
        something else, and only what a user chose is given a few steps, for the detector does not bring it back.
        """
        self.faint = self.faint + 1 if iou < self.params.faint_iou else 0
        gone = self.faint >= self.params.faint_steps and not self.by_user
        if gone or present < self.params.present or not bool((logits > 0).any()) or not (same or self.by_user):
            self.lose()
            return
        slipped = not same or (
            (self.entangled or iou < self.params.good_iou) and overlap(logits, self.logits) < self.params.agree_iou
        )
        if foreseen and slipped and self.bad < self.params.hold_steps:
            self.visible, self.unseen, self.stage = True, 0, Stage.FLOW
            self.bad += 1
            return
        if not same:
            self.lose()
            return
        self.logits, self.visible, self.unseen, self.cut_away = logits, True, 0, False
        self.bad = 0 if iou >= self.params.good_iou else self.bad + 1

    def lose(self) -> None:
        """It cannot be seen on this frame; where it was last seen is kept."""
        if not self.unseen:
            self.logits = self.logits.clone()  # a row of them would keep everybody's tensor alive for as long
        self.visible = False
        self.unseen += 1
        self.bad += 1

    def see(self, logits: Tensor) -> None:
        """Take a mask that is believed: the detector's or a user's."""
        self.logits, self.visible, self.unseen, self.bad = logits.clamp(-LIMIT, LIMIT), True, 0, 0
        self.faint, self.cut_away = 0, False

    def place(self, box: Share, seconds: float) -> None:
        """Take its box on this frame, and learn its velocity where that can be trusted."""
        self.box, self.seconds = box, seconds
        elapsed = seconds - self.sure_seconds
        if (self.bad or self.entangled) and elapsed <= self.params.stale:
            return
        if 0 < elapsed <= self.params.stale:
            newest = 1 - math.exp(-elapsed / self.params.smoothing)
            x, y = ((middle(box, axis) - middle(self.sure, axis)) / elapsed for axis in (0, 1))
            self.velocity = (
                newest * x + (1 - newest) * self.velocity[0],
                newest * y + (1 - newest) * self.velocity[1],
            )
        elif elapsed > self.params.stale:
            self.velocity = (0.0, 0.0)
        self.sure, self.sure_seconds = box, seconds
        self.extent = max(size(box), self.params.shrink * self.extent)

    def expected(self, seconds: float) -> Share:
        """Its box where it should be by ``seconds``, from when it was last followed well."""
        elapsed = min(max(0.0, seconds - self.sure_seconds), self.params.stale)
        x, y = self.velocity[0] * elapsed, self.velocity[1] * elapsed
        return self.sure[0] + x, self.sure[1] + y, self.sure[2] + x, self.sure[3] + y

    def foresee(self, logits: Tensor, box: Share, seconds: float) -> None:
        """Take its mask and box as the picture's motion moved them, and note where its own motion disagrees."""
        self.off_course = None
        if self.bad == 0 and not self.entangled and 0 < seconds - self.sure_seconds <= self.params.own_motion:
            expected = self.expected(seconds)
            x, y = (middle(expected, axis) - middle(box, axis) for axis in (0, 1))
            if math.hypot(x, y) > self.params.off_course * self.extent:
                self.off_course = x, y
        self.logits, self.box, self.seconds = logits, box, seconds

    def motion(self, seconds: float) -> tuple[float, float]:
        """How far it has probably moved by ``seconds`` since it was last seen, in shares of the picture."""
        elapsed = seconds - self.seconds
        if not 0 < elapsed <= self.params.stale:
            return 0.0, 0.0
        x, y = (
            max(-self.params.farthest_guess, min(self.params.farthest_guess, speed * elapsed))
            for speed in self.velocity
        )
        return x, y


def entangle(objects: Sequence[Followed], seconds: float, params: TrackingParams = DEFAULTS) -> None:
    """
    Note which objects of one prompt touch each other: their masks do not tell them apart for now.

    By where they should be, seen or not, and by masks that have become larger than the object is.
    """
    near = [each for each in objects if seconds - each.sure_seconds <= params.stale]
    for each in objects:
        each.entangled = False
    if len(near) < 2:
        return
    x0, y0, x1, y1 = np.array([each.expected(seconds) for each in near]).T
    wide = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    high = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    area = (x1 - x0) * (y1 - y0)
    common = wide.clip(0) * high.clip(0) / np.maximum(np.minimum(area[:, None], area), 1e-9)
    np.fill_diagonal(common, 0.0)
    for each, most in zip(near, common.max(1), strict=True):
        each.entangled = bool(most > params.contact) or size(each.box) > params.swollen * each.extent


def nearness(each: Followed, box: Share, seconds: float) -> float:
    """1 where the object should be at ``seconds``, 0 at the farthest that it may be, or where it cannot be ``box``."""
    params = each.params
    elapsed = min(max(0.0, seconds - each.sure_seconds), params.stale)
    largest = max(each.extent, size(box))
    if largest > params.resized * each.extent:  # smaller it may well be: half of it is still hidden
        return 0.0
    expected = each.expected(seconds)
    x, y = (middle(box, axis) - middle(expected, axis) for axis in (0, 1))
    return max(0.0, 1 - math.hypot(x, y) / (params.reach * largest + params.wander * elapsed))


def settle(objects: Sequence[Followed], params: TrackingParams = DEFAULTS) -> None:
    """
    Make the visible objects of one prompt share the frame: no two on one object, no pixel in two masks.

    Of two that have come to show the same thing the one believed longer stays; the other counts as lost.
    Objects that are not shown yet take no pixel from one that is.
    """
    seen = sorted((each for each in objects if each.visible), key=lambda each: (not each.confirmed, each.born, each.id))
    if len(seen) < 2:
        return
    binary = torch.stack([each.logits for each in seen]) > 0
    same = (postprocess.pairwise_iou(binary, binary) > params.same_iou).tolist()
    for later, each in enumerate(seen):
        if any(same[earlier][later] and seen[earlier].visible for earlier in range(later)):
            each.lose()
    shown = [each for each in seen if each.shown]
    if len(shown) < 2:
        return
    for each, logits in zip(shown, postprocess.separate(torch.stack([each.logits for each in shown])), strict=True):
        each.logits = logits
