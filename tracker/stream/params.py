"""
Every threshold by which a stream is tracked, in one place.

Shares are of the picture's side, 0 to 1; seconds are of the stream's clock; a step is a looked-at frame. Where upstream
(the ``sam3`` package) has the same threshold, its name stands in brackets.

What is not here stands beside what it bounds or computes, because it decides nothing about tracking: bounds of what is
kept (``clickable_frames``: bytes, frames, known times, and the 100 ms within which the API promises an answer;
``presenting.history``: the seconds of presented frames; ``clicks.MOST_SPOTS``; the lengths of a memory bank, which are
the network's own), and pure numerics (``geometry.LIMIT`` and ``answers.MASK_LOGIT``, the range of mask logits; the
small pictures of ``optical_flow`` and the grid of ``scene``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from tracker.types import TrackerError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingParams:
    """
    How a stream is tracked. Raises :class:`TrackerError` for what makes no sense.

    Who changes one runs ``benchmarks.tracking``: its tables say what the change is worth.
    """

    # What is believed of a mask that was found for an object
    present: float = 0.5  # probability that the object is there at all, from which it counts as seen
    good_iou: float = 0.7  # predicted IoU under which a mask is not fed back as the next one's prompt
    faint_iou: float = 0.6  # predicted IoU under which the model hardly believes a mask
    faint_steps: int = 3  # that many faint masks in a row: it is of nothing any more
    agree_iou: float = 0.6  # of a refined mask and the one that was moved along, from which they agree
    hold_steps: int = 3  # steps in a row on which the mask moved along stands against a refined one that disagrees
    doubt_steps: int = 2  # bad steps in a row after which refinement alone will not bring an object back
    appearance_rate: float = 0.1  # share by which what is known of an object's appearance follows what is seen

    # From tentative to confirmed, and to lost
    shown_at_once: float = 0.7  # score with which a new detection is shown before it is confirmed [new_det_thresh]
    confirm_hits: int = 2  # keyframes that must find a new object before it is believed ...
    confirm_window: int = 3  # ... of its first so many; one that fails is removed
    missed_keyframes: int = 2  # keyframes in a row that do not find what is followed: its mask has slipped off
    keep_alive: int = 90  # steps that a lost object waits for its return: three seconds of a camera

    # Detections and objects
    match_iou: float = 0.1  # of a detection and an object, under which they are no pair [assoc_iou_thresh]
    # [suppress_overlapping_based_on_recent_occlusion_threshold]
    same_iou: float = 0.7  # two masks of one prompt with this IoU show one object
    taken: float = 0.7  # share of the smaller mask: what lies on a visible object this much is not another one
    least_look: float = 0.1  # factor: what a memory that recognises nothing leaves of what may well be the object
    most_looks: int = 8  # detections, the best first, that may be a lost object on one keyframe: each is encoded

    # Motion
    smoothing: float = 0.1  # seconds over which an object's velocity is measured
    stale: float = 1.0  # seconds without a sure place after which a velocity says nothing
    farthest_guess: float = 0.1  # share: the farthest that a guess of its motion moves an object in one step
    shrink: float = 0.97  # factor a step: how fast an object may become smaller, as what is half hidden does not
    own_motion: float = 0.2  # seconds for which an object's own motion is a match for the picture's
    off_course: float = 0.15  # of its side: two guesses of its place this far apart are both asked about
    grown: float = 0.3  # of its box's sides: how far an answer may reach beyond the box it was asked with
    contact: float = 0.1  # of the smaller one's box: two that overlap this much touch each other
    swollen: float = 1.3  # times its side: a mask that is of more than the object

    # Where a lost object may return
    reach: float = 1.0  # of its size: how far from where it should be by now
    wander: float = 0.5  # shares a second: how much further for each second that it was not seen
    resized: float = 1.6  # times its side: how much larger than it was

    # Looking into memory
    doubt_every: int = 3  # bad steps from one look to the next: a look costs several times a refinement
    doubt_batch: int = 4  # objects looked up on one frame, those seen last first: it bounds what a frame costs
    doubt_longest: int = 30  # steps for which a lost object is looked up; then it must be detected [max_trk_keep_alive]
    led_batch: int = 2  # objects that users pointed at asked of memory on one frame: it bounds what a frame costs
    memorize_every: int = 20  # steps between an object's conditioning memories: views of it that differ
    memorize_batch: int = 2  # objects memorized on one keyframe: it bounds what a keyframe costs

    # When a keyframe comes
    confirm_run: int = 2  # keyframes in succession that new objects may ask for: with the first three looks
    doubt_gap: int = 5  # steps at least between keyframes that objects in doubt, or news, ask for
    returning: int = 45  # steps for which a lost object is worth such keyframes
    patience: int = 3  # intervals for which a keyframe may be put off where time is short
    longest_flow: int = 6  # steps in succession on which masks are only moved along: they decay
    long_word: float = 0.3  # seconds from which asking for a word is long: what is followed stands still meanwhile
    cheaper: float = 0.8  # of the cost of refining: where detecting costs less than this, it is done instead
    cost_rate: float = 0.2  # share by which the known cost of a stage follows the newest one
    most_debt: float = 1.0  # seconds that may have been taken too much: what is longer ago is forgiven
    leeway: float = 1.05  # times the wanted time between looks, up to which they come as wanted: times are not exact
    strained: float = 0.5  # share of the steps of late that found no time: from here on keyframes become rarer
    strain_rate: float = 0.05  # share by which that follows the newest step: "of late" is some twenty steps

    # What the picture itself says
    cut: float = 45.0  # mean difference of two frames, of 255, that is a cut and not movement ...
    cut_ratio: float = 4.0  # ... if it is that many times the usual difference
    usual_rate: float = 0.1  # share by which the usual difference follows the newest one
    news: float = 40.0  # difference of a sample since the last keyframe, of 255, that is something else and not noise
    news_margin: float = 0.15  # of its box's sides, around a followed object: its own movement is no news
    uncovered: float = 0.08  # share of the picture, outside of what is followed, whose news ask for a keyframe
    changed: float = 0.005  # share of it, what is followed included, from which it is not what it was

    # Clicks
    most_hops: int = 12  # frames on the way of a click to the present: at ten a second a second and a bit

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not value > 0:
                raise TrackerError(f"{each.name} is {value}: it must be more than 0")
            if each.name.endswith("_iou") and value > 1:
                raise TrackerError(f"{each.name} is {value}: an IoU is at most 1")
        if self.confirm_hits > self.confirm_window:
            raise TrackerError(f"{self.confirm_hits} hits cannot be had of {self.confirm_window} keyframes")


DEFAULTS = TrackingParams()
