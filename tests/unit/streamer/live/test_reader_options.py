"""What a reader chooses, and how its messages are written."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
from starlette.datastructures import QueryParams

from streamer.errors import BadRequest
from streamer.live.reader_options import Options, event, of_query, picture
from streamer.wire import fields, results
from streamer.wire.fields import parse
from streamer.wire.messages import OptionsMessage
from tests.support.results import result, track
from tracker import Prompt

PROMPTS = (Prompt("cup"), Prompt("red cup", id="mine"), Prompt("star"))
TRACKS = (track(1, 0), track(2, 1), track(3, None))


def asked(**options: Any) -> OptionsMessage:
    return parse(OptionsMessage, {"type": "options", **options})


def entries(*names: str) -> list[tuple[int, list[int]]]:
    """Index and object ids of what a reader that chose these names is told."""
    message = results.result_message(result(0, TRACKS, PROMPTS), names=names)
    return [
        (entry["prompt_index"], [each["object_id"] for each in entry["predictions"]])
        for entry in message["prompt_results"]
    ]


def test_what_is_left_out_stays_as_it_is() -> None:
    chosen = Options().changed(
        asked(format="polygon", max_fps=5, prompts=["star"], encoding="msgpack", ahead=1, holes=True, picture_width=640)
    )
    assert chosen == Options("polygon", 5, ("star",), "msgpack", 1, holes=True, picture_width=640)
    assert chosen.told() == {
        "format": "polygon",
        "max_fps": 5,
        "prompts": ["star"],
        "encoding": "msgpack",
        "ahead": 1,
        "holes": True,
        "picture_width": 640,
        "chunks": False,
    }
    assert chosen.changed(asked()) == chosen
    assert chosen.changed(asked(max_fps=0)).max_fps is None
    assert chosen.changed(asked(max_fps=None, prompts=None)) == Options("polygon", None, None, "msgpack", 1, True, 640)
    assert chosen.changed(asked(picture_width=0)).picture_width is None
    assert chosen.changed(asked(ahead=0)).ahead == 0
    assert chosen.changed(asked(ahead=0)).holes and not chosen.changed(asked(holes=False)).holes
    assert chosen.changed(asked(chunks=True)).changed(asked()).told()["chunks"]


def test_boxes_is_another_word_for_none() -> None:
    assert asked(format="boxes").format == asked(format="none").format == "none"


def test_a_reader_is_told_of_the_prompts_it_names_at_their_place_in_the_list() -> None:
    assert entries("star", "cup") == [(0, [1]), (2, [])]
    assert entries("mine") == [(1, [2])]
    assert entries("red cup") == [(1, [2])]
    assert entries(results.CLICKED) == [(3, [3])]
    assert entries("zebra") == []


def test_a_choice_outlives_an_edit_of_the_prompts() -> None:
    """The same names, the list turned round: texts are sturdy where places are not."""
    turned = result(0, (track(1, 1),), (Prompt("star"), Prompt("cup")))
    (entry,) = results.result_message(turned, names=("cup",))["prompt_results"]
    assert (entry["prompt_index"], entry["echo"]["text"], len(entry["predictions"])) == (1, "cup", 1)


def test_names_that_no_prompt_has_are_found() -> None:
    assert Options(prompts=("cup", "zebra", "mine", results.CLICKED)).unmatched(PROMPTS) == ["zebra"]
    assert Options().unmatched(PROMPTS) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompts": [0, 2]}, r"prompts\[0\]: Name a prompt by its text or its id: places change"),
        ({"prompts": []}, "prompts: List should have at least 1 item"),
        ({"prompts": ["x"] * 33}, "prompts: List should have at most 32"),
        ({"prompts": ["x" * 257]}, r"prompts\[0\]: String should have at most 256"),
        ({"prompts": "star"}, "prompts: Input should be a valid list"),
        ({"encoding": "xml"}, "encoding: Input should be 'json' or 'msgpack'"),
        ({"encoding": "events"}, "encoding: Input should be 'json' or 'msgpack'"),
        ({"format": "png"}, "format: Input should be 'rle', 'polygon' or 'none'"),
        ({"picture_width": -1}, "picture_width: Input should be greater than or equal to 0"),
        ({"picture_width": 20_000}, "picture_width: Input should be less than or equal to 16384"),
        ({"ahead": 2}, "ahead: Input should be less than or equal to 1"),
        ({"ahead": "far"}, "ahead: Input should be a valid integer"),
        ({"max_fps": -1}, "max_fps: Input should be greater than or equal to 0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        asked(**options)


def test_a_query_says_the_same() -> None:
    read = of_query(
        QueryParams("format=boxes&max_fps=2.5&prompts=star&prompts=red%20cup&encoding=msgpack&ahead=1&pictures=1&x=y")
    )
    assert Options().changed(read) == Options("none", 2.5, ("star", "red cup"), "msgpack", 1)
    assert read.pictures
    assert Options().changed(of_query(QueryParams(""))) == Options()
    assert Options().changed(of_query(QueryParams("prompts="))).prompts == (results.CLICKED,)
    with pytest.raises(BadRequest, match="max_fps"):
        of_query(QueryParams("max_fps=fast"))


def test_messagepack_says_the_same_with_counts_as_bytes() -> None:
    plain = results.result_message(result(841, TRACKS, PROMPTS))
    packed = Options(encoding="msgpack").encode(results.result_message(result(841, TRACKS, PROMPTS)))
    assert isinstance(packed, bytes)
    message = msgpack.unpackb(packed)
    for entry in message["prompt_results"]:
        for prediction in entry["predictions"]:
            assert isinstance(prediction["masks"]["counts"], bytes)
            prediction["masks"]["counts"] = prediction["masks"]["counts"].decode()
    assert message == plain
    assert len(packed) < len(results.dumps(plain).encode())


@pytest.mark.parametrize("form", ["polygon", "none"])
def test_messagepack_of_other_masks(form: fields.MaskFormat) -> None:
    message = results.result_message(result(0, TRACKS, PROMPTS), form)
    assert msgpack.unpackb(results.packs(results.result_message(result(0, TRACKS, PROMPTS), form))) == message
    assert (message["prompt_results"][0]["predictions"][0]["masks"] is None) is (form == "none")


def test_an_event_has_type_frame_and_one_line_of_data() -> None:
    message = results.result_message(result(841, TRACKS, (Prompt("two\nlines"), *PROMPTS[1:])))
    head, number, data, *rest = event(message).split("\n")
    assert (head, number, rest) == ("event: result", "id: 841", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == message
    assert event(results.state_message("live", "")).startswith("event: state\ndata: {")
    assert event({"type": "end"}).startswith("event: end\nid: end\n")


def test_a_picture_is_told_from_a_message_in_either_encoding() -> None:
    assert picture(300, b"jpeg", "json") == b"\x2c\x01\x00\x00jpeg"
    packed = picture(300, b"jpeg", "msgpack")
    assert msgpack.unpackb(packed) == {"type": "picture", "frame_index": 300, "jpeg": b"jpeg"}
