"""A live stream over real sockets: every frame has masks, and nothing contradicts what was acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from tests.support.page import trained
from tests.support.serving import Served, ask, read, serving

DEMO = "demo:?seed=1&size=320x240&fps=30&objects=2&speed=5"  # two large objects that hardly move
AFTER = 40  # results that are read after an order: several looks' worth


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(trained(), threads=1, max_sessions=2) as served:
        yield served


@pytest.fixture
def socket(served: Served) -> Iterator[ClientConnection]:
    session = served.start(DEMO, "thing")
    with served.results(session) as socket:
        while not ids(read(socket, "result")):
            pass
        yield socket
    served.http.delete(f"/sessions/{session}")


def predictions(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for entry in result["prompt_results"] for each in entry["predictions"]]


def ids(result: dict[str, Any]) -> set[int]:
    return {each["object_id"] for each in predictions(result)}


def texts(result: dict[str, Any]) -> list[str]:
    return [entry["echo"]["text"] for entry in result["prompt_results"]]


def middle(result: dict[str, Any]) -> dict[str, float]:
    """The middle of an object's box."""
    x0, y0, x1, y1 = predictions(result)[0]["box"]
    return {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2}


def test_frames_between_looks_have_results_that_name_the_look_behind_them(socket: ClientConnection) -> None:
    results = [read(socket, "result") for _ in range(60)]
    indexes = [result["frame"]["index"] for result in results]
    assert indexes == sorted(set(indexes))
    looks = {result["looked_at"]["index"] for result in results}
    assert 1 < len(looks) < len(results)  # how many fewer depends on the machine
    for result in results:
        look = result["looked_at"]
        assert result["stage"] == "flow" and look["stage"] in ("keyframe", "refine")
        assert look["index"] <= result["frame"]["index"] and look["age_ms"] >= result["age_ms"]


def test_an_object_that_was_removed_does_not_flash_back(socket: ClientConnection) -> None:
    for _ in range(2):
        shown = ids(read(socket, "result"))
        if not shown:
            break
        gone = min(shown)
        assert ask(socket, type="remove", object_id=gone)["type"] == "ack"
        assert not any(gone in ids(read(socket, "result")) for _ in range(AFTER))


def test_after_an_edit_no_result_has_the_old_list(socket: ClientConnection) -> None:
    for words in (["star"], ["thing", "star"], ["circle", "thing"], [], ["thing"]):
        assert ask(socket, type="prompts", prompts=words)["type"] == "ack"
        assert {tuple(texts(read(socket, "result"))) for _ in range(AFTER // 2)} == {tuple(words)}


def test_a_clicked_thing_is_shown_a_moment_after_the_acknowledgement(socket: ClientConnection) -> None:
    result = read(socket, "result")
    assert ask(socket, type="prompts", prompts=[])["type"] == "ack"
    point, seen = middle(result), read(socket, "result")["frame"]["index"]
    answer = ask(socket, type="click", frame_index=seen, points=[point])
    assert answer["type"] == "ack", answer
    # A frame may be on its way, and one may wait to be sent.
    assert answer["object_id"] in ids([read(socket, "result") for _ in range(3)][-1])


def test_masks_ahead_are_made_for_who_asks_for_them_and_for_nobody_else(
    served: Served, socket: ClientConnection
) -> None:
    session = read(socket, "result")["session"]
    with served.results(session, "?ahead=1&encoding=json") as other:
        read(other, "result", ahead=1)
        assert "ahead" not in read(socket, "result")
        assert ask(socket, type="options", ahead=1)["ahead"] == 1
        read(socket, "result", ahead=1)
        assert ask(other, type="options", ahead=0)["ahead"] == 0
        assert "ahead" not in read(other, "result")
