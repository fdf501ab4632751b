"""Memory for one more model: what it takes, what is free, and the words where it does not fit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from safetensors.torch import save_file

from tracker import TrackerError
from tracker.checkpoints import room

CPU = torch.device("cpu")
GB = 2**30


def test_half_precision_counts_as_what_is_made_of_it_and_other_files_by_their_length(tmp_path: Path) -> None:
    half, single, other, broken = (
        tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.pt", "d.safetensors")
    )
    save_file({"x": torch.zeros(1000, 50, dtype=torch.float16)}, half)
    save_file({"x": torch.zeros(1000, 50)}, single)
    other.write_bytes(bytes(200_000))
    broken.write_bytes(b"no header")
    expected = room.READING * 200_000 + room.WORKING
    assert room.needed(half) == room.needed(single) == room.needed(other) == expected
    assert room.needed(broken) == room.READING * 9 + room.WORKING


@pytest.mark.parametrize(
    ("folder", "bound", "used", "cached"),
    [
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_container_leaves_what_it_bounds_less_what_is_used(
    tmp_path: Path, folder: str, bound: str, used: str, cached: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GB))
    assert room.free(groups=tmp_path) == 8 * GB
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    (place / used).write_text(f"{3 * GB}\n")
    (place / "memory.stat").write_text(f"anon 5\n{cached} {GB}\n")
    (place / bound).write_text("max\n")
    assert room.free(groups=tmp_path) == 8 * GB
    (place / bound).write_text(f"{4 * GB}\n")
    assert room.free(groups=tmp_path) == 2 * GB


def test_the_groups_around_a_process_bound_it_too(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("4:memory:/outer/inner\n0::/\n1:cpu:/../elsewhere\n")
    root = Path("/sys/fs/cgroup/memory")
    assert list(room._groups(root, own)) == [root, root / "outer/inner", root / "outer"]
    assert list(room._groups(root, tmp_path / "none")) == [root]


def test_one_that_does_not_fit_is_refused_with_what_it_needs_and_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "some.pt"
    weights.write_bytes(bytes(100))
    room.check("some", weights, [CPU])
    monkeypatch.setattr(room, "needed", lambda *_: 7_000_000_000)
    monkeypatch.setattr(room, "free", lambda device=None: 2_000_000_000 if device is None else 9_000_000_000)
    with pytest.raises(TrackerError, match=r"some needs about 7\.0 GB of memory while .*, and 2\.0 GB are free\."):
        room.check("some", weights, [CPU])
    monkeypatch.setattr(room, "free", lambda device=None: 9_000_000_000 if device is None else 3_000_000_000)
    room.check("some", weights, [CPU])
    with pytest.raises(TrackerError, match=r"7\.0 GB of cuda:0's memory while .*, and 3\.0 GB are free\."):
        room.check("some", weights, [torch.device("cuda:0")])


def test_devices_with_the_same_memory_need_room_for_a_copy_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of 1 GiB are there three times while the second is read, and each works with a GiB; a GPU has its own."""
    weights = tmp_path / "some.pt"
    with weights.open("wb") as file:
        file.truncate(GB)
    left = {None: room.needed(weights)} | {torch.device("cuda", index): room.needed(weights) for index in range(2)}
    monkeypatch.setattr(room, "free", lambda device=None: left[device])
    room.check("some", weights, [torch.device("cuda:0"), torch.device("cuda:1")])
    with pytest.raises(TrackerError, match=r"5\.4 GB of memory for 2 devices while .*, and 3\.2 GB are free\."):
        room.check("some", weights, [CPU, CPU])
    left[None] = room.needed(weights, [CPU, CPU])
    room.check("some", weights, [CPU, CPU])
    left[torch.device("cuda:1")] -= 1
    with pytest.raises(TrackerError, match="GB of cuda:1's memory while"):
        room.check("some", weights, [torch.device("cuda:0"), torch.device("cuda:1")])


def test_of_a_gpu_it_is_free_what_torch_holds_and_does_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 5 * GB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 3 * GB)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (GB, 16 * GB))
    assert room.free(torch.device("cuda:0")) == 3 * GB
