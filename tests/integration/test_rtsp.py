"""A real RTSP camera: its picture comes in, it is killed, it comes back, and the session goes on."""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import pytest

from benchmarks.recording import record
from benchmarks.support.rtsp import Camera
from streamer.access import Access
from streamer.sources import url
from streamer.sources.base import State
from streamer.sources.opening import Opening, opened
from streamer.sources.schemes import read_address
from streamer.sources.url import UrlSource
from tests.support import needs
from tests.support.certificates import write_certificate
from tests.support.models import untrained
from tests.support.serving import ask, read, serving
from tests.support.sources import Viewer


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs.gstreamer()
    return record(tmp_path_factory.mktemp("films") / "film.mp4", 600)  # 40 s


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_cameras_picture_comes_in(film: Path, transport: str) -> None:
    with Camera(film) as camera, serving(untrained()) as served:
        session = served.start(f"{camera.url}?transport={transport}", "red circle")
        with served.results(session) as socket:
            read(socket, "state", state="live")
            results = [read(socket, "result") for _ in range(5)]
        indexes = [result["frame"]["index"] for result in results]
        assert indexes == sorted(set(indexes))
        times = [result["frame"]["pts"] for result in results if result["frame"]["pts"] is not None]
        assert times == sorted(set(times))
        assert {tuple(result["frame"]["time_base"]) for result in results} == {(1, 90_000)}
        assert {(result["frame"]["width"], result["frame"]["height"]) for result in results} == {(320, 240)}
        listed = served.http.get(f"/sessions/{session}").json()
        assert listed["state"] == "live"
        assert served.http.get(f"/sessions/{session}/frames/latest.jpg").content.startswith(b"\xff\xd8")


