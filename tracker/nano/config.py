"""What nano is: the sizes of its network and the words it is taught."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch

from tracker.model import Config

NANO = Config(
    name="nano",
    image_size=224,
    patch=16,
    vit_pretrain_size=224,
    vit_dim=192,
    vit_depth=5,
    vit_heads=3,
    vit_mlp_ratio=4.0,
    vit_window=7,
    vit_global_blocks=(2, 4),
    dim=96,
    heads=4,
    feedforward=384,
    encoder_layers=2,
    decoder_layers=2,
    queries=36,
    geometry_layers=1,
    text_width=96,
    text_heads=4,
    text_layers=2,
    text_context=8,
    text_vocabulary=64,
    memory_dim=32,
    memory_layers=2,
    memory_frames=7,
)

COLORS = ("red", "green", "blue", "yellow", "purple", "orange")
SHAPES = ("circle", "square", "triangle", "star")
ANYTHING = ("thing", "object", "shape")
ARTICLES = ("a", "an", "the")

_PLURALS = {word + "s": word for word in (*COLORS, *SHAPES, *ANYTHING)}
_WORDS = (*COLORS, *SHAPES, *ANYTHING)


class WordTokenizer:
    """
    One id for each word nano is taught, so that what it was never taught is known as such.

    Called as upstream's tokenizer: (texts, context_length) → int64 ids (texts, context_length). 0 pads, the
    highest id ends a text (the text encoder pools there). Articles are left out, plurals are their singular,
    and a word that was never taught becomes the id for "unknown".
    """

    unknown = len(_WORDS) + 1
    visual = len(_WORDS) + 2  # upstream's word for "what the exemplar boxes show"
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
        return _WORDS.index(word) + 1 if word in _WORDS else self.unknown


def words(text: str) -> list[str]:
    """The words of a prompt as nano reads them: lower case, singular, no articles."""
    found = re.findall(r"[^\W_]+", text.lower())
    return [_PLURALS.get(word, word) for word in found if word not in ARTICLES]


def unknown_words(text: str) -> list[str]:
    """The words of ``text`` that nano was never taught, in order."""
    return [word for word in words(text) if word not in _WORDS]


VOCABULARY = frozenset(_WORDS)
