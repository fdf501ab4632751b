"""The one command for a machine with a GPU: it runs all parts whatever comes of each, and keeps what they print."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import gpu, gpu_visit, live
from benchmarks.gpu_visit import Part, parts, visit


def test_each_part_is_run_and_what_it_prints_is_kept_whatever_comes_of_the_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fails = Part("fails", "no.such.module")
    works = Part("works", "calendar", ("2026", "11"))
    folder = tmp_path / "a" / "folder"
    assert visit([fails, works], folder) == 1
    assert "No module named" in (folder / "fails.txt").read_text()
    assert "November 2026" in (folder / "works.txt").read_text()
    shown = capfd.readouterr().out
    assert "November 2026" in shown and shown.rstrip().endswith("not well: fails")
    assert visit([works], folder) == 0


def test_settings_reach_the_part(tmp_path: Path) -> None:
    visit([Part("where", "site", ("--user-base",), {"PYTHONUSERBASE": "/some/base"})], tmp_path)
    assert (tmp_path / "where.txt").read_text().strip() == "/some/base"


def test_the_parts_are_commands_that_would_be_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor, gate, whole, streams = parts(Path("sam3.pt"))
    assert (doctor.module, [*doctor.arguments]) == ("streamer", ["doctor"])
    monkeypatch.setattr(gpu, "load", lambda arguments: pytest.exit(f"{arguments.gate} {arguments.checkpoint}"))
    for each, told in ((gate, "True sam3.pt"), (whole, "False sam3.pt")):
        with pytest.raises(pytest.exit.Exception, match=told):
            gpu.main(each.arguments)
    monkeypatch.setattr(sys, "argv", ["live", *streams.arguments])
    asked = live.options()
    assert (asked.ways, asked.streams, asked.crowd) == ([], 12, 0)
    assert streams.settings["STREAMER_CHECKPOINT"] == "sam3.pt"
    assert dict(parts(None)[-1].settings) == {"STREAMER_MAX_SESSIONS": "12"}
    assert gpu_visit.STREAMS == 12
