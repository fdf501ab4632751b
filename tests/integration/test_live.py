"""Sessions over HTTP and WebSocket, over real sockets."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from benchmarks.recording import record
from streamer.live.subscription import OUTBOX
from tests.support.models import untrained
from tests.support.serving import SECONDS, Served, ask, read, serving
from tracker.worlds import worlds

DEMO = "demo:?seed=5&size=160x120&fps=15&objects=2"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained(), max_sessions=4, max_subscribers=3) as served:
        yield served


@pytest.fixture
def session(served: Served) -> Iterator[str]:
    session = served.start(DEMO, "red circle")
    yield session
    served.http.delete(f"/sessions/{session}")


@pytest.fixture
def socket(served: Served, session: str) -> Iterator[ClientConnection]:
    with served.results(session) as socket:
        read(socket, "result")
        yield socket


# Sessions over HTTP


def test_a_session_is_started_listed_and_stopped(served: Served) -> None:
    answer = served.http.post("/sessions", json={"source": DEMO, "prompts": [{"type": "text", "text": "star"}]})
    assert answer.status_code == 201
    session = answer.json()["id"]
    assert answer.headers["Location"] == f"/sessions/{session}"
    (listed,) = served.http.get("/sessions").json()["sessions"]
    assert listed["id"] == session
    assert {"id", "source", "state", "reason", "since", "fps", "age_ms", "dropped"} <= set(listed)
    assert listed["source"] == DEMO
    assert [prompt["text"] for prompt in listed["prompts"]] == ["star"]
    assert served.http.get(f"/sessions/{session}").json()["id"] == session
    assert served.http.delete(f"/sessions/{session}").status_code == 204
    assert served.http.get("/sessions").json() == {"sessions": []}
    for gone in (served.http.get(f"/sessions/{session}"), served.http.delete(f"/sessions/{session}")):
        assert gone.status_code == 404
        assert set(gone.json()) == {"message", "detail"}


def test_a_file_is_looked_at_to_its_end_and_stays_in_the_list(served: Served, tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", 12, size=(64, 64))
    session = served.start(str(film))
    with served.results(session) as socket:
        ended = read(socket, "state", state="ended")
    assert ended["reason"] == "The recording has ended."
    listed = served.http.get(f"/sessions/{session}").json()
    assert (listed["state"], listed["frames"]) == ("ended", {"decoded": 12, "results": 12, "looked_at": 12})
    with served.results(session) as socket:
        assert read(socket)["state"] == "ended"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=SECONDS)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000
    served.http.delete(f"/sessions/{session}")


# Pictures


def test_the_picture_of_a_result_is_that_very_frame(served: Served, session: str) -> None:
    world = worlds.Video(5, 160, 120, fps=15, objects=(2, 2))
    truth = [world.next().image for _ in range(200)]
    with served.results(session, "?pictures=1") as socket:
        for _ in range(4):
            message = socket.recv(timeout=SECONDS)
            while not isinstance(message, bytes):
                message = socket.recv(timeout=SECONDS)
            (index,) = struct.unpack("<I", message[:4])
            result = json.loads(socket.recv(timeout=SECONDS))
            assert result["type"] == "result"
            assert result["frame"]["index"] == index
            assert _difference(message[4:], truth[index]) < 6
            answer = served.http.get(f"/sessions/{session}/frames/{index}.jpg")
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.content == message[4:]


def test_the_latest_picture_says_which_it_is(served: Served, session: str) -> None:
    with served.results(session) as socket:
        first = read(socket, "result")["frame"]["index"]
    answer = served.http.get(f"/sessions/{session}/frames/latest.jpg")
    assert answer.status_code == 200
    index = int(answer.headers["X-Frame-Index"])
    assert index >= first
    assert served.http.get(f"/sessions/{session}/frames/{index}.jpg").content == answer.content


def _difference(jpeg: bytes, truth: Any) -> float:
    picture = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    return float(np.abs(picture.astype(float) - truth).mean())


# The WebSocket


def test_the_first_message_is_the_state_and_results_follow(served: Served, session: str) -> None:
    with served.results(session) as socket:
        assert read(socket)["type"] == "state"
        results = [read(socket, "result") for _ in range(3)]
    assert [result["session"] for result in results] == [session] * 3
    indexes = [result["frame"]["index"] for result in results]
    assert indexes == sorted(set(indexes))


def test_prompts_are_replaced_and_acknowledged(socket: ClientConnection) -> None:
    answer = ask(socket, type="prompts", prompts=[{"type": "text", "text": "star"}, {"text": "zebra"}], request=17)
    assert answer["type"] == "ack"
    assert answer["request"] == 17
    assert "zebra" in answer["hint"]
    result = read(socket, "result")
    while [entry["echo"]["text"] for entry in result["prompt_results"]] != ["star", "zebra"]:
        result = read(socket, "result")
    taught = ask(socket, type="prompts", prompts=["red circle"])
    assert "hint" not in taught
    assert ask(socket, type="prompts", prompts=[])["type"] == "ack"


def test_a_click_and_a_box_make_objects_that_can_be_removed(served: Served, session: str) -> None:
    with served.results(session) as socket:
        frame = read(socket, "result")["frame"]["index"]
        click = ask(socket, type="click", frame_index=frame, points=[{"x": 80, "y": 60, "positive": True}])
        assert click["type"] == "ack", click
        assert click["answered_frame_index"] <= frame + 2
        box = ask(socket, type="box", frame_index=frame, box={"x": 10, "y": 10, "width": 40, "height": 40})
        assert box["type"] == "ack", box
        assert box["object_id"] != click["object_id"]
        again = ask(
            socket,
            type="click",
            frame_index=read(socket, "result")["frame"]["index"],
            points=[{"x": 81, "y": 61}],
            object_id=click["object_id"],
        )
        assert again.get("object_id", click["object_id"]) == click["object_id"]
        assert ask(socket, type="remove", object_id=box["object_id"])["type"] == "ack"
        gone = ask(socket, type="remove", object_id=box["object_id"])
        assert (gone["type"], gone["field"]) == ("error", "object_id")


def test_options_change_what_this_reader_gets_and_nobody_else(
    served: Served, session: str, socket: ClientConnection
) -> None:
    assert ask(socket, type="prompts", prompts=[{"text": "red circle", "output_prob_thresh": 0}])["type"] == "ack"
    with served.results(session) as other:
        answer = ask(socket, type="options", format="polygon", max_fps=5)
        assert (answer["format"], answer["max_fps"]) == ("polygon", 5)
        assert _formats(socket) == {"polygon"}
        assert _formats(other) == {"rle"}
        assert ask(socket, type="options", max_fps=None)["max_fps"] is None
        assert ask(socket, type="options")["format"] == "polygon"


def test_a_reader_is_told_of_the_prompts_it_names(served: Served, session: str) -> None:
    with served.results(session, "?prompts=star&format=none") as socket:
        assert [entry["echo"]["text"] for entry in read(socket, "result")["prompt_results"]] == []
        ask(socket, type="prompts", prompts=["red circle", "star"])
        result = read(socket, "result")
        while not result["prompt_results"]:
            result = read(socket, "result")
        assert [entry["prompt_index"] for entry in result["prompt_results"]] == [1]
        answer = ask(socket, type="options", prompts=["red circle", "zebra"])
        assert answer["prompts"] == ["red circle", "zebra"]
        assert "zebra" in answer["hint"]
        assert "hint" not in ask(socket, type="options", prompts=None)
        result = read(socket, "result")
        assert [entry["echo"]["text"] for entry in result["prompt_results"]] == ["red circle", "star"]


def test_messagepack_is_binary_and_asked_for_in_the_address_or_by_a_message(
    served: Served, session: str, socket: ClientConnection
) -> None:
    with served.results(session, "?encoding=msgpack") as packed:
        first = packed.recv(timeout=SECONDS)
        assert isinstance(first, bytes)
        assert msgpack.unpackb(first)["type"] == "state"
        packed.send(json.dumps({"type": "options", "encoding": "json", "request": 1}))
        assert ask(packed, type="options")["encoding"] == "json"
    socket.send(json.dumps({"type": "options", "encoding": "msgpack", "request": 7}))
    while not isinstance(message := socket.recv(timeout=SECONDS), bytes):
        assert json.loads(message)["type"] == "result"
    while (answer := msgpack.unpackb(message))["type"] != "ack":
        message = socket.recv(timeout=SECONDS)
        assert isinstance(message, bytes)
    assert (answer["request"], answer["encoding"]) == (7, "msgpack")


def test_pictures_in_messagepack_are_messages(served: Served, session: str) -> None:
    with served.results(session, "?encoding=msgpack&pictures=1") as socket:
        messages = [msgpack.unpackb(socket.recv(timeout=SECONDS)) for _ in range(7)]
        results = [message for message in messages if message["type"] == "result"]
        pictures = [message for message in messages if message["type"] == "picture"]
        assert len(results) >= 2
        for picture, result in zip(pictures, results, strict=False):
            assert picture["frame_index"] == result["frame"]["index"]
            assert picture["jpeg"].startswith(b"\xff\xd8")
    with served.results(session, "?pictures=1") as socket:
        refused = ask(socket, type="options", encoding="msgpack")
        assert (refused["type"], refused["field"]) == ("error", "encoding")
        assert "?pictures=1&encoding=msgpack" in refused["message"]


def _formats(socket: ClientConnection) -> set[str]:
    while True:
        entries = read(socket, "result")["prompt_results"]
        formats = {each["format"] for entry in entries for each in entry["predictions"]}
        if formats:
            return formats


@pytest.mark.parametrize(
    ("message", "words"), [("", "not JSON"), (b"\x00\xff", "not JSON"), ('{"type":"dance"}', "must be one of")]
)
def test_a_bad_message_is_answered_and_the_connection_goes_on(
    socket: ClientConnection, message: str | bytes, words: str
) -> None:
    socket.send(message)
    assert words in read(socket, "error")["message"]
    assert ask(socket, type="options")["type"] == "ack"
    read(socket, "result")


def test_answers_come_in_the_order_of_the_questions(socket: ClientConnection) -> None:
    count = OUTBOX + 40
    for number in range(count):
        kind = "prompts" if number % 20 == 0 else ("options", "dance")[number % 2]
        socket.send(json.dumps({"type": kind, "prompts": ["star"], "request": number}))
    answers: list[int] = []
    while len(answers) < count:
        message = read(socket)
        if message["type"] in ("ack", "error"):
            answers.append(message["request"])
    assert answers == list(range(count))


def test_stopping_a_session_tells_its_readers(served: Served) -> None:
    session = served.start(DEMO)
    with served.results(session) as socket:
        read(socket, "result")
        served.http.delete(f"/sessions/{session}")
        assert read(socket, "state", state="ended")["reason"] == "It was stopped."
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=SECONDS)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


# Keys


def test_where_there_are_keys_everything_live_needs_one() -> None:
    with serving(untrained(), api_keys=("key",)) as served:
        assert served.http.get("/sessions").status_code == 401
        assert served.http.get("/sessions", params={"api_key": "wrong"}).status_code == 401
        assert served.http.get("/sessions", headers={"Authorization": "Bearer key"}).status_code == 200
        answer = served.http.post("/sessions?api_key=key", json={"source": DEMO})
        session = answer.json()["id"]
        assert served.http.get(f"/sessions/{session}/frames/latest.jpg").status_code == 401
        with served.results(session) as socket, pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        with served.results(session, "?api_key=key") as socket:
            read(socket, "result")
        assert served.http.get("/healthz").status_code == 200
        assert served.http.get("/").status_code == 200
