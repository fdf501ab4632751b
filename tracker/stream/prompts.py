"""The prompts of one stream: which of them are the same after an edit, and what is asked of the detector now."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tracker.model.abilities import able, why_not
from tracker.model.configs import Ability, Config
from tracker.model.features import Example, Shown
from tracker.model.sam3 import Sam3
from tracker.stream.geometry import Share, pixels
from tracker.stream.objects import Followed
from tracker.types import Key, Prompt, TrackerError, prompt_keys

NOTHING: Mapping[Key, Example] = MappingProxyType({})
RESTS = "rests: no object of it is alive to serve as the example; draw the box again"


def check(prompts: Sequence[Prompt]) -> None:
    """Refuse what makes no sense. Raises :class:`TrackerError`."""
    for place, prompt in enumerate(prompts):
        if not (prompt.text and prompt.text.strip()) and not prompt.boxes:
            raise TrackerError(f"prompt {place} is empty: give it a text, boxes, or both")
        if prompt.labels and len(prompt.labels) != len(prompt.boxes):
            raise TrackerError(f"prompt {place} has {len(prompt.boxes)} boxes and {len(prompt.labels)} labels")
        if not 0 <= prompt.threshold <= 1:
            raise TrackerError(f"prompt {place}: threshold {prompt.threshold} is outside 0 to 1")


@dataclass(slots=True)
class KeyframePrompts:
    """What is ``asked`` of the detector, by key; ``rests`` says why the others are not."""

    asked: dict[Key, Prompt] = field(default_factory=dict)
    rests: dict[Key, str] = field(default_factory=dict)


class PromptList:
    """
    What one stream is asked, and which of it has example boxes that still wait for their frame.

    Raises :class:`TrackerError` for what makes no sense.
    """

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        check(prompts)
        self.all: tuple[Prompt, ...] = tuple(prompts)
        self._drawn = {key for key, prompt in self.by_key().items() if prompt.boxes}
        self._shown: Mapping[Key, Example] = {}  # what boxes of another time showed
        self._config: Config | None = None  # of a model that was not asked whether it can do all of this

    def by_key(self) -> dict[Key, Prompt]:
        """All of them, in the order of the list."""
        return dict(zip(prompt_keys(self.all), self.all, strict=True))

    def replace(self, prompts: Sequence[Prompt], waiting: Container[Key]) -> None:
        """Ask something else; the boxes of those that are ``waiting`` are of the frame to come."""
        self.all = tuple(prompts)
        self._drawn = {key for key in self.by_key() if key in self._drawn or key in waiting}
        self._shown = {key: each for key, each in self._shown.items() if key in self.by_key()}

    def recall(self, prompts: Sequence[Prompt], shown: Mapping[Key, Example]) -> None:
        """Ask what was asked at another time. Boxes mean nothing on any frame to come, but what they showed does."""
        check(prompts)
        self.all, self._drawn, self._shown = tuple(prompts), set(), shown

    def move(self, before: float, model: Sam3) -> None:
        """Ask another model. ``before``: the old one's own threshold, in whose place its own comes."""
        now = model.threshold
        self.all = tuple(replace(each, threshold=now) if each.threshold == before else each for each in self.all)
        self._config, self._shown = model.config, {}  # what boxes showed was in the old one's features

    def ask(self, objects: Iterable[Followed], height: int, width: int) -> KeyframePrompts:
        """What to ask on a frame of this size, see :func:`for_keyframe`."""
        return for_keyframe(self.all, objects, self._drawn, height, width, self._shown, self._config)

    def drawn(self, keys: Iterable[Key]) -> list[Key]:
        """Those of ``keys`` whose boxes were drawn on the frame to come, and mean nothing on any other."""
        return [key for key in keys if key in self._drawn]

    def answered(self) -> None:
        """A keyframe has come: boxes that waited for it mean nothing any more."""
        self._drawn.clear()

    def notes(self, rests: Mapping[Key, str]) -> dict[int, str]:
        """Why prompts rest, by their place in the list."""
        return {place: rests[key] for place, key in enumerate(self.by_key()) if key in rests}


def for_keyframe(
    prompts: Sequence[Prompt],
    objects: Iterable[Followed],
    drawn: Container[Key],
    height: int,
    width: int,
    shown: Mapping[Key, Example] = NOTHING,
    config: Config | None = None,
) -> KeyframePrompts:
    """
    What to ask on a frame of ``height`` by ``width`` pixels.

    Words are asked as they stand. Boxes mean something on the frame they were drawn on only (their keys are in
    ``drawn``); later the best object that they found is the example: a confirmed one if there is one. With none
    alive it is what they showed at another time, where ``shown`` has that.
    A model that has no part for examples (its ``config`` says so) is asked for the words alone.
    """
    alive = [each for each in objects if each.visible]
    exemplars = config is None or able(config, Ability.EXEMPLARS)
    ask = KeyframePrompts()
    for key, prompt in zip(prompt_keys(prompts), prompts, strict=True):
        if not prompt.boxes or (key in drawn and exemplars):
            ask.asked[key] = prompt
            continue
        if config is not None and not exemplars and not prompt.text:
            ask.rests[key] = f"rests: {why_not(config, Ability.EXEMPLARS)}"
            continue
        mine = [each for each in alive if each.key == key]
        if mine and exemplars:
            best = max(mine, key=lambda each: (each.confirmed, each.score))
            ask.asked[key] = example(prompt, [best.box], [True], height, width)
        elif key in shown and exemplars:
            ask.asked[key] = Shown.of(prompt, shown[key])
        elif prompt.text:
            ask.asked[key] = replace(prompt, boxes=(), labels=())
        else:
            ask.rests[key] = RESTS
    return ask


def example(prompt: Prompt, boxes: Sequence[Share], labels: Sequence[bool], height: int, width: int) -> Prompt:
    """The same prompt with other exemplar boxes, given as shares of the picture."""
    return replace(
        prompt, boxes=tuple(pixels(box, height, width) for box in boxes), labels=tuple(bool(each) for each in labels)
    )
