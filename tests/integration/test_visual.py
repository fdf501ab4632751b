"""visual_segment over real HTTP: points and boxes in, one best mask for each prompt out, in four formats."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import cv2
import httpx
import numpy as np
import numpy.typing as npt
import pytest
import torch
from pycocotools import mask as coco

from streamer.config import Config
from streamer.hosted import visual_segment
from streamer.hosted.cache import Caches
from streamer.hosted.schemas import MAX_OBJECTS
from tests.support.models import untrained
from tests.support.pictures import patches, saved, sent
from tests.support.serving import Served, serving
from tracker import Box, Point, Sam3, SegmentPrompt

WIDTH, HEIGHT = 120, 90
PATH = "/sam3/visual_segment"
PICTURE = patches(WIDTH, HEIGHT)
CLICK = {"points": [{"x": 30, "y": 40, "positive": True}]}
BOX = {"box": {"x": 60, "y": 45, "width": 40, "height": 30}}
BOTH = {**BOX, "points": [{"x": 60, "y": 45, "positive": True}, {"x": 45, "y": 35, "positive": False}]}

# pycocotools has not heard of numpy 2's copy keyword.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained()) as served:
        yield served


@pytest.fixture(autouse=True)
def _empty_logits(served: Served) -> None:
    served.app.state.embeddings.caches = Caches(Config().embeddings_bytes, Config().logits_bytes)


def post(served: Served, prompts: Any = None, **more: Any) -> httpx.Response:
    body = {"image": sent(saved(PICTURE)), "format": "rle", **more}
    if prompts is not None:
        body["prompts"] = prompts
    return served.http.post(PATH, json=body)


def ask(served: Served, prompts: Any = None, **more: Any) -> dict[str, Any]:
    answer = post(served, prompts, **more)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()
    return data


def arrays(answer: httpx.Response) -> dict[str, npt.NDArray[Any]]:
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as archive:
        return dict(archive)


def wanted(
    model: Sam3, *prompts: SegmentPrompt, multimask: bool = True
) -> list[list[tuple[float, npt.NDArray[np.bool_]]]]:
    """The model's own answer: for each prompt its masks, best first."""
    embedding = model.embed(np.array(PICTURE))
    found = model.cut(embedding, prompts, model.segment(embedding, prompts, multimask=multimask), masks=3)
    masks = [[mask.dense() for mask, _ in model.masks(logits, HEIGHT, WIDTH)] for logits in found.logits]
    return [list(zip(ious.tolist(), each, strict=True)) for ious, each in zip(found.ious, masks, strict=True)]


def prompts_of(*asked: dict[str, Any]) -> list[SegmentPrompt]:
    """The same as the tracker takes them: boxes by their corners."""
    prompts = []
    for each in asked:
        points = tuple(Point(p["x"], p["y"], p["positive"]) for p in each.get("points", ()))
        box = None if "box" not in each else Box(40, 30, 80, 60)
        prompts.append(SegmentPrompt(points, box))
    return prompts


def test_each_prompt_has_one_best_prediction_in_both_lists(served: Served) -> None:
    data = ask(served, {"prompts": [CLICK, BOX, BOTH]})
    assert set(data) == {"prompt_results", "predictions", "time"}
    assert data["time"] > 0
    assert [set(result) for result in data["prompt_results"]] == [{"prompt_index", "predictions"}] * 3
    assert [result["prompt_index"] for result in data["prompt_results"]] == [0, 1, 2]
    assert [result["predictions"] for result in data["prompt_results"]] == [[each] for each in data["predictions"]]
    for each in data["predictions"]:
        assert set(each) == {"format", "confidence", "masks"}
        assert 0 <= each["confidence"] <= 1


@pytest.mark.parametrize("multimask", [True, False])
def test_the_best_of_three_or_the_only_one_is_the_models_own_answer(served: Served, multimask: bool) -> None:
    asked: list[dict[str, Any]] = [CLICK, BOX, BOTH, {}]
    data = ask(served, asked, multimask_output=multimask)
    for each, masks in zip(
        data["predictions"], wanted(untrained(), *prompts_of(*asked), multimask=multimask), strict=True
    ):
        score, mask = masks[0]
        assert len(masks) == (3 if multimask else 1)
        assert each["confidence"] == pytest.approx(score, abs=1e-3)
        assert (coco.decode(each["masks"]) != mask).mean() < 0.002


def test_all_three_come_best_first_when_they_are_asked_for(served: Served) -> None:
    """Of a click nano knows the best by its region, not by what it says of each: guides.py."""
    data = ask(served, [CLICK, BOX], return_candidates=True)
    for result, best in zip(data["prompt_results"], data["predictions"], strict=True):
        candidates = result["candidates"]
        assert len(candidates) == 3
        assert candidates[0] == best == result["predictions"][0]
        assert len(result["predictions"]) == 1
        assert len({each["masks"]["counts"] for each in candidates}) > 1
    confidences = [each["confidence"] for each in data["prompt_results"][1]["candidates"]]
    assert confidences == sorted(confidences, reverse=True)


