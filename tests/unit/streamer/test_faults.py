"""Memory that runs out costs one step; a device that broke, or stays full, is told."""

from __future__ import annotations

import pytest
import torch

from streamer import faults as module
from streamer.faults import MOST, Faults

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nand more")


def test_a_step_without_room_is_counted_and_memory_is_freed_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[None] = []
    counted: list[None] = []
    monkeypatch.setattr(module, "free_memory", lambda: freed.append(None))
    faults = Faults()
    faults.counted = lambda: counted.append(None)
    with pytest.raises(torch.OutOfMemoryError), faults.noted():
        raise FULL
    assert not freed
    with faults.noted():
        assert len(freed) == 1
    assert (len(counted), faults.broken) == (1, None)


def test_memory_that_stays_full_is_a_device_that_broke() -> None:
    faults = Faults()
    for _ in range(MOST - 1):
        faults.note(FULL)
    faults.well()
    for _ in range(MOST - 1):
        faults.note(FULL)
    assert faults.broken is None
    faults.note(FULL)
    assert faults.broken == "The device's memory stays full: CUDA out of memory. Tried to allocate 2.00 GiB."


@pytest.mark.parametrize("kind", [torch.AcceleratorError, RuntimeError])
def test_a_failed_kernel_breaks_the_device_and_other_errors_do_not(kind: type[Exception]) -> None:
    faults = Faults()
    faults.note(RuntimeError("shapes do not fit"))
    faults.note(ValueError("CUDA error: that is no error of CUDA's"))
    assert faults.broken is None
    faults.note(kind("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be"))
    assert faults.broken == "The device broke: CUDA error: an illegal memory access was encountered"
