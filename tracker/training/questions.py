"""What is asked of a picture in words and by exemplar boxes, and which of its objects answer."""

from __future__ import annotations

import numpy as np

from tracker.model.vocabulary import ANYTHING, CATEGORIES, COLORS, KINDS, PATTERNS, PLACES, SHAPES, SIZES
from tracker.training.masks import RelativeBox, box_of, shaken
from tracker.worlds.objects import WorldObject

Exemplar = tuple[RelativeBox, int]  # box, label


def question(rng: np.random.Generator, seen: list[WorldObject]) -> tuple[str, list[Exemplar], list[WorldObject]]:
    """One prompt for a picture: its words, its exemplar boxes, and the objects that answer it."""
    kind = rng.random()
    if not seen or kind < 0.25:
        text = absent_name(rng, seen)
        return _spoken(rng, text), [], [thing for thing in seen if thing.matches(text)]
    thing = seen[rng.integers(len(seen))]
    if kind < 0.40 and (thing.color or thing.shape):
        same = [other for other in seen if other.name == thing.name]
        examples = rng.permutation(len(same))[: rng.integers(1, 3)]
        boxes: list[Exemplar] = [(shaken(rng, box_of(same[index].mask), 0.08), 1) for index in examples]
        text = "visual" if rng.random() < 0.7 or not thing.shape else _spoken(rng, thing.name)
        return text, boxes, same
    if kind < 0.44 and (thing.color or thing.shape) and len({other.name for other in seen}) > 1:
        # A counter-example takes away everything of its name.
        text = str(rng.choice(("thing", "object")))
        return text, [(shaken(rng, box_of(thing.mask), 0.08), 0)], [o for o in seen if o.name != thing.name]
    text = name_of(rng, thing, seen)
    return _spoken(rng, text), [], [other for other in seen if other.matches(text)]


def name_of(rng: np.random.Generator, thing: WorldObject, seen: list[WorldObject]) -> str:
    """Words that name an object, and about which there is no doubt for any object that is seen."""
    anything = str(rng.choice(ANYTHING if thing.color else ("thing", "object")))
    color = thing.color or next((word for word in thing.more if word in COLORS), "")
    shape = thing.shape or anything
    full, colored = f"{color} {shape}".strip(), f"{color} {anything}".strip()
    for _ in range(4):
        choices = [full if thing.color or rng.random() < 0.3 else shape, shape, colored, color or shape, anything]
        text = str(rng.choice(choices, p=[0.5, 0.22, 0.16, 0.06, 0.06]))
        if rng.random() < 0.25:
            words = [word for word in (*PATTERNS, *SIZES, *PLACES) if thing.matches(word)]
            if words:
                text = f"{rng.choice(words)} {text}"
        categories = [word for word in thing.more if word in CATEGORIES]
        if categories and rng.random() < 0.15:
            text = str(rng.choice(categories))
        if all(other.answers(text) is not None for other in seen):
            return text
    return thing.name


def absent_name(rng: np.random.Generator, seen: list[WorldObject]) -> str:
    """A name of nothing in the picture; half the time one that shares its colour or shape with something there."""
    things = any(thing.shape in KINDS for thing in seen)  # a drawing is told from other drawings, by its name alone
    for _ in range(20):
        drawing = rng.random() < (0.75 if things else 0.4)
        color, shape = str(rng.choice(COLORS)), str(rng.choice(list(KINDS) if drawing else SHAPES))
        if seen and rng.random() < 0.5:
            other = seen[rng.integers(len(seen))]
            color, shape = (other.color or color, shape) if rng.random() < 0.5 else (color, other.shape or shape)
        kind = rng.uniform(0.4, 1.0) if things and drawing else rng.random()
        text = f"{color} {shape}" if kind < 0.5 else shape if kind < 0.75 else f"{color} {rng.choice(ANYTHING)}"
        if kind > 0.9:
            text = str(rng.choice(("unheard", f"unheard {shape}", f"{color} unheard")))  # a word that is never taught
        elif rng.random() < 0.2:
            text = f"{rng.choice((*PATTERNS, *SIZES, *PLACES))} {shape if rng.random() < 0.5 else text}"
        if all(thing.answers(text) is False for thing in seen):
            return text
    return text


def _spoken(rng: np.random.Generator, text: str) -> str:
    """The text as people say it: sometimes with an article, sometimes in the plural."""
    kind = rng.random()
    return f"a {text}" if kind < 0.15 else f"{text}s" if kind < 0.3 else text
