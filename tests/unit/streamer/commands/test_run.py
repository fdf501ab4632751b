"""streamer.commands.run: every frame of a recording, the newest of a live source, files complete however it ends."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from benchmarks.recording import record
from streamer.access import Access
from streamer.commands import run as command
from streamer.commands.run import INTERRUPTED, Job, count_frames
from streamer.commands.terminal import Screen
from streamer.config import Config
from streamer.errors import BadRequest
from tests.support.room import room
from tests.support.weights import random_weights
from tracker import WeightsError

FRAMES = 24


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(checkpoint=random_weights(tmp_path_factory.mktemp("weights")), threads=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("world") / "world.mp4", FRAMES)


async def run(job: Job, config: Config, stop: asyncio.Event) -> int:
    """As the command line does it."""
    return await command.run(job, config, stop, Screen(sys.stderr))


def messages(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


async def until_lines(path: Path, count: int) -> None:
    """Wait until a file that is being written has so many lines."""
    async with asyncio.timeout(60):
        while _lines_in(path) < count:  # noqa: ASYNC110  (a file tells nobody)
            await asyncio.sleep(0.05)


def _lines_in(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


async def test_a_recording_gives_a_line_and_a_picture_for_every_frame(
    config: Config, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(str(world), ["red circle", "unicorn"], tmp_path / "out.jsonl", tmp_path / "out.mp4")
    assert await run(job, config, asyncio.Event()) == 0
    written = messages(tmp_path / "out.jsonl")
    assert [each["frame"]["index"] for each in written] == list(range(FRAMES))
    assert {each["type"] for each in written} == {"result"}
    assert [each["frame"]["pts"] for each in written] == sorted(each["frame"]["pts"] for each in written)
    assert all(len(each["prompt_results"]) == 2 for each in written)
    assert {each["dropped"]["source"] for each in written} == {0}
    assert pictures(tmp_path / "out.mp4") == FRAMES
    said = capsys.readouterr().err
    assert "never taught" in said
    assert f"{FRAMES} results from {FRAMES} frames" in said


async def test_without_files_the_lines_go_to_standard_output(
    config: Config, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(Job(str(world)), config, asyncio.Event()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == FRAMES
    assert all(json.loads(line)["prompt_results"] == [] for line in lines)


async def test_a_video_alone_prints_no_lines(
    config: Config, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(Job(str(world), video=tmp_path / "out.mkv"), config, asyncio.Event()) == 0
    assert capsys.readouterr().out == ""
    assert pictures(tmp_path / "out.mkv") == FRAMES


async def test_stopped_in_the_middle_of_a_recording_the_files_are_complete(config: Config, tmp_path: Path) -> None:
    long = record(tmp_path / "long.mp4", 600, size=(160, 120))
    stop, out, video = asyncio.Event(), tmp_path / "out.jsonl", tmp_path / "out.mp4"
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run(Job(str(long), ["star"], out, video), config, stop))
        await until_lines(out, 5)
        stop.set()
    assert running.result() == INTERRUPTED
    written = messages(out)
    assert 5 <= len(written) < 600
    assert [each["frame"]["index"] for each in written] == list(range(len(written)))
    assert len(written) - 1 <= pictures(video) <= len(written)


async def test_of_a_live_source_the_newest_frame_is_taken_until_stopped(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop, out = asyncio.Event(), tmp_path / "out.jsonl"
    async with asyncio.TaskGroup() as tasks:
        source = "demo:?size=128x96&fps=60"
        running = tasks.create_task(run(Job(source, ["star"], out), config, stop))
        await until_lines(out, 5)
        stop.set()
    assert running.result() == 0
    indexes = [each["frame"]["index"] for each in messages(out)]
    assert indexes == sorted(set(indexes))
    assert "Stopped." in capsys.readouterr().err


async def test_what_is_no_video_ends_with_the_reason_and_status_1(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    assert await run(Job(str(tmp_path / "text.mp4"), out=tmp_path / "out.jsonl"), config, asyncio.Event()) == 1
    assert "no video that can be read" in capsys.readouterr().err
    assert messages(tmp_path / "out.jsonl") == []


async def test_a_recording_damaged_midway_gives_what_it_has_and_status_1(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = record(tmp_path / "film.mp4", 200, size=(160, 120))
    data = bytearray(film.read_bytes())
    start = data.index(b"mdat") + 4
    middle = start + (len(data) - start) // 4
    data[middle:] = bytes(len(data) - middle)
    film.write_bytes(data)
    out = tmp_path / "out.jsonl"
    assert await run(Job(str(film), out=out), config, asyncio.Event()) == 1
    assert 0 < len(messages(out)) < 200
    assert "no video that can be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (Job("/nowhere/at/all.mp4"), "no file"),
        (Job("a" * 300), "File name too long"),
        (Job("gopher://x/y"), "not a scheme"),
        (Job("demo:?seed=x"), "seed"),
        (Job("demo:", ["p"] * 17), "at most 16"),
        (Job("demo:", [" "]), "text or boxes"),
        (Job("demo:", out=Path("/nowhere/out.jsonl")), "no folder /nowhere"),
        (Job("demo:", out=Path("/")), "is a folder"),
        (Job("demo:", out=Path("a" * 300)), "File name too long"),
        (Job("demo:", video=Path("out.txt")), "must end in"),
        (Job("demo:", video=Path("/nowhere/out.mp4")), "no folder /nowhere"),
    ],
)
async def test_what_can_be_seen_to_be_wrong_is_refused_before_the_model_is_loaded(job: Job, words: str) -> None:
    nothing = Config(checkpoint=Path("/nowhere.safetensors"))
    with pytest.raises(BadRequest, match=words):
        await run(job, nothing, asyncio.Event())


async def test_weights_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(random_weights(tmp_path).read_bytes()[:50_000])
    damaged = Config(checkpoint=cut)
    with pytest.raises(WeightsError, match=r"cut\.safetensors"):
        await run(Job("demo:", out=tmp_path / "out.jsonl"), damaged, asyncio.Event())


async def test_a_full_disk_ends_the_run_with_status_1(
    config: Config, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """/dev/full is a disk without room."""
    assert await run(Job(str(world), out=Path("/dev/full")), config, asyncio.Event()) == 1
    assert "cannot be written: No space left" in capsys.readouterr().err


async def test_lines_that_were_written_before_the_disk_was_full_are_whole(
    config: Config, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    with room(2000):
        assert await run(Job(str(world), out=out), config, asyncio.Event()) == 1
    assert 0 < len(messages(out)) < FRAMES
    assert "The results cannot be written: File too large. What was written until then" in capsys.readouterr().err


def test_the_number_of_frames_is_known_beforehand_where_the_file_says_it(world: Path, tmp_path: Path) -> None:
    assert count_frames(str(world)) == FRAMES
    assert count_frames(f"file:{world}") == FRAMES
    assert count_frames(f"{world}?pace=every") == FRAMES
    (tmp_path / "text.mp4").write_text("no video")
    assert count_frames(str(tmp_path / "text.mp4")) is None


def test_the_frames_of_what_is_not_opened_are_not_counted(world: Path, tmp_path: Path) -> None:
    """A text that names a film; FFmpeg takes both for one that lasts as long as the text says."""
    (tmp_path / "film.mp4").write_bytes(world.read_bytes())
    text = tmp_path / "list.ffconcat"
    text.write_text("ffconcat version 1.0\nfile film.mp4\nduration 2\n")
    assert count_frames(str(text)) is None
    assert count_frames(str(world), Access(roots=(tmp_path / "elsewhere",))) is None
