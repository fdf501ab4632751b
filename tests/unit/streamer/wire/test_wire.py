"""Every JSON shape."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import BadRequest
from streamer.wire import fields, messages, results
from tests.support.documents import DOCS, blocks
from tests.support.results import HEIGHT, WIDTH, result, track
from tracker import Box, Mask, Prompt


def prompt(**given: Any) -> Prompt:
    return fields.parse(fields.PromptIn, given).prompt()


def refusal(model: Any, data: Any) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        fields.parse(model, data)
    return refused.value


# Prompts


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
    ({"type": "visual", "text": "cup"}, "type"),
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


def test_a_session_takes_prompts_as_objects_and_as_bare_words() -> None:
    body = fields.parse(messages.SessionIn, {"source": "demo:", "prompts": ["person", {"text": "cup"}]})
    assert [each.prompt() for each in body.prompts] == [Prompt("person"), Prompt("cup")]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "source"),
        ({"source": ""}, "source"),
        ({"source": "demo:", "prompts": "person"}, "prompts"),
        ({"source": "demo:", "prompts": ["person"] * 17}, "prompts"),
        ({"source": "demo:", "prompts": ["person", ""]}, "prompts[1].text"),
    ],
)
def test_a_bad_session_is_refused_by_the_name_of_the_field(data: dict[str, Any], field: str) -> None:
    assert refusal(messages.SessionIn, data).field == field


def test_words_from_a_query_become_prompts() -> None:
    assert fields.text_prompts(["person", "cup"]) == [Prompt("person"), Prompt("cup")]
    with pytest.raises(BadRequest, match="17 prompts"):
        fields.text_prompts(["person"] * 17)
    with pytest.raises(BadRequest, match="text"):
        fields.text_prompts([" "])


# Live messages


def test_every_live_message_is_read_by_its_type() -> None:
    click = messages.parse_live({"type": "click", "frame_index": 3, "points": [{"x": 1, "y": 2, "positive": False}]})
    assert isinstance(click, messages.ClickMessage)
    assert not click.points[0].point().positive
    assert isinstance(messages.parse_live({"type": "prompts", "prompts": ["cup"]}), messages.PromptsMessage)
    assert isinstance(messages.parse_live({"type": "box", "rtp_timestamp": 1, "box": CORNERS}), messages.BoxMessage)
    assert isinstance(messages.parse_live({"type": "remove", "object_id": 7}), messages.RemoveMessage)
    assert isinstance(messages.parse_live({"type": "options", "format": "polygon"}), messages.OptionsMessage)


BAD_MESSAGES = [
    ({}, "type"),
    ({"type": "dance"}, "type"),
    ({"type": ["click"]}, "type"),
    ({"type": "prompts"}, "prompts"),
    ({"type": "prompts", "prompts": ["cup"] * 17}, "prompts"),
    ({"type": "prompts", "prompts": [{"text": ""}]}, "prompts[0].text"),
    ({"type": "click", "points": [{"x": 1, "y": 2}]}, "frame_index"),
    ({"type": "click", "frame_index": -1, "points": [{"x": 1, "y": 2}]}, "frame_index"),
    ({"type": "click", "frame_index": 1, "points": []}, "points"),
    ({"type": "click", "frame_index": 1, "points": [{"x": 1}]}, "points[0].y"),
    ({"type": "click", "frame_index": 1, "points": [{"x": 1, "y": 1}] * 65}, "points"),
    ({"type": "box", "frame_index": 1, "box": {"x0": 1}}, "box.y0"),
    ({"type": "remove"}, "object_id"),
    ({"type": "options", "format": "png"}, "format"),
    ({"type": "options", "max_fps": -1}, "max_fps"),
]


@pytest.mark.parametrize(("data", "field"), BAD_MESSAGES)
def test_a_bad_message_is_refused_by_the_name_of_the_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        messages.parse_live(data)
    assert refused.value.field == field


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
names = st.sampled_from(["prompts", "points", "box", "boxes", "object_id", "frame_index", "format", "max_fps", "text"])


@given(st.dictionaries(names, json_values), st.sampled_from(["prompts", "click", "box", "remove", "options", "?"]))
def test_whatever_is_sent_is_read_or_refused(data: dict[str, Any], kind: str) -> None:
    with contextlib.suppress(BadRequest):
        messages.parse_live({**data, "type": kind})


# Results


def test_a_result_is_exactly_what_is_documented() -> None:
    prompts = (Prompt("person"), Prompt(None, (Box(1, 2, 3, 4),), (True,)))
    message = results.result_message(result(841, (track(7, 0, score=0.93),), prompts), dropped=5)
    counts = track(7, 0).mask.counts.decode()
    assert message == {
        "type": "result",
        "session": "abc",
        "frame": {
            "index": 841,
            "epoch": 0,
            "pts": 841 * 3000,
            "time_base": [1, 90000],
            "rtp_timestamp": None,
            "width": WIDTH,
            "height": HEIGHT,
        },
        "stage": "keyframe",
        "reason": "interval",
        "age_ms": 41.0,
        "dropped": {"source": 2, "subscriber": 5},
        "prompt_results": [
            {
                "prompt_index": 0,
                "echo": {"prompt_index": 0, "type": "text", "text": "person", "num_boxes": 0},
                "predictions": [
                    {
                        "format": "rle",
                        "confidence": 0.93,
                        "masks": {"size": [HEIGHT, WIDTH], "counts": counts},
                        "object_id": 7,
                        "box": [10, 5, 30, 25],
                        "stage": "refine",
                        "tentative": False,
                    }
                ],
            },
            {
                "prompt_index": 1,
                "echo": {"prompt_index": 1, "type": "visual", "text": None, "num_boxes": 1},
                "predictions": [],
            },
        ],
        "time": 0.021,
    }


def test_the_documents_show_a_result_of_the_same_shape() -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shape(each) for name, each in value.items()}
        return [shape(each) for each in value] if isinstance(value, list) else None

    (example,) = [each for each in map(json.loads, blocks(DOCS / "api.md", "json")) if each.get("type") == "result"]
    sent = json.loads(results.result_json(result(3, (track(7, 0),), (prompt(text="circle"),))))
    assert shape(example) == shape(sent)


def test_objects_made_by_clicks_stand_in_one_more_entry() -> None:
    tracks = (track(1, None, score=0.5), track(2, 0), track(3, None, score=0.8))
    entries = results.result_message(result(0, tracks, (Prompt("person"),)))["prompt_results"]
    assert [[each["object_id"] for each in entry["predictions"]] for entry in entries] == [[2], [3, 1]]
    assert entries[1]["echo"] == {"prompt_index": 1, "type": "visual", "text": None, "num_boxes": 0}


def test_without_prompts_or_objects_the_list_is_empty() -> None:
    assert results.result_message(result())["prompt_results"] == []


def test_a_prompt_that_rests_says_so() -> None:
    entries = results.result_message(result(0, (), (Prompt("cup"),), notes={0: "rests"}))["prompt_results"]
    assert entries[0]["note"] == "rests"


def test_the_mask_in_a_result_is_the_mask() -> None:
    (entry,) = results.result_message(result(0, (track(1, 0),), (Prompt("cup"),)))["prompt_results"]
    masks = json.loads(json.dumps(entry["predictions"][0]["masks"]))
    height, width = masks["size"]
    mask = Mask(height, width, masks["counts"].encode())
    assert mask.dense().sum() == 400


def test_a_frame_that_failed_gives_an_error_message_for_that_frame() -> None:
    message = results.result_message(result(8, error="It broke."))
    assert message["type"] == "error"
    assert message["frame"]["index"] == 8
    assert message["message"] == "It broke."
    assert "request" not in message


def test_what_is_no_number_never_reaches_the_wire() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        results.dumps({"confidence": float("nan")})


def test_a_prompt_is_listed_as_it_would_be_sent() -> None:
    asked = Prompt("cup", (Box(1, 2, 3, 4),), (False,), 0.25, "mine")
    again = fields.parse(fields.PromptIn, json.loads(json.dumps(results.prompt_json(asked))))
    assert again.prompt() == asked