@pytest.mark.parametrize("settings", [{"source_ca": "camera.pem"}, {"source_verify": False}])
def test_a_camera_behind_tls_that_signed_its_own_certificate(
    film: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    path = tmp_path / "camera.pem"
    write_certificate(path)
    if "source_ca" in settings:
        settings = {"source_ca": path}
    with Camera(film, "me", "secret", certificate=path) as camera, serving(untrained(), **settings) as served:
        assert camera.url.startswith("rtsps://me:secret@")
        session = served.start(camera.url)
        with served.results(session) as socket:
            read(socket, "state", state="live")
            assert read(socket, "result")["frame"]["width"] == 320
        assert "secret" not in served.http.get(f"/sessions/{session}").text


def test_a_camera_with_a_password_sends_through_the_gate(film: Path) -> None:
    access = Access(networks=("127.0.0.1/32",))
    with Camera(film, "me", "secret") as camera:
        how = Opening(access, (10.0, 10.0), lambda: None)
        with opened(read_address(camera.url, access), how) as source:
            packets = list(islice(source.container.demux(video=0), 60))
        assert camera.url.rpartition("@")[2] not in source.container.name  # but the gate's
    assert sum(packet.size for packet in packets) > 0


@pytest.mark.parametrize(
    ("password", "spelt"),
    [
        ("12#3/4@5?6%7 8", "12#3/4@5?6%7 8"),
        ("ä€;&=+a:b@c", "ä€;&=+a:b@c"),
        ("12#3/4@5?6%7 8", quote("12#3/4@5?6%7 8", safe="")),
        ("100%41", "100%2541"),  # what looks percent-encoded is read so
    ],
)
def test_a_password_of_any_characters_logs_in(film: Path, password: str, spelt: str) -> None:
    how = Opening(Access(networks=("127.0.0.1/32",)), (10.0, 10.0), lambda: None)
    with Camera(film, "me", password) as camera:
        address = read_address(f"rtsp://me:{spelt}@{camera.url.rpartition('@')[2]}", how.access)
        with opened(address, how) as source:
            assert next(packet.size for packet in source.container.demux(video=0))


def test_the_session_outlives_its_camera(film: Path) -> None:
    with Camera(film) as camera, serving(untrained(), read_timeout=2.0) as served:
        session = served.start(camera.url, "red circle")
        with served.results(session) as socket:
            read(socket, "state", state="live")
            ask(socket, type="prompts", prompts=[{"text": "star"}, {"text": "blue square"}])
            before = read(socket, "result")
            camera.kill()
            trouble = read(socket, "state", state="reconnecting")
            assert trouble["reason"]
            camera.start()
            read(socket, "state", state="live")
            after = read(socket, "result")
        assert [entry["echo"]["text"] for entry in after["prompt_results"]] == ["star", "blue square"]
        assert after["frame"]["index"] > before["frame"]["index"]
        assert after["frame"]["epoch"] > before["frame"]["epoch"]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_camera_whose_cable_is_pulled_is_given_up_after_one_timeout_and_comes_back(
    film: Path, transport: str
) -> None:
    """FFmpeg alone would wait for it twice as long: it gives what it has left, and begins to wait anew."""
    with Camera(film) as camera:
        viewer, source = Viewer(), UrlSource(f"{camera.url}?transport={transport}", read_timeout=2.5)
        async with viewer.watching(source):
            await viewer.seen(5)
            with camera.frozen():
                began = time.monotonic()
                reason = await viewer.until(lambda state, reason: state is State.RECONNECTING)
                waited = time.monotonic() - began
            seen = len(viewer.frames)
            await viewer.seen(seen + 1)
    assert reason.startswith("127.0.0.1 did not answer in time.")
    assert waited < 2 * 2.5
    assert viewer.frames[-1][1] > viewer.frames[0][1]  # its epoch


async def test_a_camera_that_is_down_can_be_stopped_at_once(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url, "backoff", lambda tries: 60.0)
    viewer = Viewer()
    async with viewer.watching(UrlSource(Camera(film).url)) as task:
        await viewer.until(lambda state, reason: state is State.RECONNECTING)
        task.cancel()
        async with asyncio.timeout(30):  # nobody waits for its next try
            await asyncio.wait([task])
    assert [state for state, _ in viewer.states] == [State.CONNECTING, State.RECONNECTING]


def test_a_camera_that_is_down_at_the_start_is_waited_for(film: Path) -> None:
    camera = Camera(film)
    with serving(untrained()) as served:
        session = served.start(camera.url)
        with served.results(session) as socket:
            trouble = read(socket, "state", state="reconnecting")
            assert "refuses connections" in trouble["reason"]
            try:
                camera.start()
                read(socket, "state", state="live")
                assert read(socket, "result")["frame"]["index"] >= 0
            finally:
                camera.kill()


def test_a_camera_that_sends_what_nobody_can_decode_is_not_called_live(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time it may take is set to nothing here: no packet is decoded before it is over."""
    monkeypatch.setattr(url, "BLIND", -1.0)
    with Camera(film) as camera, serving(untrained()) as served:
        session = served.start(camera.url)
        with served.results(session) as socket:
            trouble = read(socket, "state", state="reconnecting")
        assert "nothing it sends could be decoded" in trouble["reason"]


def test_a_wrong_password_is_told_and_none_is_shown(film: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with Camera(film, "viewer", "s3cret") as camera, serving(untrained()) as served:
        bare = served.start(camera.url.replace("viewer:s3cret@", ""))
        with served.results(bare) as socket:
            asked = read(socket, "state", state="reconnecting")
        assert "wants a user name and a password (401): write rtsp://name:password@127.0.0.1." in asked["reason"]
        wrong = served.start(camera.url.replace("s3cret", "wr0ng"))
        with served.results(wrong) as socket:
            trouble = read(socket, "state", state="reconnecting")
        assert "user name or password is wrong" in trouble["reason"]
        right = served.start(camera.url)
        with served.results(right) as socket:
            read(socket, "result")
        shown = served.http.get("/sessions").text
        assert "viewer:***@" in shown
        for words in (shown, caplog.text, trouble["reason"]):
            assert "s3cret" not in words
            assert "wr0ng" not in words
