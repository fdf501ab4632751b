"""The hosted API over real HTTP: the documented request and answer; refusals are in test_api_refusals.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image
from pycocotools import mask as coco

from streamer.hosted.contract import contract
from streamer.http import openapi as document
from tests.support.finder import HEIGHT, PATH, PATHS, WIDTH, Finder, ask, request
from tests.support.models import untrained
from tests.support.pictures import patches, saved, sent
from tests.support.serving import Served, serving
from tracker import Box

# pycocotools has not heard of numpy 2's copy keyword.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def served(finder: Finder) -> Iterator[Served]:
    with serving(finder) as served:
        yield served


@pytest.fixture(scope="module")
def real() -> Iterator[Served]:
    """The real model with random weights."""
    with serving(untrained()) as served:
        yield served


def test_the_answer_has_the_documented_shape(served: Served) -> None:
    data = ask(served, "two", "nothing", output_prob_thresh=0.5, format="polygon")
    assert set(data) == {"prompt_results", "time"}
    assert data["time"] > 0
    two, nothing = data["prompt_results"]
    assert two["prompt_index"] == 0
    assert two["echo"] == {"prompt_index": 0, "type": "text", "text": "two", "num_boxes": 0}
    assert [each["confidence"] for each in two["predictions"]] == [0.9, 0.6]
    assert set(two["predictions"][0]) == {"format", "confidence", "masks"}
    assert nothing == {
        "prompt_index": 1,
        "echo": {"prompt_index": 1, "type": "text", "text": "nothing", "num_boxes": 0},
        "predictions": [],
    }


@pytest.mark.parametrize("form", ["polygon", "json", None])
def test_polygons_are_outer_contours_in_pixels(served: Served, form: str | None) -> None:
    more = {} if form is None else {"format": form}
    prediction = ask(served, "two", **more)["prompt_results"][0]["predictions"][0]
    assert prediction["format"] == "polygon"
    assert sorted(prediction["masks"][0]) == sorted([[10, 5], [10, 24], [29, 24], [29, 5]])


def test_run_lengths_are_cocos_at_the_pictures_own_size(served: Served) -> None:
    prediction = ask(served, "two", format="rle")["prompt_results"][0]["predictions"][1]
    assert prediction["format"] == "rle"
    assert prediction["masks"]["size"] == [HEIGHT, WIDTH]
    dense = coco.decode(prediction["masks"])
    assert dense.sum() == 400
    assert dense[30:50, 40:60].all()


@pytest.mark.parametrize("form", ["polygon", "rle"])
def test_a_mask_without_a_pixel_is_no_prediction(served: Served, form: str) -> None:
    assert ask(served, "empty", format=form)["prompt_results"][0]["predictions"] == []


def test_a_prompts_own_threshold_wins_over_the_requests(served: Served, finder: Finder) -> None:
    prompts = [{"text": "two", "output_prob_thresh": 0}, {"text": "two"}]
    ask(served, prompts=prompts, output_prob_thresh=0.7)
    ask(served, "two")
    assert [asked[0].threshold for asked in finder.asked] == [0, 0.7, 0.5]


def test_boxes_may_be_given_by_corner_and_size_or_by_two_corners(served: Served, finder: Finder) -> None:
    boxes = [{"x": 10, "y": 5, "width": 20, "height": 20}, {"x0": 40, "y0": 30, "x1": 60, "y1": 50}]
    prompts = [{"type": "visual", "boxes": boxes, "box_labels": [1, 0]}, {"text": "two", "boxes": boxes[:1]}]
    results = ask(served, prompts=prompts)["prompt_results"]
    assert results[0]["echo"] == {"prompt_index": 0, "type": "visual", "text": None, "num_boxes": 2}
    assert results[1]["echo"] == {"prompt_index": 1, "type": "visual", "text": "two", "num_boxes": 1}
    asked = [each[0] for each in finder.asked]
    assert asked[0].boxes == (Box(10, 5, 30, 25), Box(40, 30, 60, 50))
    assert asked[0].labels == (True, False)
    assert asked[1].labels == (True,)


def test_a_box_is_cut_to_the_picture_and_one_outside_of_it_is_refused(served: Served, finder: Finder) -> None:
    ask(served, prompts=[{"boxes": [{"x": -5, "y": 50, "width": 20, "height": 100}]}])
    assert finder.asked[0][0].boxes == (Box(0, 50, 15, HEIGHT),)
    outside = [{"boxes": [{"x": WIDTH, "y": 0, "width": 5, "height": 5}]}]
    refused = served.http.post(PATH, json=request(prompts=outside))
    assert refused.status_code == 400
    assert "prompts[0].boxes[0]" in refused.json()["message"]


def test_polygons_say_that_holes_are_filled_or_bring_them(served: Served) -> None:
    for path, prompts in ((PATH, [{"text": "ring"}]), ("/sam3/visual_segment", [{}])):
        said = {}
        for more in ({}, {"holes": True}, {"format": "rle"}, {"format": "rle", "holes": True}):
            answer = served.http.post(path, json=request(prompts=prompts, **more))
            (prediction,) = answer.json()["prompt_results"][0]["predictions"]
            rings = None if isinstance(prediction["masks"], dict) else len(prediction["masks"])
            said[json.dumps(more)] = (answer.headers.get("X-Holes"), prediction.get("holes"), rings)
        whole, empty = ("filled", None, 1), ("even-odd", True, 2 if path == PATH else 1)
        assert list(said.values()) == [whole, empty, (None, None, None), (None, None, None)]


def found(data: dict[str, Any]) -> list[list[float]]:
    return [[each["confidence"] for each in result["predictions"]] for result in data["prompt_results"]]


def test_suppression_is_over_all_prompts_together_and_only_when_wanted(served: Served) -> None:
    assert found(ask(served, "one", "two")) == [[0.8], [0.9, 0.6]]
    assert found(ask(served, "one", "two", nms_iou_threshold=0)) == [[], [0.9, 0.6]]
    assert found(ask(served, "one", "two", nms_iou_threshold=1)) == [[0.8], [0.9, 0.6]]  # none is more than one


@pytest.mark.parametrize("nms", [None, 0.5])
def test_a_turn_is_taken_for_the_picture_and_for_each_prompt(
    served: Served, finder: Finder, monkeypatch: pytest.MonkeyPatch, nms: float | None
) -> None:
    """Live streams come in between, with suppression too."""
    engine, turns = served.app.state.engines.all[0], 0
    take_turn = engine.take_turn

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal turns
        turns += 1
        return await take_turn(*args, **kwargs)

    monkeypatch.setattr(engine, "take_turn", counted)
    ask(served, "two", "one", "nothing", nms_iou_threshold=nms)
    assert turns == 1 + 3
    assert [[prompt.text for prompt in asked] for asked in finder.asked] == [["two"], ["one"], ["nothing"]]


def test_the_loaded_model_says_its_name(served: Served) -> None:
    for model_id in ("sam3/sam3_final", "nano", None):
        answer = served.http.post(PATH, json=request("two", model_id=model_id))
        assert (answer.status_code, answer.headers["x-model"]) == (200, "nano")
    refused = served.http.post(PATH, json=request("two", model_id="sam3/other"))
    assert refused.status_code == 404
    assert "nano is loaded" in refused.json()["detail"]


def test_fields_that_are_not_ours_are_ignored(served: Served) -> None:
    more = {"id": "7", "source": "x", "source_info": "y", "usage_billable": True, "start": 1.5, "unknown": {}}
    assert ask(served, "two", disable_model_monitoring=False, **more)["prompt_results"]


def test_the_picture_is_turned_upright_before_anything_is_looked_for(served: Served, finder: Finder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(patches(WIDTH, HEIGHT), "JPEG", exif=exif)
    prediction = ask(served, "two", image=sent(data), format="rle")
    assert finder.sizes == [(WIDTH, HEIGHT, 3)]
    assert prediction["prompt_results"][0]["predictions"][0]["masks"]["size"] == [WIDTH, HEIGHT]


def test_words_that_were_never_taught_are_named_in_a_header(finder: Finder) -> None:
    finder.config = untrained().config
    with serving(finder) as served:
        answer = served.http.post(PATH, json=request("two", "žába \N{PIG FACE}"))
        assert answer.status_code == 200
        assert "žába" in unquote(answer.headers["X-Hint"])
        assert answer.headers["X-Hint"].isascii()
        assert set(answer.json()) == {"prompt_results", "time"}
        assert "X-Hint" not in served.http.post(PATH, json=request("star")).headers


def test_the_real_model_answers(real: Served) -> None:
    """Random weights: what it finds means nothing, that it is well formed does."""
    data = ask(real, "red circle", "star", output_prob_thresh=0.0, format="rle")
    for result in data["prompt_results"]:
        confidences = [each["confidence"] for each in result["predictions"]]
        assert confidences == sorted(confidences, reverse=True)
        for each in result["predictions"]:
            assert coco.decode(each["masks"]).shape == (HEIGHT, WIDTH)


def test_the_real_model_takes_boxes_and_suppression(real: Served) -> None:
    boxes = [{"x": 10, "y": 5, "width": 20, "height": 20}]
    prompts = [{"type": "visual", "boxes": boxes}, {"text": "circle"}]
    assert len(ask(real, prompts=prompts, nms_iou_threshold=0.5)["prompt_results"]) == 2


def test_requests_and_live_sessions_take_turns(real: Served) -> None:
    id = real.start("demo:?size=128x96&fps=30", "circle")  # noqa: A001
    with real.results(id) as socket:
        socket.recv(timeout=30)
        for _ in range(3):
            ask(real, "red circle")
            socket.recv(timeout=30)
    real.http.delete(f"/sessions/{id}")


def test_the_routes_are_documented(served: Served) -> None:
    """How, test_openapi.py reads."""
    paths = served.http.get("/openapi.json").json()["paths"]
    assert {path for path in paths if path.startswith("/sam3/")} == set(PATHS)
    assert paths == document.merged(served.app, contract())["paths"]
