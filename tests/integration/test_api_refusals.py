"""The hosted API over real HTTP: what bad input, a wrong key, a full line and a missing model get."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamer import limits
from tests.support.finder import IMAGE, PATH, PATHS, Finder, ask, request
from tests.support.pictures import encoded, patches, saved, sent
from tests.support.serving import SECONDS, Served, serving
from tracker import Sam3

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def served(finder: Finder) -> Iterator[Served]:
    with serving(finder) as served:
        yield served


@pytest.mark.parametrize("path", PATHS)
def test_what_is_no_json_is_refused_and_so_is_another_method(served: Served, path: str) -> None:
    for body, words in (
        (b"{", "JSON decode error"),
        (b'"\xff"', "UTF-8"),
        (b"[" * 9_000, "nested"),
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


SHARES = {"x0": 0.1, "y0": 0.1, "x1": 0.5, "y1": 0.5}
BY_SIZE = {"x": 0.5, "y": 0.5, "width": 0.4, "height": 0.4}


@pytest.mark.parametrize("box", [SHARES, BY_SIZE, {"x0": 0, "y0": 0, "x1": 1, "y1": 1}, {**SHARES, "x1": 40}])
def test_boxes_that_are_shares_of_the_picture_are_refused_with_what_is_wanted(served: Served, box: Any) -> None:
    for path, prompts in ((PATH, [{"boxes": [box]}]), ("/sam3/visual_segment", [{"box": box}])):
        refused = served.http.post(path, json=request(prompts=prompts))
        assert refused.status_code == 400
        assert "less than a pixel" in refused.json()["message"]
        assert "in pixels of the picture (80×60), not in shares" in refused.json()["detail"]


def test_points_that_look_like_shares_are_answered_with_a_hint(served: Served) -> None:
    path = "/sam3/visual_segment"
    for points, doubtful in (([{"x": 0.5, "y": 0.5}], True), ([{"x": 40, "y": 30}], False), ([], False)):
        answer = served.http.post(path, json=request(prompts=[{"points": points}]))
        assert answer.status_code == 200
        assert ("not shares" in answer.headers.get("X-Hint", "").replace("%20", " ")) is doubtful


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"image": ', b"\xff\xfe", b"[" * 9_000])
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
    key = "x" * 10_000  # a head of a request holds no more than 16 KiB
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
    kind = "Content-Type: application/json"
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(finder, max_waiting=8) as served:
        host, _, port = served.address.rpartition(":")
        with contextlib.ExitStack() as callers:
            for _ in range(8):
                caller = callers.enter_context(socket.create_connection((host, int(port))))
                caller.sendall(head.encode() + body)
            while served.app.state.engines.all[0].waiting < 8:
                served.http.get("/healthz")
        served.http.get("/healthz")  # answered after the server has heard that they hung up
        finder.gate.set()
        assert ask(served, "one")["prompt_results"][0]["predictions"]
    assert sum(texts == ("two",) for texts in (tuple(each.text for each in asked) for asked in finder.asked)) <= 1


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

    def load(config: Any, device: str | None) -> Sam3:
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
