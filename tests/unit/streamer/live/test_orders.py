"""What a client may ask of a live session, whatever channel carries it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamer.auth import Scope
from streamer.engine import Engine
from streamer.live import orders
from tests.support.models import words_only
from tests.support.sources import HandSource
from tests.support.stage import Stage, playing


@pytest.fixture
async def stage(engine: Engine) -> AsyncIterator[Stage]:
    """Frame 0, 160 by 120 pixels, was looked at."""
    async with playing(engine, HandSource(width=160, height=120)) as stage:
        await stage.frame()
        yield stage


async def ask(stage: Stage, **message: Any) -> dict[str, Any]:
    return await orders.handle(stage.session, stage.reader, json.dumps(message), Scope.PROMPT)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "prompts", "prompts": ["star"]},
        {"type": "click", "frame_index": 0, "points": [{"x": 1, "y": 1}]},
        {"type": "box", "frame_index": 0, "box": {"x0": 1, "y0": 1, "x1": 9, "y1": 9}},
        {"type": "remove", "object_id": 1},
    ],
)
async def test_a_reader_that_may_only_view_changes_nothing(stage: Stage, message: dict[str, Any]) -> None:
    before = stage.session.prompts
    text = json.dumps({**message, "request": 3})
    answer = await orders.handle(stage.session, stage.reader, text, Scope.VIEW)
    assert (answer["type"], answer["code"], answer["request"]) == ("error", "forbidden", 3)
    assert "may view only" in answer["message"]
    assert stage.session.prompts == before


async def test_a_reader_that_may_only_view_sets_its_own_options(stage: Stage) -> None:
    text = json.dumps({"type": "options", "max_fps": 5})
    assert (await orders.handle(stage.session, stage.reader, text, Scope.VIEW))["type"] == "ack"


BAD: list[tuple[Any, str | None, str]] = [
    ("hello", None, "not JSON"),
    ("", None, "not JSON"),
    ("[" * 9_000, None, "not JSON"),
    ("[" * 100_000, None, "more than 10,000 values"),
    ('{"type":"options","request":[' + "{}," * 20_000 + "1]}", None, "more than 10,000 values"),
    ("[1]", None, "JSON object"),
    (b"\x00\xff", None, "not JSON"),
    ('{"type":"options","request":NaN}', "request", "cannot be sent back"),
    ('{"type":"options","request":1e999}', "request", "cannot be sent back"),
    ('{"type":"nope","request":"\\ud800"}', "request", "cannot be sent back"),
    ('{"type":"options","request":{"a":["\\udfff"]}}', "request", "cannot be sent back"),
    (json.dumps({"type": "options", "request": "x" * 2000}), "request", "longer than"),
    ('{"type":"prompts","prompts":["\\ud800"]}', "prompts[0].text", "valid string"),
    ({}, "type", "must be one of"),
    ({"type": "dance"}, "type", "must be one of"),
    ({"type": "remove", "object_id": 12345}, "object_id", "object_id: there is no object 12345"),
    ({"type": "click", "frame_index": 0, "points": [{"x": 160.5, "y": 1}]}, "points[0].x", "outside the picture"),
    ({"type": "click", "frame_index": 0, "points": [{"x": 1, "y": -1}]}, "points[0].y", "160×120"),
    ({"type": "box", "frame_index": 0, "box": {"x0": 0, "y0": 0, "x1": 9, "y1": 121}}, "box.y1", "outside"),
    ({"type": "box", "frame_index": 0, "box": {"x0": 1, "y0": 1, "x1": 1.5, "y1": 9}}, "box", "less than a pixel"),
    ({"type": "box", "frame_index": 0, "box": {"x0": 0.1, "y0": 0.2, "x1": 0.5, "y1": 0.9}}, "box", "not in shares"),
    ({"type": "box", "frame_index": 0, "box": {"x": 0, "y": 0, "width": 1, "height": 1}}, "box", "160×120"),
    ({"type": "box", "frame_index": 0, "box": {"x0": 5, "y0": 0, "x1": 4, "y1": 9}}, "box.x1", "greater"),
    ({"type": "click", "frame_index": 10**9, "points": [{"x": 1, "y": 1}]}, "frame_index", "not known"),
    ({"type": "click", "rtp_timestamp": 10**6, "points": [{"x": 1, "y": 1}]}, "rtp_timestamp", "RTP"),
    ({"type": "prompts", "prompts": ["x"] * 17}, "prompts", "16"),
    ({"type": "prompts", "prompts": [{"type": "text", "text": " "}]}, "prompts[0].text", "text or boxes"),
    ({"type": "options", "format": "png"}, "format", "rle"),
    ({"type": "options", "prompts": [0, 2]}, "prompts[0]", "by its text or its id"),
    ({"type": "options", "encoding": "xml"}, "encoding", "msgpack"),
    ('{"type":"options","request":' + "9" * 30 + "}", "request", "cannot be sent back"),
]


@pytest.mark.parametrize(("message", "field", "words"), BAD)
async def test_a_bad_message_is_answered_by_the_name_of_what_is_wrong(
    stage: Stage, message: Any, field: str | None, words: str
) -> None:
    text = json.dumps(message) if isinstance(message, dict) else message
    error = await orders.handle(stage.session, stage.reader, text, Scope.PROMPT)
    assert error["type"] == "error"
    assert error.get("field") == field
    assert words in error["message"]
    assert "request" in error


async def test_an_exemplar_needs_the_frame_it_was_drawn_on(stage: Stage) -> None:
    boxes = [{"x0": 10, "y0": 10, "x1": 50, "y1": 50}]
    refused = await ask(stage, type="prompts", prompts=[{"text": "star"}, {"boxes": boxes}])
    assert (refused["type"], refused["field"]) == ("error", "prompts[1].frame_index")
    taken = await ask(stage, type="prompts", prompts=[{"text": "star"}, {"boxes": boxes}], frame_index=0)
    assert taken["type"] == "ack", taken
    same = await ask(stage, type="prompts", prompts=[{"boxes": boxes, "output_prob_thresh": 0.2}, {"text": "star"}])
    assert same["type"] == "ack", same
    outside = [{"x0": 10, "y0": 10, "x1": 500, "y1": 50}]
    refused = await ask(stage, type="prompts", prompts=[{"boxes": outside, "frame_index": 0}])
    assert refused["field"] == "prompts[0].boxes[0].x1"


async def test_new_boxes_of_one_message_are_drawn_on_one_frame(stage: Stage) -> None:
    await stage.frame()
    boxes = [{"x0": 10, "y0": 10, "x1": 50, "y1": 50}]
    prompts = [{"text": name, "boxes": boxes, "frame_index": index} for index, name in enumerate(("star", "ring"))]
    refused = await ask(stage, type="prompts", prompts=prompts)
    assert (refused["type"], refused["field"]) == ("error", "frame_index")


async def test_a_frame_that_is_gone_is_refused_with_what_there_is(stage: Stage) -> None:
    await stage.frame()
    error = await ask(stage, type="click", frame_index=10**9, points=[{"x": 1, "y": 1}])
    assert (error["code"], error["available"]) == ("frame_gone", (0, 1))


async def test_a_click_says_on_which_frame_it_was_answered(stage: Stage) -> None:
    await stage.frame()
    points = [{"x": 80, "y": 60, "positive": True}]
    by_index = await ask(stage, type="click", frame_index=1, points=points, request={"mine": 1})
    assert (by_index["type"], by_index["request"]) == ("ack", {"mine": 1}), by_index
    assert (by_index["frame_index"], by_index["answered_frame_index"]) == (1, 1)
    stamp = stage.session.recent.find(index=0).rtp_timestamp
    by_stamp = await ask(stage, type="box", rtp_timestamp=stamp, box={"x0": 10, "y0": 10, "x1": 90, "y1": 90})
    assert by_stamp["answered_frame_index"] == by_stamp["frame_index"] == 0
    for answer in (by_index, by_stamp):
        gone = await ask(stage, type="remove", object_id=answer["object_id"])
        assert (gone["type"], gone["object_id"]) == ("ack", answer["object_id"])


async def test_a_prompt_that_the_model_reads_in_part_is_told(stage: Stage) -> None:
    answer = await ask(stage, type="prompts", prompts=["red circle, blue star, green square, pink heart"])
    assert (answer["type"], 'looks for "red circle blue star green square"' in answer["hint"]) == ("ack", True)


async def test_words_that_were_never_taught_are_named(stage: Stage) -> None:
    answer = await ask(stage, type="prompts", prompts=["zebra crossing", "a star", "zebra"])
    assert (answer["untaught"], "never taught" in answer["hint"]) == (["zebra", "crossing"], True)
    assert "untaught" not in await ask(stage, type="prompts", prompts=["star"])


async def test_a_click_that_looks_like_shares_of_the_picture_is_told(stage: Stage) -> None:
    await stage.frame()
    shares = await ask(stage, type="click", frame_index=1, points=[{"x": 0.5, "y": 0.25}])
    assert (shares["type"], "not shares" in shares["hint"]) == ("ack", True)
    pixels = await ask(stage, type="click", frame_index=1, points=[{"x": 80, "y": 60}])
    assert "hint" not in pixels


async def test_options_are_repeated_and_names_that_no_prompt_has_are_told(stage: Stage) -> None:
    answer = await ask(stage, type="options", format="polygon", max_fps=5, prompts=["red circle", "cat"])
    assert (answer["format"], answer["max_fps"], answer["encoding"]) == ("polygon", 5.0, "json")
    assert answer["hint"] == "No prompt has this text or id at present: cat."
    stage.reader.pictures = True
    refused = await ask(stage, type="options", encoding="msgpack")
    assert (refused["type"], refused["field"]) == ("error", "encoding")


async def test_a_fault_of_ours_is_told_without_its_inside(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.session, "tracking", None)
    error = await ask(stage, type="remove", object_id=1, request=5)
    assert (error["type"], error["request"], error["code"]) == ("error", 5, "error")
    assert error["message"] == "Something failed inside the server."


async def test_a_model_without_clicks_refuses_them_in_words_and_lends_prompts_its_threshold() -> None:
    engine = Engine(words_only)
    await engine.load()
    async with playing(engine, HandSource(width=160, height=120)) as stage:
        await stage.frame()
        click = await ask(stage, type="click", frame_index=0, points=[{"x": 1, "y": 1}], request=4)
        box = await ask(stage, type="box", frame_index=0, box={"x0": 1, "y0": 1, "x1": 9, "y1": 9})
        example = {"boxes": [{"x0": 1, "y0": 1, "x1": 9, "y1": 9}], "frame_index": 0}
        drawn = await ask(stage, type="prompts", prompts=["star", example])
        for answer, field, what in (
            (click, "points", "clicks and boxes"),
            (box, "box", "clicks and boxes"),
            (drawn, "prompts[1].boxes", "example boxes"),
        ):
            assert (answer["type"], answer["code"], answer["field"]) == ("error", "bad_request", field)
            assert f"{field}: the model words-only cannot do {what}: " in answer["message"]
        assert click["request"] == 4
        await ask(stage, type="prompts", prompts=["star", {"text": "circle", "output_prob_thresh": 0.9}])
        assert [each.threshold for each in stage.session.prompts] == [0.1, 0.9]
    await engine.close()
