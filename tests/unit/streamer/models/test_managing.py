"""Models fetched and changed: one at a time, told as it goes, and refused in words where it cannot be."""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import huggingface_hub
import pytest

import tracker.checkpoints.download
from streamer import figures
from streamer.config import Config
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import BadRequest, Conflict, NotFound, StreamerError, TooMany
from streamer.models import managing
from streamer.models.managing import Download, Models
from tests.support import second_model
from tests.support.hub import CONTENT, Hub
from tests.support.second_model import FILE, NAME
from tracker import Sam3, TrackerError, kept
from tracker.checkpoints import room
from tracker.model.configs import NANO


def fake_model(name: str = "nano") -> Any:
    return SimpleNamespace(name=name, device=SimpleNamespace(type="cpu"), config=replace(NANO, name=name))


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(fake_model)
    await engine.load()
    yield engine
    await engine.close()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with second_model.offered(monkeypatch, tmp_path, CONTENT) as (hub, _):
        yield hub


@pytest.fixture
async def models(engine: Engine, hub: Hub) -> AsyncIterator[Models]:
    async with asyncio.timeout(100), managed(engine) as models:
        yield models


def managed(*engines: Engine, **settings: Any) -> Models:
    return Models(Engines(*engines), Config(**settings), adopt=lambda *_: lambda: None, rest=lambda *_: None)


async def ended(models: Models) -> Download:
    """The download, once it has ended."""
    await asyncio.gather(*models._tasks)
    return models.downloads[NAME]


