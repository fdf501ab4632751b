"""
What is done with a frame, and why: concepts are detected (keyframe), objects are followed (refine), or masks are only
moved along (flow).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.types import Stage


@dataclass(frozen=True, slots=True)
class Situation:
    """What the tracker knows before it looks at a frame."""

    detectable: bool = True  # some prompt can be detected
    tentative: bool = False  # new objects wait to be confirmed
    doubt: bool = False  # an object was just lost or is followed badly
    lost: bool = False  # an object has not been seen for a little while, and may return
    uncovered: bool = False  # the picture shows something new where nothing is followed
    warpable: bool = False  # masks of the frame before can be moved along
    prompts: int = 1
    objects: int = 0
    chosen: int = 0  # of these: what users pointed at, which no detection spares
    shown: int = 0  # of these
    waiting: str | None = None  # where words are asked in turn: why the next one waits; None: none does
    new: bool = False  # that one was never asked


class Budget:
    """
    What each stage costs here (``Step.timings`` names them), and whether there is time for what is wanted.

    ``rate``: wanted results a second, where every frame that comes waits for its result; it cannot be kept while steps
    cost more. ``looks``: wanted looks a second, where the newest frame is looked at and others are left out; it cannot
    be kept while turns come late, whatever they cost: the device may be busy with other streams. None: nothing is ever
    short. ``costs``: seconds of each stage (``embed``, ``detect`` a prompt, ``refine`` an object, ``flow``, ``encode``;
    what is not named costs nothing) to go by instead of measured ones.

    ``live``: frames are left out meanwhile, so that what takes long is done in pieces. ``word``: seconds that asking
    for one takes, as far as is known before that is measured.
    """

    def __init__(
        self,
        rate: float | None = None,
        costs: Mapping[str, float] | None = None,
        params: TrackingParams = DEFAULTS,
        *,
        looks: float | None = None,
        live: bool = False,
        word: float | None = None,
    ) -> None:
        self.rate, self.looks = rate, looks
        self._live, self._word = live, word
        self.params = params
        self._given = costs is not None
        self.costs: dict[str, float] = dict(costs or {})
        self._debt = 0.0  # seconds that steps took beyond what the rate gives them
        self._owed = 0.0  # seconds that detecting took and following has not had since; one word's at the most
        self._late = 0.0  # seconds that turns came later than wanted
        self._last: tuple[int, float] | None = None  # index and time of the frame that was looked at last
        self._strain = 0.0  # how often of late time was short, 0 to 1

    @property
    def slow(self) -> bool:
        """Whether steps took longer of late than the wanted rate gives them."""
        return self.rate is not None and self._debt > 0

    @property
    def short(self) -> bool:
        """Whether that is so, or looks came less often of late than wanted."""
        return self.slow or (self.looks is not None and self._late > 0)

    @property
    def strained(self) -> bool:
        """Whether time is short more often than not."""
        return self._strain > self.params.strained

    @property
    def long(self) -> bool:
        """Whether asking for one word takes so long that a live stream asks for them in turn."""
        return self._live and self._one_word > self.params.long_word

    @property
    def owes(self) -> bool:
        """Whether following has had less time than detecting."""
        return self._owed > 0

    @property
    def _one_word(self) -> float:
        return self.costs.get("detect", self._word or 0.0)

    def put_off(self) -> None:
        """Give following, and who clicks, the time of one detection before the next one."""
        self._owed = self._one_word

    def turn(self, index: int, seconds: float) -> None:
        """Take which frame has its turn, and its time by the stream's clock."""
        last, self._last = self._last, (index, seconds)
        if self.looks is None or last is None:
            return
        wanted = 1 / self.looks
        left_out = index - last[0] > 1  # else the camera gives no more: whatever the time between, nothing is missed
        late = seconds - last[1] - wanted * self.params.leeway if left_out else -wanted
        self._late = min(max(self._late + late, -wanted), self.params.most_debt)

    def spend(self, situation: Situation, seconds: Mapping[str, float]) -> None:
        """Take what a step's stages took."""
        counts = {"detect": situation.prompts, "refine": situation.objects}
        each = {name: took / counts.get(name, 1) for name, took in seconds.items() if counts.get(name, 1)}
        if not self._given:
            newest = self.params.cost_rate
            for name, took in each.items():
                self.costs[name] = (1 - newest) * self.costs.get(name, took) + newest * took
        took = sum(self.costs.get(name, 0.0) * counts.get(name, 1) for name in each)
        detecting = self._one_word * situation.prompts if "detect" in each else 0.0
        self._owed = min(max(self._owed + detecting - (took - detecting), 0.0), self._one_word)
        if self.rate is not None:
            self._debt = min(max(self._debt + took - 1 / self.rate, -1 / self.rate), self.params.most_debt)
        if self.rate is not None or self.looks is not None:
            newest = self.params.strain_rate
            self._strain = (1 - newest) * self._strain + newest * self.short

    def detecting_is_cheaper(self, situation: Situation) -> bool:
        """Whether one detection of every prompt costs less than refining every object that it would find."""
        if "detect" not in self.costs or "refine" not in self.costs or self.long:
            return False
        spared = self.costs["refine"] * (situation.objects - situation.chosen)
        return self.costs["detect"] * situation.prompts < self.params.cheaper * spared


