"""
Of two names that cannot both be right, the surer one keeps a thing: no drawing is a dog and a cat.

nano confuses drawings with each other more often than with nothing. Asked for several at once, it gives each thing to
the name that it believes most. Only nouns are compared: a red circle may be big and on the left too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tracker.model.compute import picked
from tracker.model.features import Detected, Shown
from tracker.model.postprocess import pairwise_iou
from tracker.model.vocabulary import KINDS, SHAPES, words
from tracker.types import Prompt

NOUNS = frozenset((*SHAPES, *KINDS))


def noun(prompt: Prompt) -> str | None:
    """The one shape or thing that a prompt asks for by its name; None: by none, by several, or by examples."""
    if prompt.boxes or isinstance(prompt, Shown):
        return None
    named = NOUNS.intersection(words(prompt.text or ""))
    return next(iter(named)) if len(named) == 1 else None


def settled(prompts: Sequence[Prompt], found: Sequence[Detected], least_iou: float) -> list[Detected]:
    """
    What each prompt found, without what a prompt of another noun found with a higher score in the same place.

    ``least_iou``: of two masks, from which they lie in the same place.
    """
    nouns = [noun(prompt) for prompt in prompts]
    asked = [name for name, each in zip(nouns, found, strict=True) for _ in range(len(each))]
    if len({*asked} - {None}) < 2:
        return list(found)
    masks = torch.cat([each.logits for each in found]) > 0
    same = (pairwise_iou(masks, masks) >= least_iou).tolist()
    scores = torch.cat([each.scores for each in found]).tolist()

    kept: list[int] = []
    for row in sorted(range(len(asked)), key=lambda row: -scores[row]):
        rival = (same[row][other] and asked[other] not in (None, asked[row]) for other in kept)
        if asked[row] is None or not any(rival):
            kept.append(row)
    left = iter([row in kept for row in range(len(asked))])
    return [_of(each, [row for row in range(len(each)) if next(left)]) for each in found]


def _of(found: Detected, rows: list[int]) -> Detected:
    return Detected(found.scores[rows], picked(found.logits, rows) if rows else found.logits[:0])
