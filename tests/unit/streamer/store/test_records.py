"""Sessions that stay, as plain values: what is written is what is read, and nothing else is taken for it."""

from __future__ import annotations

import json

import pytest

from streamer.limits import MAX_BOXES, MAX_PROMPTS
from streamer.store import Drawn, Kept, Origin, records
from tracker import Box, Prompt

WORDS = Prompt("red circle", threshold=0.25, id="mine")
BOXES = Prompt(None, (Box(1, 2.5, 3, 4), Box(5, 6, 7, 8)), (True, False), 0.5)


@pytest.mark.parametrize("prompt", [WORDS, BOXES, Prompt("a", BOXES.boxes, BOXES.labels)])
def test_a_prompt_is_read_as_it_was_written(prompt: Prompt) -> None:
    assert records.read_prompt(records.prompt_text(prompt)) == prompt
    assert records.read_prompts(records.prompts_text([prompt, WORDS])) == (prompt, WORDS)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"text": None}, {"text": 3}, {"text": "a" * 1000}, {"threshold": 2}, {"threshold": "much"}, {"id": []}),
        *({"boxes": [[1, 2, 3]]}, {"boxes": [5]}, {"boxes": None}, {"labels": [True, False, True]}),
        {"boxes": [[1, 2, 3, 4]] * (MAX_BOXES + 1), "labels": []},
    ],
)
def test_what_is_no_prompt_is_not_taken_for_one(wrong: dict[str, object]) -> None:
    text = json.dumps({**json.loads(records.prompt_text(WORDS)), **wrong})
    with pytest.raises(ValueError):
        records.read_prompt(text)


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "null", "[" * 100_000])
def test_neither_is_other_text(text: str) -> None:
    with pytest.raises(ValueError):
        records.read_prompt(text)


def test_lists_and_settings_are_what_they_should_be() -> None:
    assert records.read_boxes(records.boxes_text([(0.0, 0.25, 0.5, 1.0)])) == ((0.0, 0.25, 0.5, 1.0),)
    assert records.read_options(records.options_text({})) == {}
    for read, text in (
        (records.read_prompts, "{}"),
        (records.read_prompts, json.dumps([records.prompt_text(WORDS)] * (MAX_PROMPTS + 1))),
        (records.read_boxes, "{}"),
        (records.read_boxes, json.dumps([[0, 0, 1, 1]] * (MAX_BOXES + 1))),
        (records.read_options, "[]"),
    ):
        with pytest.raises(ValueError):
            read(text)


def test_a_new_one_has_an_id_that_cannot_be_guessed_unless_it_is_given_one() -> None:
    one, other = (Kept.new("demo:", [WORDS], Origin.HTTP) for _ in range(2))
    assert one.id != other.id
    assert Kept.new("demo:", [], Origin.FILE, id="door").id == "door"
    assert (one.prompts, one.first, one.next_id) == ((WORDS,), (WORDS,), 1)


def test_neither_an_address_nor_a_picture_is_in_what_is_printed() -> None:
    kept = Kept.new("rtsp://me:hunter2@camera/1", [], Origin.HTTP)
    assert "hunter2" not in repr(kept)
    assert "jpeg" not in repr(Drawn(b"jpeg", ()))
