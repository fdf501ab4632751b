"""The words nano is taught, and how a prompt is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch

from tracker.nano.config import NANO

COLORS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "ring", "crescent")
PATTERNS = ("striped", "dotted")
SIZES = ("big", "small")
PLACES = ("left", "right", "top", "bottom")
ANYTHING = ("thing", "object", "shape")
ARTICLES = ("a", "an", "the")

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
}

# The order is the ids' order: words are only ever added at the end, or trained weights lose their meaning.
WORDS = (*COLORS, *SHAPES, *ANYTHING, *PATTERNS, *SIZES, *PLACES)
VOCABULARY = frozenset((*WORDS, *SYNONYMS))

_PLURALS = {"crosses": "cross", **{word + "s": word for word in (*WORDS, *SYNONYMS) if word != "cross"}}


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
