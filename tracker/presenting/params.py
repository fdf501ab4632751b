"""
Every threshold by which masks are moved along between looks, in one place.

Pixels are those of the small grey picture (``motion.WIDTH`` across), levels are its brightness of 0 to 255, seconds are
of the stream's clock. What is not here stands beside what it bounds or computes: the sizes of small pictures and maps,
how much is kept, and how many turns a solution takes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from tracker.types import TrackerError


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentingParams:
    """
    How masks are moved along. Raises :class:`TrackerError` for what makes no sense.

    Who changes one runs ``benchmarks.tracking --live``: its tables say what the change is worth.
    """

    # Motion from frame to frame
    astray: float = 1.5  # pixels: motion forth and back again that misses its start by more is not trusted ...
    astray_share: float = 0.05  # ... and this share of its way: fast motion is less exact
    least_trusted: float = 0.1  # share of an object's places with trusted motion, under which it moves as it did before

    # An object on its look's picture and on the present one
    tone: float = 36.0  # levels: a place that differs more from the look's, lights evened out, is not the object's ...
    tone_spread: float = 3.0  # ... or that many times the usual difference, if that is more: noise, or a bad fit ...
    most_tone: float = 2.0  # ... but no more than that many times ``tone``: then it is something else
    most_gain: float = 2.0  # factor of the picture's contrast: an object's own changes no more, whatever the light ...
    shade: float = 40.0  # ... and levels by which its brightness may change apart from the picture's
    least_gain: float = 0.3  # factor of ``tone`` where lights went out: below it noise is all that is left
    jump: float = 4.0  # pixels: a correction that would move an object further is wrong
    turn: float = 0.2  # the same for its size and angle: a share, radians
    worse: float = 1.02  # factor of the difference: a correction that makes it this much worse is the last one

    # What is not shown
    hidden: float = 0.12  # share of an object that must be hidden to be cut away: less is noise at its edge
    least_seen: float = 0.2  # share of it that must be seen: what is hidden more waits for the next look
    least_size: float = 0.35  # times its side: what shrank more is not believed ...
    most_size: float = 3.0  # ... and what grew more
    torn: float = 0.6  # share of what is left of it that must hang together

    # One frame ahead
    memory: float = 0.85  # factor a frame: how fast an object's earlier motion is forgotten
    steady: float = 0.5  # pixels squared: how much motion it takes to judge whether it goes on as it did
    most_turned: float = -0.5  # factor of the last motion that is expected at least: shake goes back half-way ...
    most_grown: float = 1.1  # ... and at most

    # Cuts
    cut_trusted: float = 0.6  # share of the picture with trusted motion, from which there is no cut
    cut_alike: float = 0.65  # correlation of two coarse pictures, from which there is none: lights do not change it
    cut_panned: float = 0.9  # correlation of a part of the picture that was found again: the camera was turned
    blind: float = 3.0  # levels of contrast, under which a picture says nothing

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name != "most_turned" and not value > 0:
                raise TrackerError(f"{each.name} is {value}: it must be more than 0")
        if self.most_turned >= self.most_grown:
            raise TrackerError(f"most_turned is {self.most_turned}: it must be less than most_grown, {self.most_grown}")
        if self.least_size >= self.most_size:
            raise TrackerError(f"least_size is {self.least_size}: it must be less than most_size, {self.most_size}")


DEFAULTS = PresentingParams()
