"""
Kill the real server with signal 9 while sessions are started, edited and deleted, start it again, see what is lost.

``python -m benchmarks.kills 20`` prints how many changes were acknowledged, how many of them were lost (the bar: 0),
how many objects' ids were given twice (0), and how long after the model was ready every session was back (10 s).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SECONDS = 120.0  # for anything to happen on a busy machine
CAMERA = "demo:?fps=10"
WORDS = ("red circle", "blue thing")  # which the camera shows most of the time
GONE = (httpx.TransportError, ConnectionClosed, OSError, TimeoutError)  # what a client of a killed server meets


@dataclass
class Known:
    """
    What clients were told. ``prompts``: the last text that was acknowledged, and the last that was sent, by session.

    ``doubtful``: sessions whose start or end was asked for and not answered.
    """

    prompts: dict[str, tuple[str, str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    acknowledged: int = 0
    ids: list[set[int]] = field(default_factory=list)  # of the first session's objects, by the server's lives
    back: list[float] = field(default_factory=list)  # seconds from ready until every session gave pictures
    lost: list[str] = field(default_factory=list)


class Server:
    """The server in a process of its own, on a port that it picks."""

    def __init__(self, store: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "streamer", "serve", "--port", "0", "--store", str(store), "--threads", "1"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*command, *arguments], stdout=pipe, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self.http = httpx.Client(timeout=SECONDS)
        self._ready = threading.Event()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()
        if not self._ready.wait(SECONDS):
            self.kill()
            raise AssertionError(f"it does not start: {self.lines}")
        self.began = time.monotonic()
        address = next((found[1] for found in map(re.compile(r"open (http://\S+)").search, self.lines) if found), None)
        assert address is not None, self.lines
        self.http.base_url = httpx.URL(address)

    def kill(self) -> None:
        """With signal 9, as a lack of memory does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reading.join()
        self.http.close()

    def sessions(self) -> dict[str, dict[str, Any]]:
        """Its sessions by id."""
        return {each["id"]: each for each in self.http.get("/sessions").json()["sessions"]}

    def results(self, session: str) -> contextlib.AbstractContextManager[Any]:
        """A reader of a session."""
        address = f"ws://{self.http.base_url.netloc.decode()}/sessions/{session}/results?format=none"
        return connect(address, open_timeout=SECONDS, ping_interval=None)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line.rstrip())
                if " is ready" in line:
                    self._ready.set()
        self._ready.set()


def edit(server: Server, session: str, texts: Iterator[str], known: Known) -> None:
    """Edit the prompts of a session all the time, and note what is acknowledged, and the ids that are seen."""
    with contextlib.suppress(*GONE), server.results(session) as socket:
        for text in texts:
            known.prompts[session] = known.prompts[session][0], text
            prompts = [*WORDS, {"text": text, "id": "edited"}]
            socket.send(json.dumps({"type": "prompts", "prompts": prompts, "request": text}))
            while True:
                message = json.loads(socket.recv(timeout=SECONDS))
                if message["type"] == "result":
                    found = [each for some in message["prompt_results"] for each in some["predictions"]]
                    known.ids[-1] |= {each["object_id"] for each in found}
                if message.get("request") == text:
                    break
            assert message["type"] == "ack", message
            if message["kept"]:
                known.prompts[session] = text, text
                known.acknowledged += 1


def come_and_go(server: Server, known: Known) -> None:
    """Start sessions that stay, and delete every second of them."""
    for number in itertools.count():
        try:
            body = {"source": f"demo:?size=64x64&fps=1&seed={number}", "prompts": ["star"], "keep": True}
            answer = server.http.post("/sessions", json=body)
            assert answer.status_code == 201, answer.text
            session = answer.json()["id"]
            known.acknowledged += 1
            if number % 2 == 0 and len(known.prompts) < 4:  # these stay
                known.prompts[session] = "", ""
                continue
            known.doubtful.add(session)
            assert server.http.delete(f"/sessions/{session}").status_code == 204
            known.deleted.add(session)
            known.doubtful.discard(session)
            known.acknowledged += 1
        except GONE:
            return


def look(server: Server, known: Known) -> None:
    """What is there after a start, and what of it should be."""
    there = server.sessions()
    for session, (acknowledged, sent) in known.prompts.items():
        if session not in there:
            known.lost.append(f"session {session}")
            continue
        edited = [each["text"] for each in there[session]["prompts"] if each.get("id") == "edited"]
        if acknowledged and edited not in ([acknowledged], [sent]):
            known.lost.append(f"{session} asks {edited}, not {acknowledged}")
    known.lost += [f"{session} is back" for session in known.deleted & set(there)]
    while any(each["state"] != "live" for each in server.sessions().values()):
        time.sleep(0.05)
    known.back.append(time.monotonic() - server.began)
    for session in set(there) - set(known.prompts):  # begun or deleted without an answer: both are right
        server.http.delete(f"/sessions/{session}")


def kills(times: int, store: Path, *, load: tuple[float, float] = (0.5, 3.0), arguments: Sequence[str] = ()) -> Known:
    """So many kills, each after some seconds of ``load``; what became of what was acknowledged."""
    known, texts, chance = Known(), (f"word {number}" for number in itertools.count()), random.Random(5)  # noqa: S311  (no secret)
    server = Server(store, *arguments)
    try:
        answer = server.http.post("/sessions", json={"source": CAMERA, "prompts": list(WORDS), "keep": True}).json()
        assert answer["kept"], answer
        known.prompts[answer["id"]] = "", ""
        for _ in range(times):
            known.ids.append(set())
            threads = [
                threading.Thread(target=edit, args=(server, answer["id"], texts, known)),
                threading.Thread(target=come_and_go, args=(server, known)),
            ]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(*load))
            seen_by = time.monotonic() + SECONDS
            while not known.ids[-1] and time.monotonic() < seen_by:
                time.sleep(0.05)
            server.kill()
            for thread in threads:
                thread.join()
            server = Server(store, *arguments)
            look(server, known)
    finally:
        server.kill()
    return known


def twice(lives: Sequence[set[int]]) -> set[int]:
    """Ids that objects had in more than one life of the server."""
    return {each for one, other in itertools.combinations(lives, 2) for each in one & other}


def main() -> None:
    """As the command line asks."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        known = kills(times, Path(folder) / "sessions.db")
    print(f"kills: {times}, acknowledged: {known.acknowledged}, sessions at the end: {len(known.prompts)}")
    print(f"lost: {len(known.lost)} {known.lost or ''}")
    print(f"ids seen: {len(set().union(*known.ids))}, given twice: {len(twice(known.ids))}")
    print(f"back after the model was ready: median {sorted(known.back)[len(known.back) // 2]:.1f} s, ", end="")
    print(f"longest {max(known.back):.1f} s")


if __name__ == "__main__":
    main()
