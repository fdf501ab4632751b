"""The words nano is taught, and how a prompt is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tracker.model.configs import NANO

COLORS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "ring", "crescent")
PATTERNS = ("striped", "dotted")
SIZES = ("big", "small")
PLACES = ("left", "right", "top", "bottom")
ANYTHING = ("thing", "object", "shape")
ARTICLES = ("a", "an", "the")

CATEGORIES = ("animal", "fruit", "vehicle", "food", "plant")


@dataclass(frozen=True, slots=True)
class Kind:
    """A thing that has a name: the wider names it goes by, and the icons that show it (things.py draws them)."""

    categories: tuple[str, ...]
    icons: tuple[str, ...]


KINDS: dict[str, Kind] = {
    "dog": Kind(("animal",), ("dog", "dog-face")),
    "cat": Kind(("animal",), ("cat", "cat-face")),
    "horse": Kind(("animal",), ("horse", "horse-face")),
    "cow": Kind(("animal",), ("cow", "cow-face")),
    "pig": Kind(("animal",), ("pig", "pig-face")),
    "bird": Kind(("animal",), ("bird",)),
    "fish": Kind(("animal",), ("fish", "tropical-fish")),
    "turtle": Kind(("animal",), ("turtle",)),
    "butterfly": Kind(("animal",), ("butterfly",)),
    "bee": Kind(("animal",), ("honeybee",)),
    "elephant": Kind(("animal",), ("elephant",)),
    "rabbit": Kind(("animal",), ("rabbit", "rabbit-face")),
    "frog": Kind(("animal",), ("frog",)),
    "owl": Kind(("animal",), ("owl",)),
    "apple": Kind(("fruit", "food"), ("red-apple", "green-apple")),
    "banana": Kind(("fruit", "food"), ("banana",)),
    "strawberry": Kind(("fruit", "food"), ("strawberry",)),
    "cherry": Kind(("fruit", "food"), ("cherries",)),
    "pear": Kind(("fruit", "food"), ("pear",)),
    "lemon": Kind(("fruit", "food"), ("lemon",)),
    "grape": Kind(("fruit", "food"), ("grapes",)),
    "watermelon": Kind(("fruit", "food"), ("watermelon",)),
    "car": Kind(("vehicle",), ("automobile", "sport-utility-vehicle")),
    "bus": Kind(("vehicle",), ("bus",)),
    "truck": Kind(("vehicle",), ("delivery-truck",)),
    "bicycle": Kind(("vehicle",), ("bicycle",)),
    "airplane": Kind(("vehicle",), ("airplane",)),
    "boat": Kind(("vehicle",), ("sailboat",)),
    "rocket": Kind(("vehicle",), ("rocket",)),
    "tractor": Kind(("vehicle",), ("tractor",)),
    "pizza": Kind(("food",), ("pizza",)),
    "hamburger": Kind(("food",), ("hamburger",)),
    "cake": Kind(("food",), ("shortcake", "birthday-cake")),
    "cookie": Kind(("food",), ("cookie",)),
    "carrot": Kind(("food",), ("carrot",)),
    "egg": Kind(("food",), ("egg",)),
    "tree": Kind(("plant",), ("deciduous-tree", "evergreen-tree")),
    "flower": Kind(("plant",), ("tulip", "sunflower")),
    "mushroom": Kind(("plant",), ("mushroom",)),
    "ball": Kind((), ("soccer-ball", "basketball")),
    "key": Kind((), ("key",)),
    "clock": Kind((), ("alarm-clock",)),
    "cup": Kind((), ("hot-beverage", "teacup-without-handle")),
    "hat": Kind((), ("top-hat",)),
    "book": Kind((), ("closed-book", "open-book")),
    "umbrella": Kind((), ("umbrella",)),
    "bulb": Kind((), ("light-bulb",)),
    "camera": Kind((), ("camera",)),
    "scissor": Kind((), ("scissors",)),
    "hammer": Kind((), ("hammer",)),
    "bell": Kind((), ("bell",)),
    "house": Kind((), ("house",)),
    "phone": Kind((), ("mobile-phone",)),
    "shoe": Kind((), ("running-shoe",)),
    "balloon": Kind((), ("balloon",)),
    "gift": Kind((), ("wrapped-gift",)),
    "shirt": Kind((), ("t-shirt",)),
}
# Never taught: clicks and boxes are measured on them.
HELD_OUT_KINDS: dict[str, Kind] = {
    "penguin": Kind(("animal",), ("penguin",)),
    "snail": Kind(("animal",), ("snail",)),
    "pineapple": Kind(("fruit", "food"), ("pineapple",)),
    "helicopter": Kind(("vehicle",), ("helicopter",)),
    "cactus": Kind(("plant",), ("cactus",)),
    "guitar": Kind((), ("guitar",)),
    "crown": Kind((), ("crown",)),
    "backpack": Kind((), ("backpack",)),
}

SYNONYMS = {
    "disc": "circle",
    "disk": "circle",
    "plus": "cross",
    "donut": "ring",
    "large": "big",
    "little": "small",
    "tiny": "small",
    "upper": "top",
    "lower": "bottom",
    "violet": "purple",
    "magenta": "pink",
    "turquoise": "cyan",
    "round": "circle",
    "automobile": "car",
    "bike": "bicycle",
    "plane": "airplane",
    "aeroplane": "airplane",
    "ship": "boat",
    "sailboat": "boat",
    "burger": "hamburger",
    "mug": "cup",
    "home": "house",
    "present": "gift",
    "tshirt": "shirt",
    "bunny": "rabbit",
    "kitten": "cat",
    "puppy": "dog",
    "lorry": "truck",
}

# The order is the ids' order: words are only ever added at the end, or trained weights lose their meaning.
WORDS = (*COLORS, *SHAPES, *ANYTHING, *PATTERNS, *SIZES, *PLACES, *CATEGORIES, *KINDS)
VOCABULARY = frozenset((*WORDS, *SYNONYMS))

_PLURALS = {
    **{word + "s": word for word in (*WORDS, *SYNONYMS)},
    **{word + "es": word for word in (*WORDS, *SYNONYMS) if word.endswith(("s", "x", "ch", "sh"))},
    **{word[:-1] + "ies": word for word in (*WORDS, *SYNONYMS) if word.endswith("y")},
}


class WordTokenizer:
    """
    One id for each word nano is taught, so that what it was never taught is known as such.

    Called as upstream's tokenizer: (texts, context_length) → int64 ids (texts, context_length). 0 pads, the
    highest id ends a text (the text encoder pools there). Articles are left out, plurals are their singular,
    and a word that was never taught becomes the id for "unknown".
    """

    unknown = NANO.text_vocabulary - 4
    visual = NANO.text_vocabulary - 3  # upstream's word for "what the exemplar boxes show"
    start = NANO.text_vocabulary - 2
    end = NANO.text_vocabulary - 1

    def __call__(self, texts: str | Sequence[str], context_length: int = NANO.text_context) -> torch.Tensor:
        texts = [texts] if isinstance(texts, str) else list(texts)
        ids = torch.zeros(len(texts), context_length, dtype=torch.long)
        for row, text in enumerate(texts):
            known = [self._id(word) for word in words(text)][: context_length - 2]
            ids[row, : len(known) + 2] = torch.tensor([self.start, *known, self.end])
        return ids

    def _id(self, word: str) -> int:
        if word == "visual":
            return self.visual
        return WORDS.index(word) + 1 if word in WORDS else self.unknown


def words(text: str) -> list[str]:
    """The words of a prompt as nano reads them: lower case, singular, no articles, one word for each meaning."""
    found = re.findall(r"[^\W_]+", text.lower())
    singular = [_PLURALS.get(word, word) for word in found if word not in ARTICLES]
    return [SYNONYMS.get(word, word) for word in singular]


def unknown_words(text: str) -> list[str]:
    """The words of ``text`` that nano was never taught, in order."""
    return [word for word in words(text) if word not in VOCABULARY]
