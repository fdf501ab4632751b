"""Whether there is memory for one more model, before it is loaded: a process that takes too much is killed."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import torch

from tracker.checkpoints.download import gigabytes
from tracker.types import TrackerError

READING = 2  # times its weights in fp32 that a model takes while it is read: the file's tensors, and the network
WORKING = 2**30  # bytes for what it computes with: EfficientSAM3 EV at 1008 pixels took 0.77 GB on a CPU
_GROUPS = (  # of control groups, version 2 and 1: the bound, what is used, and what of that can be taken back
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def needed(weights: Path, devices: Sequence[torch.device] = ()) -> int:
    """
    Bytes of the host's memory that loading a weights file for these devices takes, about.

    Its weights as fp32, twice while they are read, and room to work in. What is for a GPU leaves this memory again, and
    takes as much of the GPU's; of other devices each has a copy here.
    """
    copies = max(1, sum(device.type != "cuda" for device in devices))
    return (READING + copies - 1) * _in_fp32(weights) + copies * WORKING


def free(device: torch.device | None = None, *, groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process can still have: of a GPU, else of the machine, and of the container that it is in."""
    if device is not None and device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + held)
    return min([int(psutil.virtual_memory().available), *_left(groups)])


def check(name: str, weights: Path, devices: Sequence[torch.device]) -> None:
    """Raise :class:`TrackerError` in words where a model for each device would not fit beside what is in memory now."""
    gpus = [device for device in devices if device.type == "cuda"]
    several = f" for {len(devices)} devices" if len(devices) > 1 and not gpus else ""
    places = [(f"memory{several}", needed(weights, devices), free())]
    places += [(f"{gpu}'s memory", needed(weights), free(gpu)) for gpu in gpus]
    for place, wanted, room in places:
        if room < wanted:
            raise TrackerError(
                f"{name} needs about {gigabytes(wanted)} of {place} while it is loaded beside the present model, and "
                f"{gigabytes(max(room, 0))} are free."
            )


def _in_fp32(weights: Path) -> int:
    """Bytes of a file's weights as fp32; of files other than safetensors, which do not say, their length."""
    if weights.suffix != ".safetensors":
        return weights.stat().st_size
    with weights.open("rb") as file:
        try:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
            counts = [4 * math.prod(each["shape"]) for key, each in header.items() if key != "__metadata__"]
        except (
            struct.error,
            ValueError,
            KeyError,
            TypeError,
            OverflowError,
            MemoryError,
        ):  # loading says what is wrong
            return weights.stat().st_size
    return sum(counts)


def _left(root: Path) -> Iterator[int]:
    """What each control group that bounds this process leaves to it, from its own to the outermost."""
    for folder, bound, used, cached in _GROUPS:
        for group in _groups(root / folder):
            try:
                limit = (group / bound).read_text().strip()
                taken = int((group / used).read_text())
                spare = dict(line.split() for line in (group / "memory.stat").read_text().splitlines()).get(cached, 0)
            except (OSError, ValueError):
                continue
            if limit.isdecimal():
                yield int(limit) - taken + int(spare)


def _groups(root: Path, own: Path = Path("/proc/self/cgroup")) -> Iterator[Path]:
    """The folders of this process's control groups; in a container the root is its own."""
    yield root
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        inner = root / line.rpartition(":")[2].strip("/")
        while inner != root and root in inner.parents and ".." not in inner.parts:
            yield inner
            inner = inner.parent
