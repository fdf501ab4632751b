"""streamer.api over real HTTP: the documented request and answer, and what bad input gets."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from streamer import images
from tests.models import untrained
from tests.serving import Served, serving
from tracker import Box, Detection, Mask, Prompt, Sam3

HEIGHT, WIDTH = 60, 80
PATH = "/sam3/concept_segment"

# pycocotools has not heard of numpy 2's copy keyword.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


class Finder(Sam3):
    """
    A stand-in with known answers for what random weights cannot tell: it finds two squares for "two", none for
    "nothing", the box for an exemplar, and a mask without a pixel for "empty".
    """

    def __init__(self) -> None:  # no network is built
        self.name = "nano"
        self.asked: list[tuple[Prompt, ...]] = []
        self.sizes: list[tuple[int, ...]] = []
        self.gate = threading.Event()
        self.gate.set()

    def embed(self, image: npt.NDArray[np.uint8]) -> Any:
        self.gate.wait(30)
        self.sizes.append(image.shape)
        return image.shape

    def concept_segment(
        self, embedding: Any, prompts: Sequence[Prompt], *, nms_iou: float | None = None
    ) -> list[list[Detection]]:
        self.asked.append((*prompts, Prompt(f"nms {nms_iou}")))
        return [self._find(index, prompt, *embedding[:2]) for index, prompt in enumerate(prompts)]

    def _find(self, index: int, prompt: Prompt, height: int, width: int) -> list[Detection]:
        known = {"two": [(0.9, (10, 5, 30, 25)), (0.6, (40, 30, 60, 50))], "empty": [(0.9, (0, 0, 0, 0))]}
        found = known.get(prompt.text or "", [])
        if prompt.boxes and prompt.text is None:
            box = prompt.boxes[0]
            found = [(0.8, (int(box.x0), int(box.y0), int(box.x1), int(box.y1)))]
        answer = []
        for score, (x0, y0, x1, y1) in found:
            dense = np.zeros((height, width), bool)
            dense[y0:y1, x0:x1] = True
            if score >= prompt.threshold:
                answer.append(Detection(index, score, Box(x0, y0, x1, y1), Mask.from_dense(dense)))
        return answer


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


def picture(form: str = "JPEG", size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(buffer, form)
    return base64.b64encode(buffer.getvalue()).decode()


def request(*texts: str, **more: Any) -> dict[str, Any]:
    prompts = [{"type": "text", "text": text} for text in texts]
    return {"image": {"type": "base64", "value": picture()}, "prompts": prompts, **more}


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


def test_suppression_is_asked_for_over_all_prompts_together_and_only_when_wanted(
    served: Served, finder: Finder
) -> None:
    ask(served, "two", "nothing")
    ask(served, "two", "nothing", nms_iou_threshold=0)
    without, also, together = finder.asked
    assert (len(without), len(also), len(together)) == (2, 2, 3)  # the last one says how it was asked
    assert (without[-1].text, together[-1].text) == ("nms None", "nms 0.0")


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
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(buffer, "JPEG", exif=exif)
    value = base64.b64encode(buffer.getvalue()).decode()
    prediction = ask(served, "two", image={"type": "base64", "value": value}, format="rle")
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
        ({"image": {"type": "url", "value": "https://example.net/x.jpg"}}, 400),
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
    answer = served.http.post(PATH, json=body)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert set(answer.json()) == {"detail"}
        assert all(set(each) == {"loc", "msg", "type"} for each in answer.json()["detail"])
    else:
        assert answer.json()["message"]
        assert answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"image": ', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(served: Served, body: bytes) -> None:
    answer = served.http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text


def test_a_picture_over_the_limits_is_refused_with_413(served: Served) -> None:
    value = "A" * (images.MAX_BYTES * 3 // 2 + 1)
    answer = served.http.post(PATH, json=request("two", image={"type": "base64", "value": value}))
    assert answer.status_code == 413
    assert "MiB" in answer.json()["message"]


def test_a_key_may_come_in_the_query_the_body_or_the_header(finder: Finder) -> None:
    with serving(finder, api_keys=("secret",)) as served:
        post = served.http.post
        assert post(PATH, json=request("two")).status_code == 401
        assert post(PATH, json=request("two", api_key="wrong")).status_code == 401
        assert post(f"{PATH}?api_key=secret", json=request("two")).status_code == 200
        assert post(PATH, json=request("two", api_key="secret")).status_code == 200
        headers = {"Authorization": "Bearer secret"}
        assert post(PATH, json=request("two"), headers=headers).status_code == 200


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
        finder.gate.set()
        assert sorted(post.result().status_code for post in posts) == [200, 200, 429, 429, 429, 429]


def _finished(posts: list[Future[httpx.Response]], count: int) -> list[httpx.Response]:
    answers = []
    for post in as_completed(posts, timeout=60):
        answers.append(post.result())
        if len(answers) == count:
            break
    return answers


def test_while_the_model_is_not_there_the_answer_is_503() -> None:
    with serving(None, checkpoint=Path("/nowhere.safetensors")) as served:
        answer = served.http.post(PATH, json=request("two"))
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0


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


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["image", "prompts", "type", "value", "text", "boxes", "x", "format"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_whatever_makes_the_server_fail(real: Served, body: Any) -> None:
    assert real.http.post(PATH, json=body).status_code in (400, 422)


def test_the_route_is_documented(real: Served) -> None:
    document = real.http.get("/openapi.json").json()
    assert "post" in document["paths"][PATH]
    assert "image" in document["components"]["schemas"]["ConceptRequest"]["required"]
