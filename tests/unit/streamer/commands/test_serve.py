"""streamer.commands.serve: the socket, the first sessions, the status, the end."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from streamer.commands.serve import First, address_of, listen, serve
from streamer.commands.terminal import Screen
from streamer.config import Config
from streamer.errors import BadRequest
from tests.support.weights import random_weights
from tracker import Tracker, WeightsError

WAIT = 60  # seconds until a test gives up


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    weights = random_weights(tmp_path_factory.mktemp("weights"))
    return Config(port=0, checkpoint=weights, threads=1)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT):
        while not true():  # noqa: ASYNC110  (what is printed tells nobody)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def serving(config: Config, first: First) -> AsyncIterator[tuple[io.StringIO, httpx.AsyncClient]]:
    """Serve until the block ends, then be told by SIGTERM as an init system does."""
    printed = io.StringIO()
    async with asyncio.TaskGroup() as tasks:
        served = tasks.create_task(serve(config, first, Screen(printed)))
        await until(lambda: "open http" in printed.getvalue())
        address = re.search(r"http://\S+", printed.getvalue())
        assert address is not None
        async with httpx.AsyncClient(base_url=address[0], timeout=WAIT) as http:
            try:
                yield printed, http
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
    assert served.result() == 0


async def test_it_starts_its_sessions_when_the_model_is_there_and_shows_how_they_go(config: Config) -> None:
    first = First(["demo:?size=128x96", "demo:?seed=2&size=128x96"], ["star", "unicorn"], status=True)
    async with serving(config, first) as (printed, http):
        await until(lambda: re.search(r"demo:\?size=128x96  live", printed.getvalue()) or _again(printed))
        sessions = (await http.get("/sessions")).json()["sessions"]
        assert [each["source"] for each in sessions] == list(first.sources)
        assert [prompt["text"] for prompt in sessions[0]["prompts"]] == ["star", "unicorn"]
        assert (await http.get("/readyz")).json()["model"] == "nano"


def _again(printed: io.StringIO) -> bool:
    """Where lines are not rewritten a status comes every five seconds."""
    return "  connecting" in printed.getvalue() and "  live" in printed.getvalue()


async def test_told_twice_it_leaves_nothing_open_that_would_end_in_a_traceback(config: Config) -> None:
    before = asyncio.all_tasks()
    async with serving(config, First()) as (_, http):
        assert (await http.get("/healthz")).status_code == 200
        os.kill(os.getpid(), signal.SIGTERM)  # and once more at the end of the block
    assert asyncio.all_tasks() == before


async def test_a_source_over_the_limit_is_left_out_and_the_rest_runs(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    one = config.model_copy(update={"max_sessions": 1})
    async with serving(one, First(["demo:?size=128x96", "demo:?seed=2&size=128x96"])) as (_, http):
        await until(lambda: "was not started" in caplog.text)
        assert len((await http.get("/sessions")).json()["sessions"]) == 1


async def test_damaged_weights_end_the_server_and_are_named(config: Config, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    assert config.checkpoint is not None
    cut.write_bytes(config.checkpoint.read_bytes()[:1000])
    async with asyncio.timeout(WAIT):
        with pytest.raises(WeightsError, match="cut short"):
            await serve(config.model_copy(update={"checkpoint": cut}), First(), Screen(io.StringIO()))


async def test_a_gpu_that_breaks_ends_the_server_with_a_status_after_which_it_is_started_again(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Tracker, "step", broken)
    async with asyncio.timeout(WAIT):
        assert await serve(config, First(["demo:?size=128x96"], ["star"]), Screen(io.StringIO())) == 1
    assert "The device broke: CUDA error: an illegal memory access was encountered" in caplog.text


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (First(["/nowhere.mp4"]), "no file"),
        (First(["gopher://x"]), "not a scheme"),
        (First(["demo:"], ["p"] * 17), "at most 16"),
    ],
)
async def test_a_source_that_can_be_seen_to_be_wrong_is_refused_at_once(
    config: Config, first: First, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        await serve(config, first, Screen(io.StringIO()))


async def test_a_port_in_use_is_refused_in_one_line(config: Config) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadRequest, match=rf"Port {port} of 127\.0\.0\.1 is in use.*--port"):
            await serve(config.model_copy(update={"port": port}), First(), Screen(io.StringIO()))


@pytest.mark.parametrize("host", ["192.0.2.123", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused_in_words(host: str) -> None:
    with pytest.raises(BadRequest, match="not an address of this machine"), listen(host, 0):
        pass


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", r"http://localhost:\d+$"),
        ("0.0.0.0", r"http://localhost:\d+ \(listening on all"),
        ("::1", r"http://localhost:\d+$"),
    ],
)
def test_the_address_shown_can_be_opened_on_this_machine(host: str, shown: str) -> None:
    with listen(host, 0) as bound:
        assert isinstance(bound, socket.socket)
        assert re.match(shown, address_of(bound))


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """Nagle's algorithm would hold the second part of each answer back for 40 ms."""
    with listen("127.0.0.1", 0) as bound, socket.create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
