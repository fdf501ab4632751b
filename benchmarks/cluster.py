"""
What a cluster costs on one machine, and how long a stream is away when its worker is killed.

``python -m benchmarks.cluster --kills 20`` starts a front door with three workers (a Ray of its own; no GPU needed) and
prints: how much later a result comes through the front door than from the worker itself (the bar: 5 ms, p95), and the
door's processor time for it; looks for each second of processor time, of one process without Ray and of a worker with
all that belongs to the cluster (at least 0.9 of the first); and, over so many kills with signal 9 of the worker that
has most, how long until each of its streams has results again (5 s, p95), how many ids were given twice (0) and how
many sessions were lost (0).
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
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.first_light import judged, machine
from benchmarks.kills import SECONDS, Server

CAMERA = "demo:?size=320x240&fps=10&objects=2&seed={}"
PROMPTS = [{"text": "thing", "output_prob_thresh": 0.3}]
RELAY, BACK, SHARE = 5.0, 5.0, 0.9  # the bars: ms, s, looks for each second of processor time
AGAIN = 0.05  # seconds between tries to connect


@dataclass
class Away:
    """What became of the killed workers' streams. ``back``: seconds from the kill to the next result."""

    back: list[float] = field(default_factory=list)
    twice: int = 0
    lost: int = 0

    def take(self, found: tuple[float, set[int]] | BaseException, since: float, known: set[int]) -> None:
        """Add one of :func:`returned`, with the ids that its stream has had, which grow."""
        if isinstance(found, BaseException):
            self.lost += 1
            return
        self.back.append(found[0] - since)
        self.twice += len(found[1] & known)
        known |= found[1]


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[Server]:
    """A front door that has started a Ray of its own, with that many workers that are ready."""
    os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="ray")
    os.environ.pop("RAY_ADDRESS", None)
    server = Server(folder / "cluster.db", "--cluster", "local", "--workers", str(workers))
    try:
        wait(server, workers)
        yield server
    finally:
        server.process.send_signal(signal.SIGINT)
        server.process.wait(SECONDS)
        server.kill()


def workers_of(server: Server) -> dict[str, str]:
    """Addresses of the workers that are ready."""
    return {each["name"]: each["address"] for each in server.http.get("/cluster").json()["workers"] if each["ready"]}


def wait(server: Server, workers: int) -> None:
    """Until so many workers are ready."""
    end = time.monotonic() + SECONDS
    while len(workers_of(server)) < workers:
        assert time.monotonic() < end, "the workers do not come"
        time.sleep(0.2)


def start(server: Server, seed: int) -> str:
    """Start a session; its id."""
    answer = server.http.post("/sessions", json={"source": CAMERA.format(seed), "prompts": PROMPTS})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def arrivals(address: str, session: str, results: int) -> dict[int, float]:
    """When the result of each frame came, in ms, by its index."""
    found: dict[int, float] = {}
    async with connect(f"{address.replace('http', 'ws')}/sessions/{session}/results", ping_interval=None) as socket:
        while len(found) < results:
            message = json.loads(await socket.recv())
            if message["type"] == "result":
                found.setdefault(message["frame"]["index"], time.monotonic() * 1000)
    return found


def relayed(server: Server, results: int) -> tuple[list[float], float]:
    """How much later results come through the door than from the worker, in ms; the door's CPU ms for each result."""
    session = start(server, 1)
    worker = workers_of(server)[server.sessions()[session]["worker"]]
    door, before = psutil.Process(server.process.pid), psutil.Process(server.process.pid).cpu_times()

    async def both() -> tuple[dict[int, float], dict[int, float]]:
        here = str(server.http.base_url).rstrip("/")
        return await asyncio.gather(arrivals(here, session, results), arrivals(worker, session, results))

    through, direct = asyncio.run(both())
    after = door.cpu_times()
    spent = after.user + after.system - before.user - before.system
    server.http.delete(f"/sessions/{session}")
    return [through[index] - direct[index] for index in through.keys() & direct.keys()], 1000 * spent / len(through)


def looks_for_each_second(server: Server, streams: int, seconds: float) -> float:
    """Looks for each second of processor time of the server and all that it has started."""
    sessions = [start(server, 10 + each) for each in range(streams)]
    time.sleep(3.0)  # past the first looks, which find everything
    looks, spent = -looked(server), -processor(server)
    time.sleep(seconds)
    looks, spent = looks + looked(server), spent + processor(server)
    for each in sessions:
        server.http.delete(f"/sessions/{each}")
    return looks / spent


