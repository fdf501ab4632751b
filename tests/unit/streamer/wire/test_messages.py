"""streamer.wire.messages: the start of a session and live messages, read or refused by the name of the field."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import BadRequest
from streamer.wire import fields, messages
from tracker import Prompt

CORNERS = {"x0": 1, "y0": 2, "x1": 3, "y1": 4}


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
    with pytest.raises(BadRequest) as refused:
        fields.parse(messages.SessionIn, data)
    assert refused.value.field == field


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
