"""Cameras that fail, with secrets in their addresses: no spelling of these shows anywhere."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from urllib.parse import quote, unquote

import av.logging
import pytest
from websockets.sync.client import ClientConnection

from streamer import cli
from streamer.commands import logs, run
from streamer.commands.terminal import Screen
from streamer.config import Config
from streamer.sources.url import UrlSource
from tests.support import failing
from tests.support.models import untrained
from tests.support.serving import SECONDS, Served, read, serving

KEY = "key_AbCdEf0123456789"
MARK = "hunTr2"  # of every secret, and between its signs: letters and digits, which nothing escapes
ODD = f"{MARK}@{MARK}/{MARK}?{MARK}%{MARK}#{MARK} {MARK}'{MARK}\"{MARK}&{MARK}={MARK}\\{MARK}"
LONG = f"{MARK}abcdefgh{MARK}IJKL"  # what a word is not

ADDRESSES = [
    f"rtsp://admin:{MARK}#34@127.0.0.1:PORT/1",
    f"rtsp://admin:{ODD}@127.0.0.1:PORT/1",
    f"rtsp://admin:{quote(ODD, safe='')}@127.0.0.1:PORT/1",
    f"rtsp://127.0.0.1:PORT/user=a&password={MARK}&channel=1",
    f"rtsp://127.0.0.1:PORT/user=a_password={MARK}_channel=1.sdp",
    f"rtsp://127.0.0.1:PORT/cam {LONG}?channel=1",
    f"http://admin:{ODD}@127.0.0.1:PORT/1",
    f"http://127.0.0.1:PORT/v.cgi?loginuse=a&loginpas={MARK}",
    f"http://127.0.0.1:PORT/a.m3u8?sig={MARK}'{MARK} {MARK}\"{MARK}&channel=1",
    f"http://127.0.0.1:PORT/live/{LONG}/a.m3u8?anything={MARK}#{MARK}",
    f"https://127.0.0.1:PORT/a.m3u8?token={MARK}",
    f"rtmp://127.0.0.1:PORT/live/{MARK}",
    f"rtmp://127.0.0.1:PORT/live/camera?key={MARK}",
    f"rtmp://me:{MARK}@127.0.0.1:PORT/live/camera",
]
# Refused without being opened.
WRONG = [
    f"rtsp://127.0.0.1/cam?a={MARK}\x1b[2J",
    f"rtsp://admin:{MARK}@127.0.0.1:port/1",
    f"rtsp://camera:554/{MARK}@{MARK}",
    f"rtsp:/admin:{MARK}@127.0.0.1/1",
    f"rtsp://admin:{MARK * 30}@127.0.0.1/1",
    f"rtmp://me:{MARK}?@127.0.0.1/live/camera",
    f"gopher://admin:{MARK}@127.0.0.1/1",
    f"demo://admin:{MARK}@127.0.0.1/1",
    f"srt://127.0.0.1?passphrase={MARK}",
    f"udp://127.0.0.1?password={MARK}",
    f"file://admin:{MARK}@127.0.0.1/1",
    f"/dev/video0?password={MARK}",
    f"/nowhere/user=a&password={MARK}",
    f"admin:{MARK}@127.0.0.1/1",
    f"127.0.0.1:554/user=a&password={MARK}",
]
LOGINS = [f"{user}:{secret}" for user in ("admin", "me") for secret in (MARK, ODD, f"{MARK}#34")]
ENCODED = [base64.b64encode(each.encode()).decode().rstrip("=")[:-1] for each in (MARK, ODD, KEY, *LOGINS)]


def secrets_in(text: str) -> list[str]:
    """The lines of a text that show a secret, however it is spelled."""
    return [
        line
        for line in text.splitlines()
        if any(
            mark.lower() in spelled.lower()
            for mark in (MARK, KEY)
            for spelled in (line, unquote(line), html.unescape(line))
        )
        or any(encoded in line for encoded in ENCODED)
    ]


@pytest.fixture(scope="module")
def log() -> Iterator[io.StringIO]:
    """What every logger says, FFmpeg's among them, as a command writes it."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logs.Formatter("%(name)s: %(message)s"))
    root, ffmpeg = logging.getLogger(), logging.getLogger("libav")
    levels = root.level, ffmpeg.level
    root.addHandler(handler)
    for logger in (root, ffmpeg):
        logger.setLevel(1)
    av.logging.set_level(av.logging.TRACE)
    yield lines
    av.logging.set_level(None)
    for logger, level in zip((root, ffmpeg), levels, strict=True):
        logger.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture(scope="module")
def served(log: io.StringIO) -> Iterator[Served]:
    waits = {"open_timeout": 5.0, "read_timeout": 5.0}
    with serving(untrained(), api_keys=(KEY,), source_networks=("127.0.0.0/8",), max_sessions=64, **waits) as server:
        loggers = [logging.getLogger(name) for name in ("uvicorn.error", "uvicorn.asgi")]  # uvicorn has set a level
        for logger in loggers:
            logger.setLevel(1)
        server.http.params = server.http.params.set("api_key", KEY)
        yield server