def looked(server: Server) -> int:
    """Frames that were looked at."""
    return sum(each["frames"]["looked_at"] for each in server.sessions().values())


def processor(server: Server) -> float:
    """Seconds of processor time of a server and of everything that it has started."""
    top = psutil.Process(server.process.pid)
    total = 0.0
    for each in [top, *top.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


async def next_ids(server: Server, session: str) -> tuple[float, set[int]]:
    """When the session has its next result, whoever has it now; the ids of the first objects that are found."""
    first, address = 0.0, f"ws://{server.http.base_url.netloc.decode()}/sessions/{session}/results?format=none"
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(ConnectionClosed, InvalidStatus, OSError):
                async with connect(address, ping_interval=None) as socket:
                    while True:
                        message = json.loads(await socket.recv())
                        if message["type"] != "result":
                            continue
                        first = first or time.monotonic()
                        found = {
                            each["object_id"] for some in message["prompt_results"] for each in some["predictions"]
                        }
                        if found:
                            return first, found
            await asyncio.sleep(AGAIN)


def returned(server: Server, sessions: Sequence[str]) -> list[tuple[float, set[int]] | BaseException]:
    """What :func:`next_ids` says of each, all at once; of one that does not come back, why."""

    async def all_back() -> list[tuple[float, set[int]] | BaseException]:
        return await asyncio.gather(*(next_ids(server, each) for each in sessions), return_exceptions=True)

    return asyncio.run(all_back())


def kills(server: Server, times: int, workers: int, streams: int) -> Away:
    """So many kills of the worker that has most."""
    away, sessions = Away(), [start(server, 20 + each) for each in range(streams)]
    known: dict[str, set[int]] = {each: asyncio.run(next_ids(server, each))[1] for each in sessions}
    for _ in range(times):
        wait(server, workers)
        listed = server.sessions()
        of = [listed[each]["worker"] for each in sessions]
        most = statistics.mode(of)
        port = int(workers_of(server)[most].rpartition(":")[2])
        os.kill(listening(port), signal.SIGKILL)
        killed = time.monotonic()
        theirs = [session for session, worker in zip(sessions, of, strict=True) if worker == most]
        for session, found in zip(theirs, returned(server, theirs), strict=True):
            away.take(found, killed, known[session])
    for each in sessions:
        server.http.delete(f"/sessions/{each}")
    return away


def listening(port: int) -> int:
    """The process that listens on a port of this machine."""
    (pid,) = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid is not None
    }
    return int(pid)


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--streams", type=int, default=3, help="of which the worker with the most is killed")
    parser.add_argument("--results", type=int, default=200, help="that are compared through the door and without it")
    parser.add_argument("--seconds", type=float, default=30.0, help="that processor time is counted for")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone = Server(Path(folder) / "one.db")
        try:
            one = looks_for_each_second(alone, given.streams, given.seconds)
        finally:
            alone.kill()
        with cluster(Path(folder), given.workers) as server:
            later, spent = relayed(server, given.results)
            several = looks_for_each_second(server, given.streams, given.seconds)
            away = kills(server, given.kills, given.workers, given.streams)
    print(machine(), "\n")
    print(f"Results are {statistics.median(later):.1f} ms later (median).", end=" ")
    if away.back:
        print(f"{len(away.back)} streams were back after {statistics.median(away.back):.1f} s (median).")
    print(f"The door's processor time for a result: {spent:.2f} ms. Looks a second of it, one process: {one:.2f}.\n")
    print(judged(bars(later, several / one, away)))


def bars(later: Sequence[float], share: float, away: Away) -> list[tuple[str, str, bool]]:
    """What is aimed at, what came out, and whether that is enough. Without kills nothing is said of those."""
    relay = p95(later)
    found = [
        (f"a result is {RELAY:.0f} ms later at most, p95", f"{relay:.1f} ms", relay <= RELAY),
        (f"looks for each core-second, {SHARE} of one process", f"{share:.2f}", share >= SHARE),
    ]
    if away.back:
        back = p95(away.back)
        found.append((f"a stream is back within {BACK:.0f} s, p95", f"{back:.1f} s", back <= BACK))
    if away.back or away.lost:
        found.append(
            ("no id is given twice, no session lost", f"{away.twice}, {away.lost}", away.twice + away.lost == 0)
        )
    return found


if __name__ == "__main__":
    main()
