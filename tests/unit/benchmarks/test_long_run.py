"""benchmarks.long_run in short: everything in it happens, and what is held stays under its bounds."""

from __future__ import annotations

import pytest

from benchmarks import long_run
from benchmarks.long_run import HEAD, Stream, run
from benchmarks.support.fake_model import FakeModel, picture
from tracker import Point, Prompt


def test_prompts_are_edited_things_are_clicked_and_lines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_run, "EDIT_EVERY", 17)
    monkeypatch.setattr(long_run, "CLICK_EVERY", 12)
    stream = Stream(FakeModel(), [Prompt(word) for word in ("red", "green", "blue")])
    rows = run(stream, 120)
    assert [len(row) for row in rows] == [len(HEAD)] * 10
    assert [int(row[0]) for row in rows] == list(range(12, 121, 12))
    assert stream.tracker.orders > 7  # seven edits, and clicks
    assert int(rows[-1][1]) > 3
    assert max(int(row[HEAD.index("shown")]) for row in rows) > 0
    assert max(int(row[HEAD.index("past frames")]) for row in rows) == 61  # two seconds, and both ends


def test_a_frame_between_two_looks_can_be_clicked() -> None:
    stream = Stream(FakeModel(), [])
    for index in range(7):
        stream.frame(picture(("white", 20 + index, 30, 14)), index)
    stream.click(picture(("white", 25, 30, 14)), 5, Point(32, 37))
    stream.frame(picture(("white", 27, 30, 14)), 7)
    assert stream.held()[0] == stream.shown == 1
