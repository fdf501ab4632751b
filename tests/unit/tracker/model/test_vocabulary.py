"""The words nano is taught, and how it reads a prompt."""

from __future__ import annotations

import pytest
import torch

from tracker.model.configs import NANO
from tracker.model.vocabulary import VOCABULARY, WORDS, WordTokenizer, unknown_words, words


def test_words_become_ids_and_unknown_ones_are_known_as_such() -> None:
    tokenizer = WordTokenizer()
    assert torch.equal(tokenizer("a red circle", 8), tokenizer(["Red circles"], 8))
    assert not torch.equal(tokenizer("red circle", 8), tokenizer("blue circle", 8))
    assert tokenizer("person", 8)[0, 1] == WordTokenizer.unknown
    assert torch.equal(tokenizer("bunnies", 8), tokenizer("rabbit", 8))
    assert tokenizer(" ".join(["red"] * 50), 8).shape == (1, 8)
    assert unknown_words("the red person, running") == ["person", "running"]


@pytest.mark.parametrize(
    ("text", "read"),
    [("The red circles", ["red", "circle"]), ("puppies", ["dog"]), ("a LARGE disc!", ["big", "circle"]), ("", [])],
)
def test_a_prompt_is_read_as_singular_words_of_one_meaning(text: str, read: list[str]) -> None:
    assert words(text) == read


def test_every_word_has_an_id_of_its_own_below_the_special_ones() -> None:
    ids = WordTokenizer()(list(WORDS), 8)[:, 1].tolist()
    assert len(set(ids)) == len(WORDS)
    assert max(ids) < WordTokenizer.unknown < WordTokenizer.end < NANO.text_vocabulary
    assert {*WORDS} <= VOCABULARY
