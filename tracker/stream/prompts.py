"""The prompts of one stream: which of them are the same after an edit, and what is asked of the detector now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tracker.stream.geometry import Share, pixels
from tracker.stream.objects import Followed, Key
from tracker.types import Prompt, TrackerError

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


def keys(prompts: Sequence[Prompt]) -> list[Key]:
    """
    One key for each prompt; equal keys before and after an edit mean the same prompt.

    A prompt that is listed twice is two prompts: the second has a key of its own.
    """
    seen: dict[Key, int] = {}
    found: list[Key] = []
    for prompt in prompts:
        seen[prompt.key] = seen.get(prompt.key, 0) + 1
        found.append((prompt.key, seen[prompt.key]))
    return found


@dataclass(slots=True)
class KeyframePrompts:
    """What is ``asked`` of the detector, by key; ``notes`` says why the others rest, by place in the list."""

    asked: dict[Key, Prompt] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)


def for_keyframe(
    prompts: Sequence[Prompt], objects: Iterable[Followed], drawn: set[Key], height: int, width: int
) -> KeyframePrompts:
    """
    What to ask on a frame of ``height`` by ``width`` pixels.

    Words are asked as they stand. Boxes mean something on the frame they were drawn on only (their keys are in
    ``drawn``); later the best object that they found is the example: a confirmed one if there is one.
    """
    alive = [each for each in objects if each.visible]
    ask = KeyframePrompts()
    for place, (key, prompt) in enumerate(zip(keys(prompts), prompts, strict=True)):
        if not prompt.boxes or key in drawn:
            ask.asked[key] = prompt
            continue
        mine = [each for each in alive if each.key == key]
        if mine:
            best = max(mine, key=lambda each: (each.confirmed, each.score))
            ask.asked[key] = example(prompt, [best.box], [True], height, width)
        elif prompt.text:
            ask.asked[key] = replace(prompt, boxes=(), labels=())
        else:
            ask.notes[place] = RESTS
    return ask


def example(prompt: Prompt, boxes: Sequence[Share], labels: Sequence[bool], height: int, width: int) -> Prompt:
    """The same prompt with other exemplar boxes, given as shares of the picture."""
    return replace(
        prompt, boxes=tuple(pixels(box, height, width) for box in boxes), labels=tuple(bool(each) for each in labels)
    )
