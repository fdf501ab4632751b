"""Recordings on disk, every frame of them or paced."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.recording import record
from streamer.sources.base import FINISHED, State
from streamer.sources.url import UrlSource
from tests.support.models import untrained
from tests.support.serving import read, serving
from tests.support.sources import whole

FRAMES = 30  # two seconds


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("films") / "film.mp4", FRAMES)


async def test_a_paced_file_takes_as_long_as_it_is(film: Path) -> None:
    began = time.monotonic()
    viewer = await whole(f"{film}?pace=realtime")
    took = time.monotonic() - began
    assert took >= 1.9
    assert viewer.states[-1] == (State.ENDED, FINISHED)
    seconds = [float((pts or 0) * base) for _, _, pts, base in viewer.frames]
    for at, arrived in zip(seconds, viewer.arrived, strict=True):  # none before its time
        assert arrived - viewer.arrived[0] >= at - seconds[0] - 0.01


@pytest.mark.parametrize("query", ["", "?pace=every"])
async def test_else_every_frame_comes_as_fast_as_it_is_taken(film: Path, query: str) -> None:
    source = UrlSource(f"{film}{query}")
    assert not source.live
    viewer = await whole(f"{film}{query}")
    assert [index for index, *_ in viewer.frames] == list(range(FRAMES))


def test_a_paced_file_is_live_for_its_session_which_drops_what_it_has_no_time_for(film: Path) -> None:
    with serving(untrained()) as served:
        session = served.start(f"{film}?pace=realtime", "circle")
        with served.results(session) as socket:
            assert read(socket, "state", state="ended")["reason"] == FINISHED
        listed = served.http.get(f"/sessions/{session}").json()
    assert listed["source"] == f"{film}?pace=realtime"
    assert listed["frames"]["decoded"] == FRAMES
    assert listed["frames"]["results"] + listed["dropped"]["source"] <= FRAMES
