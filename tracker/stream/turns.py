"""
Where asking for one word takes long, words are asked in turn: one on a keyframe, and only with a reason.

A word waits from the moment that there is a reason to ask for it: the list of prompts or the picture changed, or an
object that it found is new, in doubt or lost. What nothing is known of yet comes first, then what was found and waits
to be believed, then whatever was not asked for longest. So each that waits has its turn.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

from tracker.stream.geometry import Share
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.stream.scene import View
from tracker.types import Key, Prompt

_RANKS = {"start": 0, "scene": 0, "prompts": 0, "confirm": 1}  # by reason; all others come after these


@dataclass(frozen=True, slots=True)
class _Asked:
    """When and how a word was asked last."""

    turn: int  # the number of that keyframe
    prompt: Prompt
    confirming: int  # how many times in a row only because what it found was new
    looks: int = 0  # since then


class Turns:
    """The words of one stream that wait to be asked, each with the reason. ``interval``: as of the schedule."""

    def __init__(self, interval: int, params: TrackingParams = DEFAULTS) -> None:
        self.interval, self.params = interval, params
        self._waiting: dict[Key, str] = {}
        self._asked: dict[Key, _Asked] = {}  # bound, as of those that wait: the prompts in force
        self._turn = 0
        self._looks = 0  # since all of them were wanted

    def keep(self, keys: Container[Key]) -> None:
        """Forget all others: one that is asked for again later is a new one."""
        self._waiting = {key: reason for key, reason in self._waiting.items() if key in keys}
        self._asked = {key: asked for key, asked in self._asked.items() if key in keys}

    def notice(
        self, prompts: Mapping[Key, Prompt], objects: Iterable[Followed], view: View, demand: str | None
    ) -> None:
        """Take what there is to know before a look: the prompts in force, and what the schedule was told to do."""
        self._asked = {key: replace(asked, looks=asked.looks + 1) for key, asked in self._asked.items()}
        self._looks += 1
        followed = list(objects)
        boxes = [each.box for each in followed if each.visible]
        if demand == "prompts":
            changed = [key for key, prompt in prompts.items() if self._prompt(key) != prompt]
            self._want(changed or prompts, demand)
        elif demand is not None:
            self._want_all(prompts, demand, view, boxes)
        for each in followed:
            if each.key is not None and each.key in prompts:
                self._notice(each, each.key, view)
        if view.uncovered(boxes):
            self._want_all(prompts, "uncovered", view, boxes)
        elif self._looks >= self.interval and view.changed:
            self._want_all(prompts, "interval", view, boxes)

    def next(self, among: Iterable[Key]) -> Key | None:
        """Whose turn it is of these; None: there is no reason to ask for any."""
        waiting = [key for key in among if key in self._waiting]
        return min(waiting, key=lambda key: (_rank(self._waiting[key]), self._last(key)), default=None)

    def reason(self, key: Key) -> str:
        """Why a word waits."""
        return self._waiting[key]

    def new(self, key: Key) -> bool:
        """Whether it was never asked."""
        return key not in self._asked

    def asked(self, prompts: Mapping[Key, Prompt], keys: Iterable[Key]) -> None:
        """A keyframe asks for the prompts under these keys."""
        self._turn += 1
        for key in keys:
            before = self._asked.get(key)
            confirming = self._waiting.pop(key, None) == "confirm"
            run = before.confirming + 1 if confirming and before is not None else 0
            self._asked[key] = _Asked(self._turn, prompts[key], run)

    def _notice(self, each: Followed, key: Key, view: View) -> None:
        asked = self._asked.get(key)
        if not each.confirmed:
            if asked is None or asked.confirming < self.params.confirm_run:
                self._want([key], "confirm")
        elif each.doubt.bad == self.params.doubt_steps:
            self._want([key], "confidence")
        elif self._may_return(each, asked) and view.changed:
            self._want([key], "lost")

    def _may_return(self, each: Followed, asked: _Asked | None) -> bool:
        waited = asked is None or asked.looks >= self.params.doubt_gap
        return waited and 0 < each.doubt.unseen <= self.params.returning

    def _want_all(self, prompts: Iterable[Key], reason: str, view: View, boxes: list[Share]) -> None:
        self._want(prompts, reason)
        view.keyframe(boxes)  # what changes from here on is news
        self._looks = 0

    def _want(self, keys: Iterable[Key], reason: str) -> None:
        for key in keys:
            if key not in self._waiting or _rank(reason) < _rank(self._waiting[key]):
                self._waiting[key] = reason

    def _prompt(self, key: Key) -> Prompt | None:
        asked = self._asked.get(key)
        return None if asked is None else asked.prompt

    def _last(self, key: Key) -> int:
        asked = self._asked.get(key)
        return -1 if asked is None else asked.turn


def _rank(reason: str) -> int:
    return _RANKS.get(reason, 2)
