"""
How a model computes on its device: number format, how many objects go together, which parts are compiled.

What may change answers is switched on by :mod:`tracker.acceleration`, one by one, each compared with fp32. Nothing
recompiles while a stream runs: compiled parts are called with the shapes they were warmed up with, and everything else
runs as it is written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from tracker.types import TrackerError

T = TypeVar("T")

BUCKETS = (1, 2, 4, 8, 16, 32, 64)  # numbers of objects that compiled parts are called with
ALL = "cuda:all"  # names every device with CUDA
AMPERE = 8, 0  # compute capability of the first GPUs with products of bf16
RECOMPILE_LIMIT = 64  # shapes of one function; torch's own limit, 8, is a guard against shapes that never end


def devices_named(names: str | None) -> tuple[str | None, ...]:
    """
    The devices that are named with commas between them; ``cuda:all``: every one with CUDA. One alone is not looked at.

    Several are of one kind, for streams go to any of them; the CPU may be named twice. Raises :class:`TrackerError`.
    """
    each: list[str | None] = [name.strip() for name in (names or "").split(",") if name.strip()]
    if not each:
        if names:
            raise TrackerError(f"{names!r} names no device: write cpu, cuda, cuda:0 or mps")
        return (None,)
    if each == [ALL]:
        each = [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cuda"]
    if len(each) < 2:
        return tuple(each)
    found = [device_named(name) for name in each]
    if len({device.type for device in found}) > 1:
        raise TrackerError(f"{names!r} are devices of several kinds: a stream may go to any, so name one kind alone")
    places = [device.index or 0 for device in found]
    if found[0].type != "cpu" and len(set(places)) < len(places):
        raise TrackerError(f"{names!r} names a device twice: each has room for the model once")
    return tuple(each)


def device_named(name: str | None) -> torch.device:
    """A device that is there; None: CUDA where there is one, else the CPU. Raises :class:`TrackerError`."""
    if name is not None and ("," in name or name == ALL):
        raise TrackerError(f"{name!r} is several devices, which `streamer serve` alone takes: name one")
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise TrackerError(f"{name!r} is not a device: write cpu, cuda, cuda:0 or mps") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise TrackerError(f"{name!r} is not a device that this program runs on: write cpu, cuda, cuda:0 or mps")
    if device.type == "cuda":
        _try(device)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise TrackerError("this machine or this build of torch has no GPU of Apple's (mps): say --device cpu")
    return device


def _try(device: torch.device) -> None:
    """Raise :class:`TrackerError` for a CUDA device that is not there, or does not compute."""
    if not torch.cuda.is_available():
        raise TrackerError("this machine or this build of torch has no CUDA: say --device cpu")
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        last = "cuda:0 alone" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise TrackerError(f"there is no {device}: this machine has {last}")
    try:
        (torch.zeros(1, device=device) + 1).item()
    except RuntimeError as error:  # another program holds it, or this build of torch has no code for it
        words = str(error).strip().partition("\n")[0]
        raise TrackerError(f"{device} does not compute: {words}. Choose another, or say --device cpu") from error


class Fault(StrEnum):
    """What an error of the device means for what comes after it."""

    MEMORY = "memory"  # there was no room: what is smaller, or comes later, may have it
    BROKEN = "broken"  # CUDA answers every call of this process with an error from now on


def fault(error: BaseException) -> Fault | None:
    """What an error says of the device; None: nothing."""
    if isinstance(error, torch.OutOfMemoryError):
        return Fault.MEMORY
    broken = isinstance(error, torch.AcceleratorError) or (
        isinstance(error, RuntimeError) and str(error).startswith("CUDA error")
    )
    return Fault.BROKEN if broken else None


def free_memory() -> None:
    """Give back what PyTorch holds of CUDA's memory and does not use."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def uploaded(values: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device; where that is a GPU through pinned memory, so that the host does not wait."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


def picked(values: Tensor, rows: Sequence[int]) -> Tensor:
    """Rows of a tensor, at least one: a view where they follow each other, else by an index that nobody waits for."""
    first = rows[0]
    if list(rows) == list(range(first, first + len(rows))):
        return values[first : first + len(rows)]
    return values.index_select(0, uploaded(torch.tensor(rows), values.device))


