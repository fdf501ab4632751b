"""The benchmark's own pieces: what it plays, and how it counts."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from benchmarks.first_light import Figures, stage_rows, table
from benchmarks.recording import record


def test_a_recording_has_every_frame_with_its_time(tmp_path: Path) -> None:
    path = record(tmp_path / "world.mp4", 15, fps=30, size=(160, 120))
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([index / 30 for index in range(15)])


def test_figures_become_one_row() -> None:
    figures = Figures("rtsp", seconds=2.0, ages=[10.0, 20.0, 30.0], objects=[3, 3, 0], dropped=4, frames=60)
    figures.memory, figures.cpu = 812.4, 96.0
    assert figures.row() == ["rtsp", "1.5", "20", "29", "4 of 60", "2.0", "812", "96 %"]


def test_a_door_without_results_says_so() -> None:
    assert Figures("webrtc").row()[:2] == ["webrtc", "no results"]
    assert len(Figures("webrtc").row()) == len(Figures("x", seconds=1, ages=[1.0], objects=[0]).row())


def test_stages_stand_side_by_side() -> None:
    seen = Figures("file")
    seen.timings["embed"] += [20.0, 30.0]
    rows = {row[0]: row[1:] for row in stage_rows({"embed": [18.0], "decode": [1.0]}, [seen])}
    assert rows["embed"] == ["18.00", "25.00"]
    assert rows["decode"] == ["1.00", "–"]


def test_tables_are_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
