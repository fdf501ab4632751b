"""benchmarks.latency once for real: a camera, a server in a process of its own, and a reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import latency
from benchmarks.latency import Stage, measure
from benchmarks.latency_figures import Case, figures
from streamer.choices import Present

PARTS: dict[Present, tuple[str, ...]] = {"frames": ("present",), "looked": ("convert", "embed")}


@pytest.mark.timeout(300)  # a server starts, and loads its model
@pytest.mark.parametrize("present", ["frames", "looked"])
async def test_a_real_camera_through_a_real_server_leaves_a_note_at_each_hop(
    present: Present, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "SCENES", 8)
    case = Case("webrtc", "480p", relayed=True)
    trace = await measure(case, Stage(tmp_path), seconds=3.0, warm_up=0.0, present=present)
    found = figures(case, trace)
    assert found.latencies
    assert min(found.latencies) > 0
    assert found.broken == 0
    assert found.sent > 0
    assert 0 < found.told <= 1
    assert all(value >= 0 for name, value in found.stages.items() if name != "other")
    assert all(found.stages[name] > 0 for name in ("encode", "network", "decode", *PARTS[present], "publish"))
    others = {name for way, names in PARTS.items() if way != present for name in names}
    assert all(found.stages[name] == 0 for name in others)
    assert found.looks and min(found.looks) > 0
