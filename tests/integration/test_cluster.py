"""A real cluster of Ray on this machine: workers, front doors and the roster are killed with signal 9."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from benchmarks.cluster import listening
from benchmarks.kills import SECONDS, Server
from benchmarks.recording import record
from benchmarks.support.rtsp import Camera as Rtsp
from tests.support import needs
from tests.support.camera import Camera
from tests.support.doors import closed, live, offered, publish, results
from tests.support.serving import ask, read
from tests.support.squares import ids

DEMO = "demo:?size=160x120&fps=5&objects=2&seed={}"
PROMPTS = [{"text": "thing", "output_prob_thresh": 0.3}]

pytestmark = pytest.mark.timeout(400)


@contextlib.contextmanager
def door(folder: Path, address: str, *more: str) -> Iterator[Server]:
    server = Server(folder / "cluster.db", "--cluster", address, *more)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGINT)
        server.process.wait(SECONDS)
        server.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A front door that has started Ray, and all of it apart from any other Ray here; the folder of its store."""
    needs.ray()
    folder = tmp_path_factory.mktemp("cluster")
    short = tempfile.mkdtemp(prefix="ray")  # the paths of its sockets have at most 107 characters
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_TMPDIR", short)
        environment.setenv("RAY_AUTH_MODE", "token")  # who joins by address must say so
        environment.delenv("RAY_ADDRESS", raising=False)
        with door(folder, "local", "--workers", "2") as first:
            until(lambda: len(ready(first)) == 2)
            yield first, folder
    shutil.rmtree(short, ignore_errors=True)


def until(true: Any) -> Any:
    """Ask until it is so: nothing tells a client of it."""
    deadline = time.monotonic() + SECONDS
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def ready(server: Server) -> dict[str, str]:
    """Addresses of the workers that are ready, by name."""
    workers = server.http.get("/cluster").json()["workers"]
    return {each["name"]: each["address"] for each in workers if each["ready"]}


def start(server: Server, source: str) -> dict[str, Any]:
    answer = server.http.post("/sessions", json={"source": source, "prompts": PROMPTS})
    assert answer.status_code == 201, answer.text
    return {**answer.json(), "worker": answer.headers["x-worker"]}


def seen(server: Server, session: str) -> set[int]:
    """Ids of the first objects that are found."""
    with server.results(session) as socket:
        while not (found := ids(read(socket, "result"))):
            pass
    return set(found)


def with_example(server: Server, session: str) -> set[int]:
    """Ids of the first objects that are found; one of them is an example from then on."""
    with server.results(session) as socket:
        while not (found := ids(result := read(socket, "result"))):
            pass
        box = next(each["box"] for some in result["prompt_results"] for each in some["predictions"])
        example = {"text": "thing", "boxes": [dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))]}
        index = result["frame"]["index"]
        assert ask(socket, type="prompts", prompts=[*PROMPTS, example], frame_index=index)["kept"]
    return set(found)


@pytest.fixture
async def cameras() -> AsyncIterator[list[Camera]]:
    """One that sends, and the same one when it was told to come back."""
    cameras = [Camera(), Camera()]
    yield cameras
    for each in cameras:
        await each.close()


def kill(address: str) -> None:
    """End the process that listens there with signal 9."""
    os.kill(listening(int(address.rpartition(":")[2])), signal.SIGKILL)


def test_a_killed_workers_sessions_go_on_elsewhere_with_their_prompts_and_higher_ids(
    cluster: tuple[Server, Path],
) -> None:
    server, _ = cluster
    first, second = start(server, DEMO.format(1)), start(server, DEMO.format(2))
    assert {first["worker"], second["worker"]} == set(ready(server))
    before = seen(server, first["id"])
    with server.results(first["id"]) as socket:
        read(socket, "result")
        kill(ready(server)[first["worker"]])
        with contextlib.suppress(ConnectionClosed):  # else it fails by its timeout
            while True:
                socket.recv(timeout=SECONDS)
    after = seen(server, first["id"])
    assert min(after) > max(before)
    told = server.sessions()
    assert told[first["id"]]["worker"] == second["worker"]
    assert [(each["text"], each["output_prob_thresh"]) for each in told[first["id"]]["prompts"]] == [("thing", 0.3)]
    until(lambda: len(ready(server)) == 2)  # Ray has started its process anew
    for each in (first, second):
        assert server.http.delete(f"/sessions/{each['id']}").status_code == 204
    assert server.sessions() == {}