def test_without_multimask_the_only_mask_is_the_only_candidate(served: Served) -> None:
    (result,) = ask(served, CLICK, multimask_output=False, return_candidates=True)["prompt_results"]
    assert result["candidates"] == result["predictions"]


@pytest.mark.parametrize("prompts", [None, [], {}, {"prompts": []}])
def test_no_prompt_at_all_gives_one_mask(served: Served, prompts: Any) -> None:
    assert len(ask(served, prompts)["predictions"]) == 1


def test_a_box_by_its_centre_and_by_its_corners_is_the_same_box(served: Served) -> None:
    corners = {"box": {"x0": 40, "y0": 30, "x1": 80, "y1": 60}}
    by_centre, by_corners = ask(served, [BOX, corners])["predictions"]
    assert by_centre["masks"] == by_corners["masks"]


def test_a_box_is_cut_to_the_picture(served: Served) -> None:
    half = {"box": {"x": 0, "y": 0, "width": 100, "height": 80}}
    cut = {"box": {"x0": 0, "y0": 0, "x1": 50, "y1": 40}}
    first, second = ask(served, [half, cut])["predictions"]
    assert first["masks"] == second["masks"]


@pytest.mark.parametrize("form", ["json", "polygon", None])
def test_json_means_polygons(served: Served, form: str | None) -> None:
    more = {} if form is None else {"format": form}
    answer = served.http.post(PATH, json={"image": sent(saved(PICTURE)), "prompts": [BOTH], **more})
    assert answer.headers["content-type"] == "application/json"
    (each,) = answer.json()["predictions"]
    assert each["format"] == "polygon"
    filled = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(filled, [np.array(polygon, np.int32) for polygon in each["masks"]], 1)
    ((_, mask), *_), *_ = wanted(untrained(), *prompts_of(BOTH))
    assert (filled.astype(bool) & mask).sum() > 0.9 * mask.sum()


def test_run_lengths_are_cocos_at_the_pictures_own_size(served: Served) -> None:
    (each,) = ask(served, BOTH)["predictions"]
    assert each["format"] == "rle"
    assert each["masks"]["size"] == [HEIGHT, WIDTH]
    ((_, mask), *_), *_ = wanted(untrained(), *prompts_of(BOTH))
    assert (coco.decode(each["masks"]) == mask).mean() > 0.998


def test_binary_is_an_archive_of_arrays(served: Served) -> None:
    answer = post(served, [CLICK, BOTH], format="binary")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (answer.headers["x-model"], answer.headers["x-cache"]) == ("nano", "miss")
    found, side = arrays(answer), untrained().side
    assert {name: (each.dtype.name, each.shape) for name, each in found.items()} == {
        "masks": ("bool", (2, HEIGHT, WIDTH)),
        "low_res_masks": ("float32", (2, side, side)),
        "scores": ("float32", (2,)),
    }
    told = ask(served, [CLICK, BOTH])["predictions"]
    for mask, score, each in zip(found["masks"], found["scores"], told, strict=True):
        assert np.array_equal(mask, coco.decode(each["masks"]))
        assert each["confidence"] == pytest.approx(float(score), abs=1e-4)
    assert np.abs(found["low_res_masks"]).max() <= 32


def test_more_dense_masks_than_a_reader_can_hold_are_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visual_segment, "MAX_DENSE", 2 * WIDTH * HEIGHT)
    assert post(served, [CLICK, BOX], format="binary").status_code == 200
    refused = post(served, [CLICK, BOX, BOTH], format="binary")
    assert refused.status_code == 413
    assert "3 dense masks" in refused.json()["message"]
    assert "rle" in refused.json()["detail"]
    assert post(served, [CLICK, BOX, BOTH]).status_code == 200


# Logits of earlier answers


def low(served: Served, prompt: dict[str, Any], **more: Any) -> npt.NDArray[Any]:
    return arrays(post(served, prompt, format="binary", **more))["low_res_masks"]


def logits(served: Served) -> dict[str, int]:
    found: dict[str, int] = served.app.state.embeddings.caches.figures()["logits"]
    return found


def test_a_further_click_goes_on_from_the_logits_that_were_saved(served: Served) -> None:
    more = {"points": [*CLICK["points"], {"x": 90, "y": 60, "positive": True}]}
    afresh = low(served, more)
    saved_logits = low(served, CLICK, save_logits_to_cache=True)
    loaded = low(served, more, load_logits_from_cache=True)
    assert not np.allclose(loaded, afresh, atol=1e-3)
    assert np.allclose(low(served, more), afresh, atol=1e-3)  # only when asked for
    assert (logits(served)["hits"], logits(served)["misses"], logits(served)["entries"]) == (1, 0, 1)
    model = untrained()
    (prompt,) = prompts_of(more)
    prompt = SegmentPrompt(prompt.points, logits=torch.from_numpy(saved_logits[0]))
    embedding = model.embed(np.array(PICTURE))
    again = model.cut(embedding, [prompt], model.segment(embedding, [prompt], multimask=True))
    assert np.allclose(loaded[0], again.logits[0, 0], atol=1e-3)


