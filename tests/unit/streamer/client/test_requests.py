"""What the client asks is what the server reads: every body here goes through the server's own models."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.datastructures import QueryParams

from streamer.client import Box, ClientError, Frame, Point, Prompt, VisualPrompt, requests
from streamer.client.requests import Address, Call
from streamer.hosted.schemas import ConceptRequest, EmbedRequest, VisualRequest
from streamer.live.reader_options import of_query
from streamer.wire import fields, messages
from tests.support.pictures import encoded

PICTURE = encoded()
FRAME = Frame(841, 0, None, Fraction(1, 90_000), None, 640, 480)
BOX = (10, 20, 30, 40)
CORNERS = {"x0": 10, "y0": 20, "x1": 30, "y1": 40}
ODD = Call("GET", "/odd", lambda answer: answer.json()["there"])


def concept(image: Any, prompts: Any, **options: Any) -> ConceptRequest:
    settings = {"threshold": None, "nms_iou": None, "image_id": None, **options}
    call = requests.concept_segment(image, prompts, **settings)
    assert (call.method, call.path) == ("POST", "/sam3/concept_segment")
    return fields.parse(ConceptRequest, sent(call.body))


def visual(image: Any, *prompts: VisualPrompt, **options: Any) -> VisualRequest:
    flags = dict.fromkeys(("candidates", "save_logits", "load_logits"), False)
    call = requests.visual_segment(
        image, (), None, prompts, **{"image_id": None, "multimask": True, **flags, **options}
    )
    assert (call.method, call.path) == ("POST", "/sam3/visual_segment")
    return fields.parse(VisualRequest, sent(call.body))


def sent(body: Any) -> Any:
    """As it comes out of the wire."""
    return json.loads(json.dumps(body, allow_nan=False))


# Where a server is


@pytest.mark.parametrize(
    ("written", "base", "socket"),
    [
        ("http://localhost:8000", "http://localhost:8000", "ws://localhost:8000"),
        ("localhost:8000/", "http://localhost:8000", "ws://localhost:8000"),
        ("https://example.org/streamer/", "https://example.org/streamer", "wss://example.org/streamer"),
        ("http://[::1]:8000", "http://[::1]:8000", "ws://[::1]:8000"),
    ],
)
def test_an_address_is_taken_as_people_write_it(written: str, base: str, socket: str) -> None:
    address = Address.read(written)
    assert address.base == base
    assert address.results("a/b") == f"{socket}/sessions/a%2Fb/results"
    asked = requests.reader_query("json", pictures=True, options={})
    assert address.results("ab", asked) == f"{socket}/sessions/ab/results?pictures=1"


@pytest.mark.parametrize("odd", ["", "ftp://host", "http://", "http://host/?api_key=x", "http://host/#x"])
def test_what_is_no_address_is_refused(odd: str) -> None:
    with pytest.raises(ValueError, match="not the address of a server"):
        Address.read(odd)


def test_a_key_goes_into_the_header() -> None:
    assert requests.headers("secret") == {"Authorization": "Bearer secret"}
    assert requests.headers(None) == {}


# Pictures


def test_prompts_may_be_a_word_words_or_prompts_with_boxes() -> None:
    assert [prompt.text for prompt in concept(PICTURE, "star").prompts] == ["star"]
    assert [prompt.text for prompt in concept(PICTURE, ["star", "red circle"]).prompts] == ["star", "red circle"]
    example = Prompt(boxes=[BOX, Box(1, 2, 3, 4)], labels=[True, False], threshold=0)
    (asked,) = concept(PICTURE, example).prompts
    prompt = asked.prompt()
    assert (asked.type, prompt.text, prompt.labels, prompt.threshold) == ("visual", None, (True, False), 0)
    assert [edges(box) for box in prompt.boxes] == [[10, 20, 30, 40], [1, 2, 3, 4]]


def edges(box: Any) -> list[float]:
    return [box.x0, box.y0, box.x1, box.y1]


def test_options_go_under_their_documented_names_and_not_at_all_when_left_out() -> None:
    asked = concept(PICTURE, "star", threshold=0.2, nms_iou=0.0, image_id="dog")
    assert (asked.output_prob_thresh, asked.nms_iou_threshold, asked.image_id) == (0.2, 0.0, "dog")
    assert asked.format == "rle"
    call = requests.concept_segment(PICTURE, "star", threshold=None, nms_iou=None, image_id=None)
    assert set(call.body or {}) == {"image", "prompts", "format"}


def test_a_kept_picture_needs_its_id_alone_and_no_picture_at_all_is_refused() -> None:
    assert concept(None, "star", image_id="dog").image is None
    with pytest.raises(ValueError, match="image_id"):
        concept(None, "star")


def test_a_box_goes_by_its_edges_and_never_by_its_centre() -> None:
    body = requests.visual_segment(
        PICTURE,
        (),
        BOX,
        None,
        image_id=None,
        multimask=True,
        candidates=False,
        save_logits=False,
        load_logits=False,
    ).body
    assert body is not None
    assert body["prompts"] == {"prompts": [{"box": CORNERS}]}
    (prompt,) = visual(PICTURE, VisualPrompt(box=BOX)).prompts
    assert edges(prompt.prompt().box) == [10, 20, 30, 40]


def test_points_may_be_negative_and_of_any_number_type() -> None:
    seven: Any = np.float32(7)  # json knows nothing of NumPy's numbers
    prompt = VisualPrompt(points=[(1, 2), (3, 4, False), Point(5, 6), (seven, seven, np.False_)])  # type: ignore[list-item]
    (asked,) = visual(PICTURE, prompt).prompts
    assert [(point.x, point.y, point.positive) for point in asked.points or []] == [
        (1, 2, True),
        (3, 4, False),
        (5, 6, True),
        (7, 7, False),
    ]


def test_flags_of_visual_segment_go_under_their_documented_names() -> None:
    asked = visual(PICTURE, VisualPrompt(), multimask=False, candidates=True, save_logits=True, load_logits=True)
    assert (asked.multimask_output, asked.return_candidates) == (False, True)
    assert (asked.save_logits_to_cache, asked.load_logits_from_cache) == (True, True)
    assert (asked.format, len(asked.prompts)) == ("rle", 1)


def test_one_object_or_several_but_not_both() -> None:
    assert requests.visual_prompts([(1, 2)], BOX, None) == [VisualPrompt([(1, 2)], BOX)]
    several = [VisualPrompt([(1, 2)]), VisualPrompt(box=BOX)]
    assert requests.visual_prompts((), None, several) == several
    with pytest.raises(ValueError, match="not both"):
        requests.visual_prompts([(1, 2)], None, several)


def test_a_picture_is_embedded_under_an_id_or_without() -> None:
    assert fields.parse(EmbedRequest, sent(requests.embed_image(PICTURE, "dog").body)).image_id == "dog"
    assert fields.parse(EmbedRequest, sent(requests.embed_image(PICTURE, None).body)).image_id is None


# Sessions


def test_a_session_is_started_with_its_prompts() -> None:
    asked = fields.parse(
        messages.SessionIn, sent(requests.start("demo:", ["star", Prompt("circle", threshold=0.2)]).body)
    )
    assert asked.source == "demo:"
    assert [prompt.prompt().threshold for prompt in asked.prompts] == [0.5, 0.2]
    assert not asked.keep
    assert fields.parse(messages.SessionIn, sent(requests.start("demo:", [], keep=True).body)).keep


@pytest.mark.parametrize(("index", "name"), [(None, "latest"), (7, "7")])
def test_a_frames_picture_is_asked_for_by_its_index(index: int | None, name: str) -> None:
    assert requests.picture("a b", index).path == f"/sessions/a%20b/frames/{name}.jpg"


def live(message: dict[str, Any]) -> Any:
    return messages.parse_live(sent(message))


def test_live_messages_are_what_the_server_reads() -> None:
    prompts = live(requests.prompts_message(["star", Prompt(boxes=[BOX], id="mine")], FRAME))
    assert ([prompt.text for prompt in prompts.prompts], prompts.frame_index) == (["star", None], 841)
    assert live(requests.prompts_message([], None)).frame_index is None
    click = live(requests.click_message(841, [(1, 2, False)], np.int64(7)))  # type: ignore[arg-type]
    assert (click.frame_index, click.object_id, click.points[0].positive) == (841, 7, False)
    assert live(requests.click_message(FRAME, [(1, 2)], None)).object_id is None
    assert edges(live(requests.box_message(FRAME, BOX)).box.box()) == [10, 20, 30, 40]
    assert live(requests.remove_message(7)).object_id == 7
    options = live(requests.options_message(None, 0, None))
    assert (options.format, options.max_fps, options.model_fields_set) == (None, 0, {"type", "max_fps"})
    assert live(requests.options_message("polygon", None, None)).model_fields_set == {"type", "format"}
    for ahead in (True, False):
        moved = live(requests.options_message(None, None, None, ahead))
        assert (moved.ahead, moved.model_fields_set) == (int(ahead), {"type", "ahead"})
        assert live(requests.options_message(None, None, None, holes=ahead)).holes is ahead
        query = requests.reader_query("json", pictures=False, options={"holes": ahead})
        assert of_query(QueryParams({name: str(value) for name, value in query.items()})).holes is ahead
    assert live(requests.options_message(None, None, None, picture_width=640)).picture_width == 640
    query = requests.reader_query("json", pictures=True, options={"picture_width": 640})
    assert of_query(QueryParams({name: str(value) for name, value in query.items()})).picture_width == 640


# Answers


def test_an_answer_is_read_and_a_refusal_is_raised() -> None:
    assert ODD.read(httpx.Response(200, json={"there": 7})) == 7
    with pytest.raises(ClientError, match="Not here") as refused:
        ODD.read(httpx.Response(404, json={"message": "Not here.", "detail": "Not here."}))
    assert refused.value.status == 404


@pytest.mark.parametrize("odd", [b"<html>", b"{}", b"[]", b"7"])
def test_an_answer_of_another_server_says_so(odd: bytes) -> None:
    with pytest.raises(ClientError, match="not one of this API"):
        ODD.read(httpx.Response(200, content=odd))


def test_a_new_connection_asks_for_the_options_that_were_acknowledged() -> None:
    told = {"format": "none", "max_fps": None, "prompts": ["star", "red cup", ""], "encoding": "msgpack", "ahead": 1}
    asked = requests.reader_query("msgpack", pictures=False, options=told)
    query = Address.read("localhost:1").results("ab", asked).partition("?")[2]
    assert of_query(QueryParams(query)).model_dump(exclude_none=True) == {
        "format": "none",
        "prompts": ["star", "red cup", ""],
        "encoding": "msgpack",
        "ahead": 1,
        "pictures": False,
    }
    older = {"format": "none", "max_fps": None, "prompts": None, "encoding": "json"}
    assert "ahead" not in requests.reader_query("json", pictures=False, options=older)


def test_the_prompts_of_a_reader_are_named() -> None:
    chosen = live(requests.options_message(None, None, ["star", ""]))
    assert (chosen.prompts, chosen.model_fields_set) == (["star", ""], {"type", "prompts"})
    every = live(requests.options_message(None, None, "all"))
    assert (every.prompts, every.model_fields_set) == (None, {"type", "prompts"})
    for odd in ("star", [0, 2]):
        with pytest.raises(TypeError, match="by its text or its id"):
            requests.options_message(None, None, odd)  # type: ignore[arg-type]
