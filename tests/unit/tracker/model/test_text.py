"""Words become features, by the text encoder that a configuration names."""

from __future__ import annotations

import itertools

import pytest

from tracker.model import text
from tracker.model.text import clip_tokenizer


def test_the_tokenizer_remembers_no_more_words_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream's remembers every word that was ever asked for; a word past the bound is read the same."""
    free, bound = clip_tokenizer(), clip_tokenizer()
    words = ["".join(letters) for letters in itertools.product("abcde", repeat=3)]
    read = [free.encode(word) for word in words]
    monkeypatch.setattr(text, "MOST_WORDS", 50)
    assert [bound.encode(word) for word in words] == read
    assert len(bound.cache) == 50 < len(free.cache)