def test_where_nothing_was_saved_the_answer_is_that_of_the_prompt_alone(served: Served) -> None:
    afresh = low(served, CLICK)
    assert np.allclose(low(served, CLICK, load_logits_from_cache=True), afresh, atol=1e-4)
    low(served, BOX, save_logits_to_cache=True)  # no beginning of a click
    assert np.allclose(low(served, CLICK, load_logits_from_cache=True), afresh, atol=1e-4)
    assert (logits(served)["hits"], logits(served)["misses"]) == (0, 2)


def test_saved_logits_belong_to_their_picture_and_their_account(served: Served) -> None:
    post(served, CLICK, save_logits_to_cache=True, image_id="one")
    post(served, CLICK, load_logits_from_cache=True, image=sent(saved(patches(WIDTH, HEIGHT, seed=1))))
    post(served, CLICK, load_logits_from_cache=True, api_key="other")
    assert (logits(served)["hits"], logits(served)["misses"]) == (0, 2)
    post(served, CLICK, load_logits_from_cache=True)  # the same pixels, by their hash
    post(served, CLICK, load_logits_from_cache=True, image=None, image_id="one")
    assert (logits(served)["hits"], logits(served)["misses"]) == (2, 2)


def test_each_prompt_of_a_request_saves_and_loads_its_own(served: Served) -> None:
    ask(served, [CLICK, BOX], save_logits_to_cache=True)
    ask(served, [BOTH, CLICK, {"points": [{"x": 1, "y": 1}]}], load_logits_from_cache=True, save_logits_to_cache=True)
    assert logits(served) == {**logits(served), "hits": 2, "misses": 1, "entries": 4}


# What is refused, and what is cut


@pytest.mark.parametrize(
    ("prompts", "field"),
    [
        ([CLICK, {"points": [{"x": 1, "y": 1}, {"x": WIDTH + 1, "y": 1}]}], "prompts[1].points[1]"),
        ({"points": [{"x": 1, "y": -0.5}]}, "prompts[0].points[0]"),
        ({"points": [{"x": 1, "y": 1e308}]}, "prompts[0].points[0]"),
        ([{"box": {"x": -30, "y": 10, "width": 20, "height": 20}}], "prompts[0].box"),
        ([CLICK, {"box": {"x0": 0, "y0": HEIGHT, "x1": 9, "y1": HEIGHT + 5}}], "prompts[1].box"),
        ({"box": {"x": 1e308, "y": 1e308, "width": 1e308, "height": 1e308}}, "prompts[0].box"),
    ],
)
def test_what_lies_outside_the_picture_is_refused_by_its_field(served: Served, prompts: Any, field: str) -> None:
    answer = post(served, prompts)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{field}: ")
    assert f"{WIDTH}×{HEIGHT}" in answer.json()["message"]


def test_points_on_the_pictures_very_edge_are_inside(served: Served) -> None:
    assert post(served, {"points": [{"x": WIDTH, "y": HEIGHT}, {"x": 0, "y": 0}]}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"format": "png"},
        {"sam2_version_id": "hiera_huge"},
        {"prompts": False},
        {"prompts": [{"box": {"x": 1, "y": 1, "width": 0, "height": 1}}]},
        {"prompts": [{}] * (MAX_OBJECTS + 1)},
        {"image": None},
        {"image": {"value": "x"}},
    ],
)
def test_bad_input_is_refused_as_documented_and_not_echoed(served: Served, change: dict[str, Any]) -> None:
    answer = post(served, **change)
    assert answer.status_code == 422
    assert set(answer.json()) == {"detail"}
    assert all(set(each) == {"loc", "msg", "type"} for each in answer.json()["detail"])
    assert "topleft" not in json.dumps(answer.json())


def test_many_objects_take_several_turns_and_are_answered_in_their_order(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live streams come in between."""
    engine, sizes = served.app.state.engines.all[0], []
    take_turn = engine.take_turn

    async def counted(func: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(args[1]) if func == untrained().segment else 0)
        return await take_turn(func, *args, **kwargs)

    monkeypatch.setattr(engine, "take_turn", counted)
    places = [(3 + 14 * column, 5 + 11 * row) for row in range(8) for column in range(8)]
    prompts = [{"points": [{"x": x, "y": y}]} for x, y in places]
    assert len(prompts) == MAX_OBJECTS
    together = ask(served, prompts)["predictions"]
    assert sizes == [0, 16, 16, 16, 16]  # the picture, then as many objects at a time as the network takes at once
    for index in (0, 15, 16, 63):
        (alone,) = ask(served, prompts[index])["predictions"]
        assert alone["confidence"] == pytest.approx(together[index]["confidence"], abs=1e-3)
        assert (coco.decode(alone["masks"]) != coco.decode(together[index]["masks"])).mean() < 0.002