def half_format(device: torch.device) -> torch.dtype:
    """The 16-bit format of a device's matrices: bf16, but fp16 on a GPU from before Ampere, which emulates bf16."""
    if device.type != "cuda" or not torch.cuda.is_available():
        return torch.bfloat16
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= AMPERE else torch.float16


def matrix_bf16() -> bool:
    """
    Whether this CPU multiplies matrices of bf16 in hardware (AMX): the image backbone takes half its time then.

    oneDNN can be told to leave it alone, and then multiplies them in software, slower than those of fp32.
    """
    told = (os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "ALL").upper()
    allowed = told in ("ALL", "DEFAULT") or "AMX" in told
    return allowed and torch.cpu.get_capabilities().get("amx_bf16", False) is True


@dataclass(slots=True)
class Speed:
    """
    The settings of one model. As made, nothing is on that could change an answer.

    ``segment_batch`` and ``memory_batch``: objects in one pass of the mask decoder (about 60 MB each at full size in
    fp32) and of memory attention (each reads up to 10 maps of g² tokens).
    """

    bf16: bool = False  # matrices of all parts in ``half``, by autocast
    half: torch.dtype = torch.bfloat16
    buckets: bool = False  # numbers of objects are rounded up to BUCKETS
    segment_batch: int = 16
    memory_batch: int = 8

    @classmethod
    def of(cls, device: torch.device) -> Speed:
        """
        Where a model begins. On CUDA in bf16, as upstream always is, and with every object of a stream in one pass of
        the decoder; memory attention is bound by arithmetic from a few objects on.
        """
        if device.type != "cuda":
            return cls()
        return cls(bf16=True, half=half_format(device), segment_batch=BUCKETS[-1], memory_batch=16)

    def padded(self, objects: Sequence[T]) -> list[T]:
        """As many objects as the next bucket holds; the added ones repeat the last, and are cut off the answer."""
        if not self.buckets or not objects:
            return list(objects)
        size = next((bucket for bucket in BUCKETS if bucket >= len(objects)), len(objects))
        return [*objects, *[objects[-1]] * (size - len(objects))]


class Static:
    """
    A module and its compiled self, which is called for shapes that were called while :meth:`learning`, and no others.

    ``copied``: its outputs lie in memory that the next call writes to (CUDA graphs), so they are copied. Not ``sized``:
    it was compiled for any size, and of a size counts only whether it is one (torch makes another code for ones).
    """

    def __init__(
        self, module: Callable[..., Any], compiled: Callable[..., Any], *, copied: bool = False, sized: bool = True
    ) -> None:
        self.module, self.compiled, self.copied, self.sized = module, compiled, copied, sized
        self.known: set[object] = set()
        self._learns = False

    @contextlib.contextmanager
    def learning(self) -> Iterator[None]:
        """Compile what is called for the length of a ``with`` block."""
        self._learns = True
        try:
            with torch._dynamo.config.patch(recompile_limit=RECOMPILE_LIMIT):
                yield
        finally:
            self._learns = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the module answers."""
        key = _shapes((args, kwargs), sized=self.sized)
        if self._learns:
            self.known.add(key)
        if key not in self.known:
            return self.module(*args, **kwargs)
        if not self.copied:
            return self.compiled(*args, **kwargs)
        torch.compiler.cudagraph_mark_step_begin()
        return tuple(each.clone() for each in self.compiled(*args, **kwargs))


def _shapes(value: object, *, sized: bool) -> object:
    """What a compiled function depends on: shapes, formats and places of tensors, and every other value itself."""
    if isinstance(value, Tensor):
        sizes: list[object] = [*value.shape, *value.stride()]
        return tuple(_shapes(each, sized=sized) for each in sizes), value.dtype, value.device
    if isinstance(value, list | tuple):
        return tuple(_shapes(each, sized=sized) for each in value)
    if isinstance(value, dict):
        return tuple((name, _shapes(each, sized=sized)) for name, each in value.items())
    return min(value, 2) if isinstance(value, int) and not sized else value


Method = TypeVar("Method", bound=Callable[..., Any])


def on_model(method: Method) -> Method:
    """Run a method of an adapter in inference mode and in the precision it is set to; leave both afterwards."""

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.inference_mode(), self.precision():
            return method(self, *args, **kwargs)

    return cast(Method, run)