def settled(served: Served) -> str:
    """All sessions as they are listed, once none of them is connecting any more."""
    deadline = time.monotonic() + SECONDS
    while True:
        listed = served.http.get("/sessions")
        states = [each["state"] for each in listed.json()["sessions"]]
        if "connecting" not in states:
            assert set(states) <= {"reconnecting", "ended"}
            return listed.text
        assert time.monotonic() < deadline, listed.text
        time.sleep(0.02)


def told(socket: ClientConnection) -> str:
    """What a reader is told up to the first trouble."""
    heard: list[dict[str, object]] = []
    while not heard or heard[-1]["state"] == "connecting":
        heard.append(read(socket, "state"))
    return str(heard)


def event(served: Served, session: str) -> str:
    """The first server-sent event of a session."""
    with served.http.stream("GET", f"/sessions/{session}/events") as answer:
        return next(line for line in answer.iter_lines() if line.startswith("data: "))


@pytest.mark.parametrize("fails", [failing.nobody, failing.locked, failing.breaking])
def test_no_secret_of_a_camera_that_fails_shows_anywhere(
    fails: Callable[[], AbstractContextManager[int]], served: Served, log: io.StringIO
) -> None:
    log.truncate(log.seek(0))
    with fails() as port:
        answers = [
            served.http.post("/sessions", json={"source": address.replace("PORT", str(port))}) for address in ADDRESSES
        ]
        assert [answer.status_code for answer in answers] == [201] * len(ADDRESSES)
        sessions = [answer.json()["id"] for answer in answers]
        with served.results(sessions[-1], f"?api_key={KEY}") as socket:
            shown = [told(socket), settled(served), *(answer.text for answer in answers)]
        for session in sessions:
            for path in (f"/sessions/{session}", f"/sessions/{session}/frames/latest.jpg"):
                shown.append(served.http.get(path).text)
            shown.append(event(served, session))
        shown.append(served.http.get("/metrics").text)
        shown += [thread.name for thread in threading.enumerate()]
        for session in sessions:
            assert served.http.delete(f"/sessions/{session}").status_code == 204
    lines = log.getvalue()
    for heard in ("libav.rtmp: ", "libav.tcp: ", "websockets.client: ", "reconnecting"):
        assert heard in lines
    assert "Authorization: ***" in lines or fails is not failing.locked
    assert secrets_in("\n".join([*shown, lines])) == []


def test_nor_does_one_of_an_address_that_is_refused(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    for address in WRONG:
        answer = served.http.post("/sessions", json={"source": address})
        assert answer.status_code == 400, address
        assert secrets_in(answer.text) == []
        assert cli.main(["run", address]) == 2, address
    assert cli.main(["serve", "--source", WRONG[0]]) == 2
    said = capsys.readouterr().err
    assert len([line for line in said.splitlines() if line.startswith("streamer: ")]) == len(WRONG) + 1
    assert secrets_in(said) == []
    assert "\x1b" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", ADDRESSES[1]],
        ["run", f"rtsp://admin:{MARK}", f"{MARK}@127.0.0.1/1"],  # a space, and no quotes in the shell
        [ADDRESSES[1]],
        ["doctor", "--port", ADDRESSES[0]],
        ["run", ADDRESSES[0], "--follower", ADDRESSES[10]],
        ["serve", "--ice-server", f"turm:me:{MARK}@127.0.0.1"],
        ["serve", "--allow-origin", ADDRESSES[0]],
        ["serve", "--fetch-network", ADDRESSES[10]],
    ],
)
def test_nor_one_that_was_typed_in_a_wrong_place(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status: object = cli.main(arguments)
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr().err
    assert status == 2
    assert "streamer" in said
    assert secrets_in(said) == []


def test_nor_one_in_an_exception_that_nobody_foresaw(
    served: Served, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: UrlSource, outlet: object) -> None:
        raise RuntimeError(f"cannot open {source._address.url!r}") from UnicodeError(source._address.url)

    monkeypatch.setattr(UrlSource, "_read", broken)
    log.truncate(log.seek(0))
    sessions = [served.start(address.replace("PORT", "9")) for address in ADDRESSES]
    shown = settled(served)
    for session in sessions:
        served.http.delete(f"/sessions/{session}")
    assert shown.count("It failed inside: RuntimeError: cannot open ") == len(ADDRESSES)
    assert log.getvalue().count("Traceback") >= 2 * len(ADDRESSES)
    assert secrets_in(shown + log.getvalue()) == []


async def test_nor_one_of_a_camera_that_a_run_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "load", lambda *_: untrained())
    stop = asyncio.Event()

    class Said(io.StringIO):
        """Stops the run at the first trouble."""

        def write(self, text: str) -> int:
            if "reconnecting" in text:
                stop.set()
            return super().write(text)

    said = Said()
    with failing.locked() as port:
        job = run.Job(ADDRESSES[1].replace("PORT", str(port)))
        async with asyncio.timeout(SECONDS):
            assert await run.run(job, Config(), stop, Screen(said)) == 1
    assert "is wrong (401)" in said.getvalue()
    assert secrets_in(said.getvalue()) == []
