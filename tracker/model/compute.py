"""
How a model computes on its device: number format, how many objects go together, which parts are compiled.

What may change answers is switched on by :mod:`tracker.acceleration`, one by one, each compared with fp32. Nothing
recompiles while a stream runs: compiled parts are called with the shapes they were warmed up with, and everything else
runs as it is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from tracker.types import TrackerError

T = TypeVar("T")

BUCKETS = (1, 2, 4, 8, 16, 32, 64)  # numbers of objects that compiled parts are called with
RECOMPILE_LIMIT = 64  # shapes of one function; torch's own limit, 8, is a guard against shapes that never end


def device_named(name: str | None) -> torch.device:
    """A device that is there; None: CUDA where there is one, else the CPU. Raises :class:`TrackerError`."""
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise TrackerError(f"{name!r} is not a device: write cpu, cuda or cuda:0") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise TrackerError("this machine or this build of torch has no CUDA: say --device cpu")
    return device


def matrix_bf16() -> bool:
    """Whether this CPU multiplies matrices of bf16 in hardware (AMX): the image backbone takes half its time then."""
    return torch.cpu.get_capabilities().get("amx_bf16", False) is True


@dataclass(slots=True)
class Speed:
    """
    The settings of one model. As made, nothing is on that could change an answer.

    ``segment_batch`` and ``memory_batch``: objects in one pass of the mask decoder (about 60 MB each at full size in
    fp32) and of memory attention (each reads up to 10 maps of g² tokens).
    """

    bf16: bool = False  # matrices of all parts, by autocast
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
        return cls(bf16=True, segment_batch=BUCKETS[-1], memory_batch=16)

    def padded(self, objects: Sequence[T]) -> list[T]:
        """As many objects as the next bucket holds; the added ones repeat the last, and are cut off the answer."""
        if not self.buckets or not objects:
            return list(objects)
        size = next((bucket for bucket in BUCKETS if bucket >= len(objects)), len(objects))
        return [*objects, *[objects[-1]] * (size - len(objects))]


class Static:
    """
    A module and its compiled self, which is called for shapes that were called while :meth:`learning`, and no others.

    ``copied``: its outputs lie in memory that the next call writes to (CUDA graphs), so they are copied.
    """

    def __init__(self, module: nn.Module, compiled: Callable[..., Any], *, copied: bool = False) -> None:
        self.module, self.compiled, self.copied = module, compiled, copied
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
        key = _shapes((args, kwargs))
        if self._learns:
            self.known.add(key)
        if key not in self.known:
            return self.module(*args, **kwargs)
        if not self.copied:
            return self.compiled(*args, **kwargs)
        torch.compiler.cudagraph_mark_step_begin()
        return tuple(each.clone() for each in self.compiled(*args, **kwargs))


def _shapes(value: object) -> object:
    """What a compiled function depends on: shapes, formats and places of tensors, and every other value itself."""
    if isinstance(value, Tensor):
        return tuple(value.shape), value.stride(), value.dtype, value.device
    if isinstance(value, list | tuple):
        return tuple(_shapes(each) for each in value)
    if isinstance(value, dict):
        return tuple((name, _shapes(each)) for name, each in value.items())
    return value


Method = TypeVar("Method", bound=Callable[..., Any])


def on_model(method: Method) -> Method:
    """Run a method of an adapter in inference mode and in the precision it is set to; leave both afterwards."""

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.inference_mode(), self.precision():
            return method(self, *args, **kwargs)

    return cast(Method, run)
