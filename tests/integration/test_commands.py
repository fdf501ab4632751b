"""The commands in processes of their own, as people start them: what they say, their signals, their status."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import httpx
import pytest

from benchmarks.recording import record
from tests.support import needs
from tests.support.documents import ROOT
from tests.support.weights import random_weights

WAIT = 120  # seconds until a test gives up; a process that loads torch takes some of them


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``streamer …`` in a process of its own."""
    command = [sys.executable, "-m", "streamer", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, bufsize=1) as started:
        try:
            yield started
        finally:
            started.kill()


def line_with(started: subprocess.Popen[str], words: str) -> str:
    """The next line of standard output that has these words in it."""
    assert started.stdout is not None
    for line in started.stdout:
        if words in line:
            return line
    raise AssertionError(f"it ended with {started.wait(WAIT)} before saying {words!r}: {started.communicate()}")


def test_the_demo_says_where_to_look_and_ends_on_ctrl_c(weights: Path) -> None:
    with process("demo", "--port", "0", "--threads", "1", "--checkpoint", str(weights)) as started:
        address = re.search(r"http://\S+", line_with(started, "open http"))
        assert address is not None
        shown = line_with(started, "demo:?size=640x480")
        assert re.search(r"connecting|live", shown)
        assert httpx.get(f"{address[0]}/healthz", timeout=WAIT).status_code == 200
        started.send_signal(signal.SIGINT)
        out, errors = started.communicate(timeout=WAIT)
    assert started.returncode == 0, errors
    assert "Traceback" not in out + errors


def test_the_server_ends_on_sigterm_with_status_0(weights: Path) -> None:
    with process("serve", "--port", "0", "--threads", "1", "--checkpoint", str(weights)) as started:
        line_with(started, "is ready")
        started.send_signal(signal.SIGTERM)
        out, errors = started.communicate(timeout=WAIT)
    assert started.returncode == 0, errors
    assert "Traceback" not in out + errors


def test_run_writes_a_line_for_every_frame_of_real_footage(weights: Path, tmp_path: Path) -> None:
    """Debian's vtest.avi: people walking. What an untrained model makes of them does not matter here."""
    street, out = begun(needs.opencv_doc("vtest.avi"), tmp_path / "street.avi", 60), tmp_path / "out.jsonl"
    arguments = ["--prompt", "circle", "--out", str(out), "--interval", "30", "--threads", "1"]
    with process("run", str(street), *arguments, "--checkpoint", str(weights)) as started:
        _, errors = started.communicate(timeout=WAIT)
    assert started.returncode == 0, errors
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(written) == pictures(street) == 60
    assert {(each["frame"]["width"], each["frame"]["height"]) for each in written} == {(768, 576)}
    assert "60 results from 60 frames" in errors


def begun(film: Path, beginning: Path, frames: int) -> Path:
    """The first so many frames of a film, as they are."""
    with av.open(str(film)) as whole, av.open(str(beginning), "w") as part:
        video = part.add_stream_from_template(whole.streams.video[0])
        for packet in itertools.islice(whole.demux(video=0), frames):
            packet.stream = video
            part.mux(packet)
    return beginning


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_run_into_a_pipe_that_is_closed_ends_without_a_traceback(weights: Path, tmp_path: Path) -> None:
    """``streamer run … | head -1``."""
    world = record(tmp_path / "world.mp4", 400, size=(160, 120))  # more lines than a pipe holds
    with process("run", str(world), "--threads", "1", "--checkpoint", str(weights)) as started:
        assert started.stdout is not None
        assert started.stdout.readline().startswith("{")
        started.stdout.close()
        assert started.stderr is not None
        errors = started.stderr.read()
        assert started.wait(WAIT) != 0
    assert "Traceback" not in errors


def test_no_test_leaves_a_process_behind() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
