"""One followed object, and what objects do to each other on a frame. Places are shares of the picture, 0 to 1."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker import postprocess
from tracker.memory import Bank
from tracker.types import Box, Stage

Key = tuple[object, ...]
Share = tuple[float, float, float, float]  # left, top, right, bottom as shares of the picture
Spot = tuple[float, float, bool]  # x, y as shares of the picture; whether it belongs to the object

SHOWN_AT_ONCE = 0.7  # a new detection with this score is shown before it is confirmed (upstream: new_det_thresh)
CONFIRM_HITS, CONFIRM_WINDOW = 2, 3  # found on 2 of its first 3 keyframes, a new object is believed
GOOD_IOU = 0.7  # predicted IoU under which a mask is not fed back as the next one's prompt
PRESENT = 0.5  # the model's belief that an object is there at all
SAME = 0.7  # two masks of one prompt with this IoU show one object (upstream: occlusion suppression)
SMOOTHING = 0.5  # share of the newest measurement in an object's velocity
FASTEST = 0.1  # of the picture: the farthest a guess of its motion moves an object in one step
STALE = 1.0  # seconds without a frame after which a velocity says nothing
HOLD = 3  # steps in a row on which a mask that was moved along stands against a refined one that disagrees
AGREE = 0.6  # IoU of the two from which they agree
LIMIT = 32.0  # logits that are fed back stay within this (sam1_task_predictor.py)


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
    velocity: tuple[float, float] = (0.0, 0.0)  # of its centre, shares of the picture a second
    confirmed: bool = False
    hits: deque[bool] = field(default_factory=lambda: deque(maxlen=CONFIRM_WINDOW))
    detected: int = 0  # tick of the keyframe that found it last
    visible: bool = True  # on the present frame
    unseen: int = 0  # looked-at frames since it was last seen
    bad: int = 0  # steps in a row that followed it badly or not at all
    disputes: int = 0  # keyframes in a row whose mask differed from the followed one
    denials: int = 0  # keyframes in a row that did not find it where it is followed
    dismissed: bool = False  # a user took it away: followed on, so that it is not found anew, and never shown
    by_user: bool = False  # a user said what its mask is: the detector does not overrule
    spots: tuple[int, tuple[Spot, ...]] = (-1, ())  # the clicks on it, and on which frame
    bank: Bank = field(default_factory=Bank)
    memorized: int = -(10**9)  # tick of the newest conditioning memory
    stage: Stage = Stage.KEYFRAME

    @property
    def shown(self) -> bool:
        """Whether it is told to anyone: seen on this frame, and believed or at least likely."""
        return (
            self.visible and not self.dismissed and (self.confirmed or (self.score >= SHOWN_AT_ONCE and self.hits[-1]))
        )

    @property
    def doubtful(self) -> bool:
        """Followed badly twice, or not seen: refinement alone will not bring it back."""
        return self.unseen > 0 or self.bad >= 2

    def follow(self, logits: Tensor, iou: float, present: float, *, foreseen: bool = False) -> None:
        """
        Take what a follower found on this frame: seen well, seen badly, or lost.

        ``foreseen``: its mask was already moved along with the picture. What was found must then agree with it, or
        refinement has slipped onto something else, and the moved mask stays for a few steps.
        """
        if present < PRESENT or not bool((logits > 0).any()):
            self.lose()
            return
        if foreseen and self.bad < HOLD and overlap(logits, self.logits) < AGREE:
            self.visible, self.unseen, self.stage = True, 0, Stage.FLOW
            self.bad += 1
            return
        self.logits, self.visible, self.unseen = logits, True, 0
        self.bad = 0 if iou >= GOOD_IOU else self.bad + 1

    def lose(self) -> None:
        """It cannot be seen on this frame; where it was last seen is kept."""
        self.visible = False
        self.unseen += 1
        self.bad += 1

    def see(self, logits: Tensor) -> None:
        """Take a mask that is believed: the detector's or a user's."""
        self.logits, self.visible, self.unseen, self.bad, self.disputes = logits.clamp(-LIMIT, LIMIT), True, 0, 0, 0

    def place(self, box: Share, seconds: float) -> None:
        """Take its box on this frame, and learn its velocity from the last one."""
        elapsed = seconds - self.seconds
        if self.box[2] > self.box[0] and 0 < elapsed <= STALE:
            x, y = (
                ((box[axis] + box[axis + 2]) - (self.box[axis] + self.box[axis + 2])) / 2 / elapsed for axis in (0, 1)
            )
            self.velocity = (
                SMOOTHING * x + (1 - SMOOTHING) * self.velocity[0],
                SMOOTHING * y + (1 - SMOOTHING) * self.velocity[1],
            )
        elif elapsed > STALE:
            self.velocity = (0.0, 0.0)
        self.box, self.seconds = box, seconds

    def motion(self, seconds: float) -> tuple[float, float]:
        """How far it has probably moved by ``seconds`` since it was last seen, in shares of the picture."""
        elapsed = seconds - self.seconds
        if not 0 < elapsed <= STALE:
            return 0.0, 0.0
        x, y = (max(-FASTEST, min(FASTEST, speed * elapsed)) for speed in self.velocity)
        return x, y


def overlap(a: Tensor, b: Tensor) -> float:
    """IoU of two (S, S) masks by their logits; 0 if both are empty."""
    one, other = a > 0, b > 0
    return float((one & other).sum() / (one | other).sum().clamp(min=1))


def shifted(logits: Tensor, moves: Sequence[tuple[float, float]]) -> Tensor:
    """Move (N, S, S) logits by (x, y) shares of the picture each; what comes in from outside is surely background."""
    if max(max(abs(x), abs(y)) for x, y in moves) * logits.shape[-1] < 0.25:  # less than anyone can see
        return logits
    theta = torch.tensor([[[1, 0, -2 * x], [0, 1, -2 * y]] for x, y in moves], device=logits.device)
    grid = F.affine_grid(theta, [len(logits), 1, *logits.shape[1:]], align_corners=False)
    return F.grid_sample(logits[:, None] + LIMIT, grid, align_corners=False)[:, 0] - LIMIT


def pixels(share: Share, height: int, width: int) -> Box:
    """A share of the picture as a box in its pixels, cut off at the edges."""
    x0, y0, x1, y1 = (min(1.0, max(0.0, each)) for each in share)
    return Box(x0 * width, y0 * height, x1 * width, y1 * height)


def shares(box: Box, height: int, width: int) -> Share:
    """A box in pixels as a share of its picture."""
    return box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height


def bounds(logits: Tensor) -> Share:
    """The tight box around a (S, S) mask, to a mask pixel; all zero for an empty one."""
    positive = logits > 0
    rows, columns = positive.any(1).nonzero(), positive.any(0).nonzero()
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    height, width = positive.shape
    return (
        float(columns[0]) / width,
        float(rows[0]) / height,
        (float(columns[-1]) + 1) / width,
        (float(rows[-1]) + 1) / height,
    )


def settle(objects: Sequence[Followed]) -> None:
    """
    Make the visible objects of one prompt share the frame: no two on one object, no pixel in two masks.

    Of two that have come to show the same thing the one believed longer stays; the other counts as lost.
    Objects that are not shown yet take no pixel from one that is.
    """
    seen = sorted((each for each in objects if each.visible), key=lambda each: (not each.confirmed, each.born, each.id))
    if len(seen) < 2:
        return
    binary = torch.stack([each.logits for each in seen]) > 0
    same = (postprocess.pairwise_iou(binary, binary) > SAME).tolist()
    for later, each in enumerate(seen):
        if any(same[earlier][later] and seen[earlier].visible for earlier in range(later)):
            each.lose()
    shown = [each for each in seen if each.shown]
    if len(shown) < 2:
        return
    for each, logits in zip(shown, postprocess.separate(torch.stack([each.logits for each in shown])), strict=True):
        each.logits = logits
