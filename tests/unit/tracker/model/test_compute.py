"""How a model computes: buckets, compiled parts that never compile mid-stream, and devices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.support.pretended_torch import pretended_cuda
from tracker import TrackerError
from tracker.model import compute
from tracker.model.compute import (
    BUCKETS,
    Fault,
    Speed,
    Static,
    device_named,
    devices_named,
    fault,
    matrix_bf16,
    on_model,
)


def test_buckets_hold_every_number_of_objects() -> None:
    speed = Speed(buckets=True)
    sizes = {count: len(speed.padded(range(count))) for count in range(1, 70)}
    assert set(sizes.values()) == {*BUCKETS, *range(65, 70)}
    assert all(size >= count for count, size in sizes.items())
    assert speed.padded([]) == []
    assert Speed().padded([1, 2, 3]) == [1, 2, 3]


def test_a_model_begins_in_fp32_on_a_cpu_and_in_bf16_on_cuda() -> None:
    assert Speed.of(torch.device("cpu")) == Speed()
    fast = Speed.of(torch.device("cuda"))
    assert fast.bf16 and fast.segment_batch == BUCKETS[-1] and fast.memory_batch > Speed().memory_batch


class Twice(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (x * 2,)


def test_only_shapes_that_were_learnt_go_to_the_compiled_part() -> None:
    seen: list[tuple[int, ...]] = []

    def compiled(x: Tensor) -> tuple[Tensor]:
        seen.append(tuple(x.shape))
        return (x * 2,)

    static = Static(Twice(), compiled)
    assert static(torch.ones(2))[0].tolist() == [2, 2]
    assert not seen
    with static.learning():
        static(torch.ones(3))
    for value in (torch.ones(3), torch.ones(2), torch.ones(3, dtype=torch.float64), torch.ones(3, 2)[:, 0]):
        assert torch.equal(static(value)[0], value * 2)
    assert seen == [(3,), (3,)]


def test_answers_that_the_next_call_would_overwrite_are_copied() -> None:
    memory = torch.zeros(2)

    def compiled(x: Tensor) -> tuple[Tensor]:
        return (memory.copy_(x * 2),)

    static = Static(Twice(), compiled, copied=True)
    with static.learning():
        first = static(torch.ones(2))[0]
    static(torch.full((2,), 5.0))
    assert first.tolist() == [2, 2]


@pytest.mark.parametrize("name", ["toaster", "cuda:x"])
def test_a_device_that_is_none_is_named(name: str) -> None:
    with pytest.raises(TrackerError, match="is not a device: write cpu"):
        device_named(name)


def test_without_cuda_the_device_is_the_cpu_and_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_named(None) == device_named("cpu") == torch.device("cpu")
    with pytest.raises(TrackerError, match="no CUDA"):
        device_named("cuda:0")


def test_apples_gpu_is_refused_in_words_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(TrackerError, match=r"no GPU of Apple's \(mps\): say --device cpu"):
        device_named("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device_named("mps") == torch.device("mps")
    assert Speed.of(torch.device("mps")) == Speed()


def test_a_method_on_the_model_runs_in_inference_mode_and_leaves_it() -> None:
    class Adapter:
        def precision(self) -> torch.autocast:
            return torch.autocast("cpu", torch.bfloat16)

        @on_model
        def ask(self) -> tuple[bool, bool]:
            return torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")

    assert Adapter().ask() == (True, True)
    assert not torch.is_inference_mode_enabled() and not torch.is_autocast_enabled("cpu")


def test_devices_that_cannot_be_used_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        TrackerError, match="'xpu' is not a device that this program runs on: write cpu, cuda, cuda:0 or mps"
    ):
        device_named("xpu")
    with pretended_cuda(devices=2):
        assert device_named("cuda:1") == torch.device("cuda:1")
        with pytest.raises(TrackerError, match="there is no cuda:2: this machine has cuda:0 to cuda:1"):
            device_named("cuda:2")

        def broken(*_: object, **__: object) -> Tensor:
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nand more")

        monkeypatch.setattr(torch, "zeros", broken)
        with pytest.raises(TrackerError, match=r"cuda does not compute: CUDA error: no kernel image is available"):
            device_named("cuda")


@pytest.mark.parametrize(("told", "used"), [("", True), ("ALL", True), ("AVX2", False), ("avx512_core_amx", True)])
def test_bf16_is_used_where_the_cpu_has_it_and_onednn_may_use_it(
    monkeypatch: pytest.MonkeyPatch, told: str, used: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", told)
    assert matrix_bf16() is used
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": False})
    assert not matrix_bf16()


def test_errors_of_the_device_are_told_from_others() -> None:
    assert fault(torch.OutOfMemoryError("CUDA out of memory")) is Fault.MEMORY
    assert fault(RuntimeError("CUDA error: device-side assert triggered")) is Fault.BROKEN
    assert fault(RuntimeError("shapes do not fit")) is None
    compute.free_memory()  # where there is no CUDA, nothing


@pytest.mark.parametrize("names", [",", " ", " , ,"])
def test_a_list_of_devices_that_names_none_is_refused(names: str) -> None:
    with pytest.raises(TrackerError, match="names no device: write cpu"):
        devices_named(names)


def test_one_device_is_taken_as_it_is_written_and_the_cpu_may_be_named_twice() -> None:
    assert devices_named(None) == devices_named("") == (None,)
    assert devices_named("toaster") == ("toaster",)  # which loading says
    assert devices_named(" cpu, cpu ") == ("cpu", "cpu")


def test_several_devices_are_looked_at_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pretended_cuda(devices=2):
        assert devices_named("cuda:0,cuda:1") == devices_named("cuda:all") == ("cuda:0", "cuda:1")
        for names, words in (
            ("cuda:0,cuda:2", "there is no cuda:2: this machine has cuda:0 to cuda:1"),
            ("cuda:1,cuda:1", "names a device twice"),
            ("cuda,cuda:0", "names a device twice"),
            ("mps,mps", "names a device twice"),
            ("mps,cuda:0", "of several kinds"),
            ("cpu,cuda:0", "of several kinds"),
            ("cpu,toaster", "is not a device: write cpu"),
        ):
            with pytest.raises(TrackerError, match=words):
                devices_named(names)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert devices_named("cuda:all") == ("cuda",)  # which loading refuses in words


@pytest.mark.parametrize("names", ["cpu,cpu", "cuda:all"])
def test_what_takes_one_device_says_so(names: str) -> None:
    with pytest.raises(TrackerError, match="is several devices, which `streamer serve` alone takes: name one"):
        device_named(names)


@pytest.mark.parametrize(("capability", "kind"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16)])
def test_a_gpu_that_emulates_bf16_gets_fp16(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], kind: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert compute.half_format(torch.device("cuda:0")) is kind
    assert compute.Speed.of(torch.device("cuda:0")).half is kind
