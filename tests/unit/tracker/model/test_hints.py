"""What models have to say about prompts."""

from __future__ import annotations

from functools import partial
from typing import Any

from tracker.model import hints
from tracker.model.configs import FULL, LITETEXT_S0, NANO
from tracker.model.text import clip_tokenizer


def never() -> Any:
    raise AssertionError("nano's words need no tokenizer")


def test_words_that_were_never_taught_are_named_with_what_is_known() -> None:
    assert hints.hint(NANO, "two red circles", never) == 'The embedded model was never taught "two". ' + (
        "It knows the colours red, orange, yellow, green, cyan, blue, purple, pink, the shapes circle, square, "
        "triangle, star, heart, cross, ring, crescent and drawings of 57 things such as dog, cat, horse, asked for as "
        '"red circle", "circle" or "red thing"; anything can be clicked.'
    )
    assert hints.hint(NANO, "a red circle", never) is None
    assert hints.untaught(NANO, "two red dragons, two") == ["two", "dragons"]
    assert hints.untaught(NANO, "a red circle") == hints.untaught(FULL, "two dragons") == []


def test_a_prompt_longer_than_what_nano_reads_is_told() -> None:
    assert hints.hint(NANO, "the red circles, blue stars, green squares", never) is None
    both = hints.hint(NANO, "two red circles, blue stars, green squares, pink hearts", never) or ""
    assert 'never taught "two"' in both and "reads 6 words" in both


def test_a_prompt_longer_than_a_text_encoder_reads_is_told() -> None:
    """Counted by CLIP's own tokenizer, a start and an end beside it."""
    clip = clip_tokenizer()
    small, full = (
        partial(hints.hint, LITETEXT_S0, tokenizer=lambda: clip),
        partial(hints.hint, FULL, tokenizer=lambda: clip),
    )
    fits = " ".join(["cup"] * 14)
    assert small(fits) is None
    assert f'has 15: it looks for "{fits}"' in (small(f"{fits} plate") or "")
    assert full(f"{fits} plate") is None
    assert "reads 30 tokens" in (full("ein sehr langer Satz " * 8) or "")
    assert "reads 30 tokens" in (full("红色的圆圈" * 8) or "")
