"""The benchmark's own pieces: what it plays, and how it counts."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from benchmarks.first_light import judged, stage_rows, table
from benchmarks.recording import record
from benchmarks.watching import Figures


def test_a_recording_has_every_frame_with_its_time(tmp_path: Path) -> None:
    path = record(tmp_path / "world.mp4", 15, fps=30, size=(160, 120))
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([index / 30 for index in range(15)])


def test_stages_stand_side_by_side() -> None:
    seen = Figures("file", timings={"embed": 25.0})
    rows = {row[0]: row[1:] for row in stage_rows({"embed": [18.0], "decode": [1.0]}, [seen])}
    assert rows["embed"] == ["18.00", "25.00"]
    assert rows["decode"] == ["1.00", "–"]


def test_tables_are_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_bar_says_whether_it_was_reached() -> None:
    rows = judged([("at least 3", "4", True), ("at least 5", "4", False)]).splitlines()
    assert rows[2:] == ["| at least 3 | 4 | reached |", "| at least 5 | 4 | NOT reached |"]