async def test_a_model_is_fetched_and_how_far_it_is_can_be_told(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not models.there(models._entry(NAME))
    told: list[tuple[int, int | None]] = []
    really = tracker.checkpoints.download._read

    def read(*given: Any) -> None:
        told.append((models.downloads[NAME].done, models.downloads[NAME].size))
        really(*given)

    monkeypatch.setattr(tracker.checkpoints.download, "_read", read)
    models.fetch(NAME)
    with pytest.raises(Conflict, match="second is being fetched already"):
        models.fetch(NAME)
    with pytest.raises(TooMany, match="second is being fetched, and one model at a time"):
        models.fetch("sam3")
    assert await ended(models) == Download(NAME, len(CONTENT), len(CONTENT), "done")
    assert told == [(0, len(CONTENT))]
    assert models.there(models._entry(NAME)) and kept(FILE) == models.weights(models._entry(NAME))
    with pytest.raises(Conflict, match="there is nothing to fetch"):
        models.fetch(NAME)


async def test_after_a_failure_the_next_try_goes_on_where_it_broke_off(models: Models, hub: Hub) -> None:
    module, third = tracker.checkpoints.download, len(CONTENT) // 3
    hub.most = third
    with pytest.MonkeyPatch.context() as once:
        once.setattr(module, "_resume", lambda asked, say: module._read(asked, 0, say))  # it does not try again
        models.fetch(NAME)
        failed = await ended(models)
    assert (failed.state, failed.done) == ("failed", third)
    assert failed.why is not None and "What has come so far is kept" in failed.why
    hub.most = len(CONTENT)
    models.fetch(NAME)
    assert (await ended(models)).state == "done"
    assert hub.asked == [None, f"bytes={third}-"]


def wrong_hash(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.files[FILE.name] = CONTENT[::-1]


def full_disk(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise httpx.ConnectError("unreachable")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", refuse)


def a_surprise(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managing, "download", lambda *_, **__: 1 / 0)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (wrong_hash, "second.pt is not the file that is known here: the server says SHA-256"),
        (
            full_disk,
            "second.pt cannot be kept: .*10 MB are to come, and .* has room for 0 MB. HF_HOME names another place",
        ),
        (
            no_network,
            r"second.pt cannot be had \(ConnectError\). What has come so far is kept; try again with a network",
        ),
        (a_surprise, "ZeroDivisionError: division by zero"),
    ],
)
async def test_what_goes_wrong_is_told_in_words(
    models: Models, hub: Hub, monkeypatch: pytest.MonkeyPatch, trouble: Callable[..., None], words: str
) -> None:
    trouble(hub, monkeypatch)
    models.fetch(NAME)
    failed = await ended(models)
    assert failed.state == "failed"
    assert re.search(words, failed.why or ""), failed.why


async def test_the_end_of_the_server_ends_a_download_and_keeps_what_came(engine: Engine, hub: Hub) -> None:
    come, go_on, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    def held(file: Any, say: Any, *, watch: Callable[[int, int], None]) -> None:
        threads.append(threading.current_thread())
        come.set()
        assert go_on.wait(60)
        watch(1, 2)
        raise AssertionError("was not stopped")

    monkey = pytest.MonkeyPatch()
    monkey.setattr(managing, "download", held)
    try:
        async with asyncio.timeout(60), managed(engine) as models:
            models.fetch(NAME)
            await asyncio.to_thread(come.wait, 60)
        go_on.set()
        await asyncio.to_thread(threads[0].join, 60)
    finally:
        monkey.undo()
    assert models.downloads[NAME].done == 1 and threads[0].daemon


@pytest.mark.parametrize(
    ("name", "resolution", "refusal", "words"),
    [
        ("huge", None, NotFound, "There is no model 'huge'"),
        ("nano", None, Conflict, "nano answers already, at 384 pixels"),
        ("nano", 5, BadRequest, "resolution: nano has none of 5 pixels"),
        ("sam3", None, Conflict, "sam3 is not on this machine"),
    ],
)
async def test_what_cannot_be_used_is_refused_in_words(
    models: Models, name: str, resolution: int | None, refusal: type[StreamerError], words: str
) -> None:
    with pytest.raises(refusal, match=words):
        models.use(name, resolution)
    assert models.change is None


async def test_a_model_that_would_not_fit_into_memory_is_refused_before_it_is_read(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(name: str, weights: Path, devices: Any) -> None:
        raise TrackerError(f"{name} needs about 7.0 GB of memory, and 2.0 GB are free.")

    monkeypatch.setattr(managing, "check_room", full)
    models.fetch(NAME)
    await ended(models)
    with pytest.raises(Conflict, match=r"second needs about 7\.0 GB of memory, and 2\.0 GB are free") as refusal:
        models.use(NAME)
    assert "--model" in refusal.value.detail and models.change is None


async def test_two_devices_of_one_memory_need_room_for_two_copies(
    engine: Engine, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Engine(fake_model)
    await other.load()
    async with asyncio.timeout(60), managed(engine) as one, managed(engine, other) as two:
        two.fetch(NAME)
        await ended(two)
        entry = two._entry(NAME)
        needs = one.memory(entry) or 0
        monkeypatch.setattr(room, "free", lambda device=None: needs)
        assert needs < (two.memory(entry) or 0)
        with pytest.raises(Conflict, match=r"second needs about .* of memory for 2 devices"):
            two.use(NAME)
        assert two.change is None
    await other.close()


async def test_one_change_at_a_time_and_one_that_fails_leaves_the_old_one_and_says_why(
    models: Models, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.fetch(NAME)
    await ended(models)
    begun, go_on = threading.Event(), threading.Event()
    read: list[Config] = []

    def load(config: Config, device: str | None, say: Callable[[str], None]) -> Sam3:
        read.append(config)
        say("reading it")
        begun.set()
        assert go_on.wait(60)
        raise TrackerError("the file ends at byte 12")

    monkeypatch.setattr("streamer.models.loading.read", load)
    monkeypatch.setattr("streamer.models.changing.set_threads", lambda count: None)
    models.use(NAME)
    await asyncio.to_thread(begun.wait, 60)
    change = models.change
    assert change is not None and (change.state, change.words) == ("running", "reading it")
    with pytest.raises(Conflict, match="goes over to second already"):
        models.use(NAME)
    with pytest.raises(TooMany, match="one change at a time"):
        models.use("nano", 320)
    go_on.set()
    await asyncio.gather(*models._tasks)
    assert (change.state, change.why) == ("failed", "the file ends at byte 12")
    assert engine.need_answers().name == "nano"
    assert (read[0].model, read[0].checkpoint, read[0].resolution) == (NAME, None, None)


async def test_the_model_that_the_server_began_with_can_be_gone_back_to_with_its_own_weights(
    engine: Engine, hub: Hub, tmp_path: Path
) -> None:
    own = tmp_path / "own.pt"
    own.touch()
    async with managed(engine, checkpoint=own) as models:
        nano = models._entry("nano")
        assert models.weights(nano) == own
        models._first, engine.model = "nano", fake_model("second")
        assert models.weights(nano) == own and models._settings(nano, 320).checkpoint == own
    async with managed(engine, model="some/nano/file.pt") as models:
        models._first = "nano"
        assert models.there(nano) and models.weights(nano) is None


async def test_the_speed_of_this_machine_is_found_out_once(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    speed = models.speed()
    monkeypatch.setattr(figures, "speed", lambda *_: 1 / 0)
    assert speed is not None and models.speed() is speed
