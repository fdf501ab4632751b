"""
A cluster with nine cameras by RTSP and WHIP, whose workers and front doors are killed and drained while it is read.

``python -m benchmarks.cluster_cameras`` starts a front door with three workers (a Ray of its own; no GPU needed), an
RTSP server and WHIP clients that come back where they are told to, and prints: after each kill with signal 9 of the
worker that has most of one kind, how long until its streams have results again, by kind; the same for one drain; how
many ids were given twice, and how many sessions were lost (0, 0); and whether two clients who read one session through
two doors get the same, and all sessions are there after a door was killed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.cluster import AGAIN, PROMPTS, Away, arrivals, cluster, listening, next_ids, returned, wait, workers_of
from benchmarks.first_light import machine
from benchmarks.kills import SECONDS, Server
from benchmarks.recording import record
from benchmarks.support.rtsp import Camera
from benchmarks.whip_camera import FileTrack

FPS, FRAMES = 5, 1800  # of the film: six minutes, which every client begins at its start
KINDS = ("webrtc", "url")  # of which the killed worker has most, in turns
SDP = {"Content-Type": "application/sdp"}


async def send(door: str, film: Path, begun: Callable[[str], object]) -> None:
    """A camera by WHIP, which posts a new offer where the session's readers are told to; ``begun`` hears its id."""
    place = "/whip?prompt=thing"
    async with httpx.AsyncClient(base_url=door, timeout=SECONDS) as http:
        while True:
            connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            connection.addTransceiver(FileTrack(str(film)), direction="sendonly")
            try:
                await connection.setLocalDescription(await connection.createOffer())
                answer = await http.post(place, content=connection.localDescription.sdp, headers=SDP)
                answer.raise_for_status()
                await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
                session = answer.headers["location"].rpartition("/")[2]
                begun(session)
                place = await offered(door, session)
            finally:
                await connection.close()


async def offered(door: str, session: str) -> str:
    """Where a session's camera is to post a new offer, once that is told."""
    address = f"{door.replace('http', 'ws', 1)}/sessions/{session}/results?format=none&max_fps=1"
    while True:
        with contextlib.suppress(ConnectionClosed, InvalidStatus, OSError):
            async with connect(address, ping_interval=None) as socket:
                while "offer" not in (message := json.loads(await socket.recv())):
                    pass
                return str(message["offer"])
        await asyncio.sleep(AGAIN)


@contextlib.contextmanager
def sending(door: str, film: Path, count: int) -> Iterator[list[str]]:
    """So many cameras by WHIP, on a thread of their own; their sessions."""
    sessions: dict[str, None] = {}
    over = threading.Event()

    async def run() -> None:
        tasks = [asyncio.create_task(send(door, film, sessions.setdefault)) for _ in range(count)]
        await asyncio.to_thread(over.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=[run()])
    thread.start()
    try:
        end = time.monotonic() + SECONDS
        while len(sessions) < count:
            assert time.monotonic() < end, "the cameras do not come"
            time.sleep(0.1)
        yield list(sessions)
    finally:
        over.set()
        thread.join()


def most(server: Server, sessions: list[str], kind: str) -> tuple[str, dict[str, str]]:
    """The worker that has most of the sessions of a kind, and the kinds of all of its sessions."""
    listed = server.sessions()
    worker = statistics.mode(listed[each]["worker"] for each in sessions if listed[each]["kind"] == kind)
    return worker, {each: listed[each]["kind"] for each in sessions if listed[each]["worker"] == worker}


def back(server: Server, theirs: dict[str, str], known: dict[str, set[int]], since: float) -> dict[str, Away]:
    """What becomes of these sessions, by the kind of their source."""
    away = {kind: Away() for kind in KINDS}
    for (session, kind), found in zip(theirs.items(), returned(server, list(theirs)), strict=True):
        away[kind].take(found, since, known[session])
    return away


def told(words: str, away: dict[str, Away]) -> None:
    """Print it."""
    for kind, name in zip(KINDS, ("WHIP", "RTSP"), strict=True):
        its = away[kind]
        seconds = ", ".join(f"{each:.1f}" for each in sorted(its.back))
        print(f"{words}, {name}: back after {seconds or '-'} s; ids twice {its.twice}, lost {its.lost}", flush=True)


def doors(server: Server, folder: Path, session: str, count: int) -> None:
    """Two clients through two doors; then the second door is killed, and started again."""
    (place,) = [line.rpartition(" ")[2] for line in server.lines if "its Ray is at" in line]
    second = Server(folder / "cluster.db", "--cluster", place)
    before = {name: each["worker"] for name, each in server.sessions().items()}

    async def both() -> tuple[dict[int, float], dict[int, float]]:
        one, other = (str(each.http.base_url).rstrip("/") for each in (server, second))
        return await asyncio.gather(arrivals(one, session, 30), arrivals(other, session, 30))

    through, beside = asyncio.run(both())
    print(f"Two clients through two doors: {len(through.keys() & beside.keys())} of 30 results are of the same frames.")
    second.kill()
    again = Server(folder / "cluster.db", "--cluster", place)
    after = {name: each["worker"] for name, each in again.sessions().items()}
    moved = sum(before[each] != after[each] for each in after)
    print(f"A killed door is back with {len(after)} of {count} sessions; {moved} of them have moved.")
    again.kill()


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--rtsp", type=int, default=5, help="cameras by RTSP")
    parser.add_argument("--whip", type=int, default=4, help="cameras by WHIP")
    given = parser.parse_args()
    os.environ["RAY_AUTH_MODE"] = "token"  # the second door joins by address
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        film = record(folder / "film.mp4", FRAMES, fps=FPS)
        with cluster(folder, given.workers) as server, Camera(film) as camera:
            body = {"source": camera.url, "prompts": PROMPTS}
            pulled = [server.http.post("/sessions", json=body).json()["id"] for _ in range(given.rtsp)]
            with sending(str(server.http.base_url).rstrip("/"), film, given.whip) as sent:
                measure(server, folder, [*pulled, *sent], given.kills, given.workers)


def measure(server: Server, folder: Path, sessions: list[str], kills: int, workers: int) -> None:
    """Kill, drain, and kill a door."""
    print(machine(), f"\n\n{len(sessions)} streams at {workers} workers", flush=True)
    at = sorted(each["worker"] for each in server.sessions().values())
    print("At the workers:", ", ".join(str(at.count(each)) for each in sorted(set(at))), flush=True)
    known = {each: asyncio.run(next_ids(server, each))[1] for each in sessions}
    for number in range(kills):
        wait(server, workers)
        worker, theirs = most(server, sessions, KINDS[number % 2])
        os.kill(listening(int(workers_of(server)[worker].rpartition(":")[2])), signal.SIGKILL)
        told(f"Kill {number + 1}", back(server, theirs, known, time.monotonic()))
    wait(server, workers)
    worker, theirs = most(server, sessions, KINDS[0])
    began = time.monotonic()
    moved = server.http.post(f"/cluster/workers/{worker}/drain").json()["moved"]
    told(f"Drain of {moved} in {time.monotonic() - began:.1f} s", back(server, theirs, known, began))
    doors(server, folder, sessions[0], len(sessions))


if __name__ == "__main__":
    main()