class Schedule:
    """
    Decides for one stream. ``interval``: looked-at frames from one keyframe to the next. ``flowing``: between keyframes
    masks are moved along, whatever the budget. ``adaptive``: doubt, news and costs may ask for keyframes in between.

    Where asking for a word takes long a keyframe asks for one of them, comes for a reason alone (:mod:`turns`), and
    leaves as much time to what is followed as it takes, unless nothing is.
    """

    def __init__(
        self,
        interval: int,
        budget: Budget | None = None,
        *,
        flowing: bool = False,
        adaptive: bool = True,
        params: TrackingParams = DEFAULTS,
    ) -> None:
        self.interval = max(1, interval)
        self.params = params
        self.budget = budget or Budget(params=params)
        self._flowing, self._adaptive = flowing, adaptive
        self._since = 0  # looked-at frames since the last keyframe
        self._run = 0  # keyframes in succession asked for by new objects
        self._warped = 0  # frames in succession on which masks were only moved along
        self._reason: str | None = "start"
        self._pointed = False  # somebody clicks, and following has not had its time since

    def demand(self, reason: str) -> None:
        """Make the next frame a keyframe; the first reason is the one that is told."""
        self._reason = self._reason or reason

    @property
    def demanded(self) -> str | None:
        """Why the next frame shall be a keyframe."""
        return self._reason

    def pointed(self) -> None:
        """Somebody clicks, and may click again: let no detection come before, for an interval at most."""
        if self._since < self.interval:
            self.budget.put_off()
            self._pointed = True

    def next(self, situation: Situation) -> tuple[Stage, str]:
        """Stage and reason of the frame at hand."""
        self._since += 1
        in_turn = self.budget.long and situation.detectable
        reason = self._turn(situation) if in_turn else self._keyframe_reason(situation)
        self._reason = None
        if reason is not None and situation.detectable:
            self._run = self._run + 1 if reason == "confirm" else 0
            self._since = self._warped = 0
            return Stage.KEYFRAME, reason
        if situation.warpable and self._flowing and reason is None:
            return Stage.FLOW, "interval"
        if reason is not None:  # nothing can be detected; the frame is looked at all the same: it may be clicked
            self._since = 0
        if situation.warpable and reason is None and self.budget.slow and self._warped < self.params.longest_flow:
            self._warped += 1
            return Stage.FLOW, "budget"
        pressed, self._warped = self._warped > 0 or self.budget.short, 0
        if reason is None and pressed and self._cheaper(situation):
            self._since = self._run = 0
            return Stage.KEYFRAME, "cheaper"
        return Stage.REFINE, reason or "interval"

    def _turn(self, situation: Situation) -> str | None:
        at_once = situation.new and self._reason is not None
        self._pointed = self._pointed and self.budget.owes
        catching_up = self.budget.owes and not self._flowing and (situation.shown > 0 or self._pointed)
        return None if catching_up and not at_once else situation.waiting

    def _keyframe_reason(self, situation: Situation) -> str | None:
        if self._reason:
            return self._reason
        if situation.tentative and self._run < self.params.confirm_run:
            return "confirm"
        # Where time is short keyframes are the first to go, then encoder passes: a late answer is worth less.
        patience = self.params.patience if self.budget.strained else 1
        if self._since >= self.interval * patience:
            return "interval"
        if not self._adaptive or self.budget.strained or self._since < self.params.doubt_gap:
            return None
        if situation.doubt:
            return "confidence"
        if situation.lost:
            return "lost"
        if situation.uncovered:
            return "uncovered"
        # Refined masks are the better ones, so that what is saved counts only now and then while there is time.
        return "cheaper" if self._cheaper(situation) else None

    def _cheaper(self, situation: Situation) -> bool:
        return self._adaptive and situation.detectable and self.budget.detecting_is_cheaper(situation)
