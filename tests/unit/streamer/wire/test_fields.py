"""streamer.wire.fields: what requests are made of, and the words for what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from streamer.errors import BadRequest
from streamer.wire import fields
from tracker import Box, Point, Prompt


def prompt(**given: Any) -> Prompt:
    return fields.parse(fields.PromptIn, given).prompt()


def refusal(model: Any, data: Any) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        fields.parse(model, data)
    return refused.value


def test_a_text_prompt_has_the_documented_threshold_unless_told() -> None:
    assert prompt(type="text", text=" person ") == Prompt("person", threshold=0.5)
    assert prompt(text="cup", output_prob_thresh=0).threshold == 0
    assert fields.parse(fields.PromptIn, {"text": "cup"}).prompt(0.3).threshold == 0.3


def test_boxes_of_both_kinds_may_stand_in_one_list_and_labels_default_to_positive() -> None:
    boxes = [{"x": 10, "y": 20, "width": 30, "height": 40}, {"x0": 1, "y0": 2, "x1": 3, "y1": 4}]
    asked = prompt(type="visual", boxes=boxes)
    assert asked.boxes == (Box(10, 20, 40, 60), Box(1, 2, 3, 4))
    assert asked.labels == (True, True)
    assert prompt(boxes=boxes, box_labels=[1, False]).labels == (True, False)


def test_the_same_prompt_with_another_threshold_is_the_same_prompt() -> None:
    assert prompt(text="cup").key == prompt(text="cup", output_prob_thresh=0.9).key
    assert prompt(text="cup", id="a").key == prompt(text="mug", id="a").key


def test_unknown_fields_are_ignored() -> None:
    assert prompt(text="cup", colour="any") == Prompt("cup")


CORNERS = {"x0": 1, "y0": 2, "x1": 3, "y1": 4}
BAD_PROMPTS = [
    ({}, "text"),
    ({"text": "  "}, "text"),
    ({"text": None, "boxes": []}, "text"),
    ({"text": "a" * 257}, "text"),
    ({"text": 7}, "text"),
    ({"type": "visual", "text": "cup"}, "boxes"),
    ({"type": "visual"}, "boxes"),
    ({"type": "visual", "text": "cup", "boxes": []}, "boxes"),
    ({"type": "visual", "boxes": None}, "boxes"),
    ({"type": "sound", "text": "cup"}, "type"),
    ({"text": "cup", "output_prob_thresh": 1.1}, "output_prob_thresh"),
    ({"text": "cup", "output_prob_thresh": float("nan")}, "output_prob_thresh"),
    ({"boxes": [CORNERS], "box_labels": [1, 0]}, "box_labels"),
    ({"boxes": [CORNERS], "box_labels": ["maybe"]}, "box_labels[0]"),
    ({"boxes": [{"x": 1, "y": 2, "width": 0, "height": 4}]}, "boxes[0].width"),
    ({"boxes": [CORNERS, {**CORNERS, "x1": 1}]}, "boxes[1].x1"),
    ({"boxes": [{**CORNERS, "y1": float("inf")}]}, "boxes[0].y1"),
    ({"boxes": [{"x": 1}]}, "boxes[0].y"),
    ({"boxes": ["all"]}, "boxes[0]"),
    ({"boxes": [CORNERS] * 65}, "boxes"),
]


@pytest.mark.parametrize(("data", "field"), BAD_PROMPTS)
def test_a_bad_prompt_is_refused_by_the_name_of_the_field(data: dict[str, Any], field: str) -> None:
    error = refusal(fields.PromptIn, data)
    assert error.field == field
    assert error.message.startswith(f"{field}: ")


def test_words_from_a_query_become_prompts() -> None:
    assert fields.text_prompts(["person", "cup"]) == [Prompt("person"), Prompt("cup")]
    with pytest.raises(BadRequest, match="17 prompts"):
        fields.text_prompts(["person"] * 17)
    with pytest.raises(BadRequest, match="text"):
        fields.text_prompts([" "])


@pytest.mark.parametrize(
    ("places", "doubtful"),
    [
        ([(0.5, 0.5)], True),
        ([(0.37, 0.62), (1, 0)], True),
        ([(0, 0)], False),
        ([(1, 1)], False),
        ([(0.5, 0.5), (310, 200)], False),
        ([(0.5, 7)], False),
        ([], False),
    ],
)
def test_points_that_look_like_shares_are_known(places: list[tuple[float, float]], doubtful: bool) -> None:
    assert fields.shares([Point(x, y) for x, y in places]) is doubtful
