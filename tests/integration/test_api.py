"""streamer.api over real HTTP: the documented request and answer, and what bad input gets."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco

from streamer import limits
from streamer.hosted.contract import contract
from streamer.http import openapi as document
from tests.support.models import untrained
from tests.support.pictures import encoded, patches, saved, sent
from tests.support.serving import SECONDS, Served, serving
from tracker import Box, Detected, Embedding, Prompt, Sam3, Segmentation, SegmentPrompt
from tracker.model.compute import Speed

HEIGHT, WIDTH = 60, 80
PATH = "/sam3/concept_segment"
PATHS = (PATH, "/sam3/visual_segment", "/sam3/embed_image")
IMAGE = sent(saved(patches(WIDTH, HEIGHT), "JPEG"))

JSON = {"Content-Type": "application/json"}

# pycocotools has not heard of numpy 2's copy keyword.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


class Finder(Sam3):
    """
    A stand-in with known answers for what random weights cannot tell: it finds two squares for "two", the first of them
    for "one", none for "nothing", the box for an exemplar, and a mask without a pixel for "empty". What comes after the
    network (suppression, masks) is the real thing: its logits have the picture's own size.
    """

    def __init__(self) -> None:  # no network is built
        self.name = "nano"
        self.device = torch.device("cpu")
        self.speed = Speed()
        self.side = 56
        self.asked: list[tuple[Prompt, ...]] = []
        self.sizes: list[tuple[int, ...]] = []
        self.gate = threading.Event()
        self.gate.set()

    def embed(self, image: npt.NDArray[np.uint8]) -> Embedding:
        self.gate.wait(30)
        self.sizes.append(image.shape)
        nothing = torch.empty(0)
        return Embedding(image.shape[0], image.shape[1], nothing, (nothing, nothing, nothing))

    def detect(self, embedding: Embedding, prompts: Sequence[Prompt], *, nms_iou: float | None = 0.1) -> list[Detected]:
        assert nms_iou is None  # suppression is over all prompts together, or not at all
        self.asked.append(tuple(prompts))
        return [self._find(prompt, embedding.height, embedding.width) for prompt in prompts]

    def _find(self, prompt: Prompt, height: int, width: int) -> Detected:
        two = [(0.9, (10, 5, 30, 25)), (0.6, (40, 30, 60, 50))]
        known = {"two": two, "one": [(0.8, two[0][1])], "empty": [(0.9, (0, 0, 0, 0))]}
        found = known.get(prompt.text or "", [])
        if prompt.boxes and prompt.text is None:
            box = prompt.boxes[0]
            found = [(0.8, (int(box.x0), int(box.y0), int(box.x1), int(box.y1)))]
        found = [(score, box) for score, box in found if score >= prompt.threshold]
        logits = torch.full((len(found), height, width), -10.0)
        for each, (_, (x0, y0, x1, y1)) in zip(logits, found, strict=True):
            each[y0:y1, x0:x1] = 10
        return Detected(torch.tensor([score for score, _ in found]), logits)

    def segment(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], *, multimask: bool = False
    ) -> Segmentation:
        masks, many = len(objects), 3 if multimask else 1
        logits = torch.full((masks, many, embedding.height, embedding.width), 10.0)
        return Segmentation(logits, torch.ones(masks, many), torch.ones(masks))


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


def request(*texts: str, **more: Any) -> dict[str, Any]:
    prompts = [{"type": "text", "text": text} for text in texts]
    return {"image": IMAGE, "prompts": prompts, **more}


def ask(served: Served, *texts: str, **more: Any) -> dict[str, Any]:
    answer = served.http.post(PATH, json=request(*texts, **more))
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()
    return data


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


@pytest.mark.parametrize("path", PATHS)
def test_what_is_no_json_is_refused_and_so_is_another_method(served: Served, path: str) -> None:
    for body, words in (
        (b"{", "JSON decode error"),
        (b'"\xff"', "UTF-8"),
        (b"[" * 100_000, "nested"),
        (b"9" * 5000, "long"),
    ):
        refused = served.http.post(path, content=body, headers=JSON)
        assert refused.status_code == 422
        (problem,) = refused.json()["detail"]
        assert (problem["loc"][0], problem["type"]) == ("body", "json_invalid")
        assert words in problem["msg"]
    asked = served.http.get(path)
    assert (asked.status_code, asked.headers["Allow"]) == (405, "POST")
    assert served.http.get("/sam3/nothing").status_code == 404


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
    assert results[1]["echo"] == {"prompt_index": 1, "type": "text", "text": "two", "num_boxes": 1}
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
    engine, turns = served.app.state.engine, 0
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


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"image": {"type": "base64", "value": "no base64!"}}, 400),
        ({"image": {"type": "base64", "value": "aGVsbG8="}}, 400),
        ({"image": {"type": "base64", "value": ""}}, 400),
        ({"image": {"type": "base64"}}, 400),
        ({"image": {"type": "numpy", "value": "x"}}, 400),
        ({"image": {"type": "file", "value": "/etc/passwd"}}, 400),
        ({"image": {"type": "dove", "value": "x"}}, 400),
        ({"image": {"type": "url", "value": "https://127.0.0.1/x.jpg"}}, 400),
        ({"image": {"type": "url", "value": "http://example.net/x.jpg"}}, 400),
        ({"image": {"type": "url", "value": "x.jpg"}}, 400),
        ({"image": {"type": "url"}}, 400),
        ({"image": {"type": "session", "value": "unknown"}}, 404),
        ({"image": {"type": "session"}}, 400),
        ({"image": None, "image_id": "unknown"}, 404),
        ({"image": {"type": "session", "value": "\ud800"}}, 422),
        ({"api_key": "\ud800"}, 422),
        ({"image": {"value": "x"}}, 422),
        ({"image": {"type": "base64", "value": 7}}, 422),
        ({"image": None}, 422),
        ({"image": "x"}, 422),
        ({"prompts": None}, 422),
        ({"prompts": []}, 422),
        ({"prompts": [{"text": "p"}] * 17}, 422),
        ({"prompts": [{}]}, 422),
        ({"prompts": [{"type": "text", "text": " "}]}, 422),
        ({"prompts": [{"type": "visual"}]}, 422),
        ({"prompts": [{"type": "audio", "text": "x"}]}, 422),
        ({"prompts": [{"boxes": [{"x": 1, "y": 1, "width": 5, "height": 5}], "box_labels": [1, 0]}]}, 422),
        ({"prompts": [{"boxes": [{"x": 1, "y": 1, "width": 0, "height": 5}]}]}, 422),
        ({"prompts": [{"text": "x", "output_prob_thresh": 1.5}]}, 422),
        ({"output_prob_thresh": -0.1}, 422),
        ({"nms_iou_threshold": 1.01}, 422),
        ({"format": "png"}, 422),
    ],
)
def test_bad_input_is_refused_with_the_documented_status(served: Served, change: dict[str, Any], status: int) -> None:
    body = {key: value for key, value in {**request("two"), **change}.items() if value is not None}
    answer = served.http.post(PATH, content=json.dumps(body), headers=JSON)  # json= would not send half a character
    assert answer.status_code == status, answer.text
    assert len(answer.text) < 1000
    if status == 422:
        assert set(answer.json()) == {"detail"}
        assert all(set(each) == {"loc", "msg", "type"} for each in answer.json()["detail"])
    else:
        assert answer.json()["message"]
        assert answer.json()["detail"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"image": ', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(served: Served, body: bytes, path: str) -> None:
    answer = served.http.post(path, content=body, headers=JSON)
    assert answer.status_code in (400, 422), answer.text


def test_a_picture_over_the_limits_is_refused_with_413(served: Served) -> None:
    heavy = "A" * (limits.MAX_PICTURE_BYTES * 3 // 2 + 1)
    long = sent(encoded(size=(limits.MAX_PICTURE_SIDE + 1, 1)))["value"]
    for value, words in ((heavy, "MiB"), (long, "too long")):
        answer = served.http.post(PATH, json=request("two", image={"type": "base64", "value": value}))
        assert answer.status_code == 413
        assert words in answer.json()["message"]


def test_what_was_asked_for_is_not_sent_back_at_length(served: Served) -> None:
    image = {"type": "session", "value": "x" * 100_000}
    answer = served.http.post(PATH, json=request("two", image=image))
    assert answer.status_code == 404
    assert len(answer.text) < 1000


def test_a_key_may_come_in_the_query_the_body_or_the_header(finder: Finder) -> None:
    with serving(finder, api_keys=("secret",)) as served:
        post = served.http.post
        assert post(PATH, json=request("two")).status_code == 401
        assert post(PATH, json=request("two", api_key="wrong")).status_code == 401
        assert post(f"{PATH}?api_key=secret", json=request("two")).status_code == 200
        assert post(PATH, json=request("two", api_key="secret")).status_code == 200
        headers = {"Authorization": "Bearer secret"}
        assert post(PATH, json=request("two"), headers=headers).status_code == 200
        for path in PATHS:
            assert post(path, json={"image": IMAGE}).status_code in (401, 422)
            assert post(path, json={"image": IMAGE, "prompts": [{"text": "x"}]}).status_code == 401


def test_no_key_is_kept_in_the_clear_nor_at_its_length(served: Served) -> None:
    """Where the server has none of its own, clients send theirs all the same, whatever it is."""
    key = "x" * 20_000
    assert served.http.post(f"{PATH}?api_key={key}", json=request("two", image_id="dog")).status_code == 200
    caches = served.app.state.embeddings.caches
    assert [image_id for _, image_id in caches._ids] == ["dog"]
    assert all(len(account) < 100 for account, _ in caches._ids)


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    (PATH, {"image": {"type": "base64", "value": "!"}, "prompts": [{"text": "x"}]}, 400),
    (PATH, {"image": IMAGE, "prompts": [{"text": "x"}], "model_id": "sam2"}, 404),
    ("/sam3/visual_segment", {"image_id": "unknown"}, 404),
    (PATH, {"image": IMAGE}, 422),
    ("/sam3/embed_image", {}, 422),
    ("/sam3/everything_segment", {}, 404),
    (PATH, {"image": "x" * 100_000}, 413),
]


def test_every_refusal_names_the_model_too(finder: Finder) -> None:
    with serving(finder, max_body=50_000) as served:
        for path, body, status in REFUSED:
            answer = served.http.post(path, json=body)
            assert answer.status_code == status, answer.text
            assert answer.headers.get_list("x-model") == ["nano"], answer.text


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_names_the_model_once(served: Served, path: str) -> None:
    wrong, asked = {"Origin": "http://elsewhere"}, {"Access-Control-Request-Method": "POST"}
    for answer in (
        served.http.post(path, json=request("two")),
        served.http.get(path),
        served.http.options(path, headers={**wrong, **asked}),
    ):
        assert answer.headers.get_list("x-model") == ["nano"], answer.status_code
    assert "x-model" not in served.http.get("/healthz").headers


def test_a_refused_key_and_a_failure_of_ours_name_the_model(finder: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("the inside")

    with serving(finder, api_keys=("secret",)) as served:
        refused = served.http.post(PATH, json=request("two"))
        monkeypatch.setattr(finder, "detect", broken)
        failed = served.http.post(PATH, json=request("two", api_key="secret"))
    assert (refused.status_code, failed.status_code) == (401, 500)
    assert refused.headers["x-model"] == failed.headers["x-model"] == "nano"
    assert "the inside" not in failed.text


def test_the_line_of_requests_is_bounded_and_the_next_is_told_when_to_come_back(finder: Finder) -> None:
    """One is served and one waits; the model is held up meanwhile."""
    finder.gate.clear()
    with serving(finder, max_waiting=1) as served, ThreadPoolExecutor(8) as pool:
        posts = [
            pool.submit(httpx.post, f"http://{served.address}{PATH}", json=request("two"), timeout=60) for _ in "123456"
        ]
        refused = _finished(posts, 4)
        assert {answer.status_code for answer in refused} == {429}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert all(answer.headers["x-model"] == "nano" for answer in refused)
        finder.gate.set()
        assert sorted(post.result().status_code for post in posts) == [200, 200, 429, 429, 429, 429]


def test_callers_that_hang_up_do_not_hold_up_the_others(finder: Finder) -> None:
    finder.gate.clear()
    body = json.dumps({**request(*["two"] * 16), "image_id": "left"}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(finder, max_waiting=8) as served:
        host, _, port = served.address.rpartition(":")
        for _ in range(8):
            with socket.create_connection((host, int(port))) as caller:
                caller.sendall(head.encode() + body)
                time.sleep(0.05)
        time.sleep(0.2)
        finder.gate.set()
        assert ask(served, "one")["prompt_results"][0]["predictions"]
    assert sum(texts == ("two",) for texts in (tuple(each.text for each in asked) for asked in finder.asked)) <= 1


def test_words_that_were_never_taught_are_named_in_a_header(finder: Finder) -> None:
    finder.config = untrained().config
    with serving(finder) as served:
        answer = served.http.post(PATH, json=request("two", "žába \N{PIG FACE}"))
        assert answer.status_code == 200
        assert "žába" in unquote(answer.headers["X-Hint"])
        assert answer.headers["X-Hint"].isascii()
        assert set(answer.json()) == {"prompt_results", "time"}
        assert "X-Hint" not in served.http.post(PATH, json=request("star")).headers


def test_other_methods_and_other_paths_are_told_what_there_is(served: Served) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = served.http.request(method, PATH)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    for path in ("/sam3/segment", f"{PATH}/", "/sam3/a/b"):
        answer = served.http.post(path, json={})
        assert answer.status_code == 404
        assert "concept_segment" in answer.json()["detail"]


def test_a_body_of_another_kind_is_told_what_it_must_be(served: Served) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = served.http.post(PATH, content=json.dumps(request("two")), headers=form)
    assert answer.status_code == 422
    assert "application/json" in answer.json()["detail"][0]["msg"]


def test_an_answer_that_would_be_too_large_is_refused_before_the_work(finder: Finder) -> None:
    points = [{"points": [{"x": 1, "y": 1}]}] * 64
    large = sent(saved(patches(4000, 3000), "JPEG"))
    with serving(finder) as served:
        body = {"image": large, "prompts": points, "format": "binary"}
        answer = served.http.post("/sam3/visual_segment", json=body)
    assert answer.status_code == 413


def _finished(posts: list[Future[httpx.Response]], count: int) -> list[httpx.Response]:
    answers = []
    for post in as_completed(posts, timeout=60):
        answers.append(post.result())
        if len(answers) == count:
            break
    return answers


def test_while_the_model_is_not_there_the_answer_is_503() -> None:
    with serving(None, checkpoint=Path("/nowhere.safetensors")) as served:
        for path in PATHS:
            answer = served.http.post(path, json={"image": IMAGE, "prompts": [{"text": "two"}]})
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert set(answer.json()) == {"message", "detail"}
            assert "x-model" not in answer.headers


def test_while_the_model_is_being_loaded_the_answer_is_503(finder: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def load(config: Any) -> Sam3:
        begun.set()
        go_on.wait(SECONDS)
        return finder

    monkeypatch.setattr("streamer.app.load", load)
    with serving(None) as served, contextlib.ExitStack() as stack:
        stack.callback(go_on.set)
        assert begun.wait(SECONDS)
        for path in PATHS:
            answer = served.http.post(path, json={"image": IMAGE, "prompts": [{"text": "two"}]})
            assert (answer.status_code, "being loaded" in answer.json()["message"]) == (503, True)
            assert "x-model" not in answer.headers


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