async def test_cameras_by_rtsp_and_whip_go_on_when_their_worker_is_killed(
    cluster: tuple[Server, Path], cameras: list[Camera], tmp_path: Path
) -> None:
    """Both run at one worker. Prompts, examples and ids go on; who sends by WHIP is told where to connect again."""
    needs.gstreamer()
    server, _ = cluster
    spare, busy = sorted(ready(server))
    server.http.post(f"/cluster/workers/{spare}/drain")
    async with httpx.AsyncClient(base_url=server.http.base_url, timeout=SECONDS) as http:
        with Rtsp(record(tmp_path / "film.mp4", 600)) as rtsp:
            pulled = start(server, rtsp.url)["id"]
            before = await asyncio.to_thread(with_example, server, pulled)
            sent = (await publish(http, cameras[0], "/whip?prompt=star")).headers["location"].removeprefix("/whip/")
            await live(http, sent)
            assert {each["worker"] for each in server.sessions().values()} == {busy}
            server.http.post(f"/cluster/workers/{spare}/drain", params={"on": False})
            async with results(http, sent) as socket:
                kill(ready(server)[busy])
                await closed(socket)
            async with results(http, sent) as socket:
                await publish(http, cameras[1], await offered(socket))
            assert [each["text"] for each in (await live(http, sent))["prompts"]] == ["star"]
            assert min(await asyncio.to_thread(seen, server, pulled)) > max(before)
            told = server.sessions()
            assert {told[each]["worker"] for each in (pulled, sent)} == {spare}
            assert ["boxes" in each for each in told[pulled]["prompts"]] == [False, True]
    until(lambda: len(ready(server)) == 2)
    for each in (pulled, sent):
        assert server.http.delete(f"/sessions/{each}").status_code == 204


def test_two_doors_serve_one_cluster_and_one_that_was_killed_comes_back_with_all_of_it(
    cluster: tuple[Server, Path],
) -> None:
    first, folder = cluster
    (place,) = [line.rpartition(" ")[2] for line in first.lines if "its Ray is at" in line]
    with door(folder, place) as second:
        session = start(second, DEMO.format(3))["id"]
        with first.results(session) as one, second.results(session) as other:
            assert read(one, "result")["session"] == read(other, "result")["session"] == session
            second.process.kill()
            read(one, "result")
    with door(folder, place) as again:
        assert set(again.sessions()) == {session}
        assert seen(again, session)
        assert again.http.delete(f"/sessions/{session}").status_code == 204
    with contextlib.suppress(httpx.HTTPError):
        assert first.sessions() == {}


def test_streams_go_on_while_the_roster_is_killed_and_what_is_started_then_is_kept(
    cluster: tuple[Server, Path],
) -> None:
    server, _ = cluster
    first = start(server, DEMO.format(6))
    (roster,) = [each for each in psutil.Process(server.process.pid).children(recursive=True) if is_roster(each)]
    with server.results(first["id"]) as socket:
        before = read(socket, "result")["frame"]["index"]
        roster.kill()
        second = start(server, DEMO.format(7))
        with server.results(first["id"]) as other:
            assert read(other, "result")["frame"]["index"] > before
        until(lambda: server.http.get(f"/sessions/{second['id']}").json().get("kept"))
        until(lambda: len(ready(server)) == 2)
        assert read(socket, "result")["frame"]["index"] > before  # it has never been closed
    told = server.sessions()
    assert {each: told[each]["worker"] for each in told} == {each["id"]: each["worker"] for each in (first, second)}
    assert not roster.is_running()
    until(lambda: server.http.get("/cluster").json()["doors"])
    for each in told:
        assert server.http.delete(f"/sessions/{each}").status_code == 204


def is_roster(process: psutil.Process) -> bool:
    """Ray names its processes by their actor."""
    with contextlib.suppress(psutil.Error):
        return bool(process.cmdline()[0].startswith("ray::RosterActor"))
    return False


def test_a_worker_is_drained_while_it_is_read(cluster: tuple[Server, Path]) -> None:
    server, _ = cluster
    session = start(server, DEMO.format(4))
    before = seen(server, session["id"])
    answer = server.http.post(f"/cluster/workers/{session['worker']}/drain").json()
    assert (answer["draining"], answer["moved"]) == (True, 1)
    assert min(seen(server, session["id"])) > max(before)
    assert server.sessions()[session["id"]]["worker"] != session["worker"]
    assert start(server, DEMO.format(5))["worker"] != session["worker"]
    server.http.post(f"/cluster/workers/{session['worker']}/drain", params={"on": False})
