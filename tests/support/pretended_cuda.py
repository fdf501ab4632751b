"""
A CUDA device that is not there: its tensors say cuda:0, compute on the CPU, and count what a real one would cost.

A tensor here has CUDA's dispatch keys, autocast's too, so the code under test takes the ways that it takes on a GPU.
What mixes devices fails, as it would there. Times mean nothing, and CUDA's own kernels and rounding are not there: what
runs here may still fail on a GPU. Counts are of the operations that PyTorch is asked for: one is one launch or few.

With ``shapes`` nothing is computed at all: the full-size network then runs in seconds, and what the host is told is
made up.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from tests.support.pretended_tensor import Pretended, leaves, mapped

ROOT = f"{Path(__file__).resolve().parents[2]}/"
PACKAGES = f"{ROOT}tracker/", f"{ROOT}streamer/"
TESTS = f"{ROOT}tests/", f"{ROOT}benchmarks/"
OWN = "support/pretended_cuda.py", "support/pretended_tensor.py", "support/pretended_torch.py"
CUDA = torch.device("cuda:0")
# What allocates, or reads what a tensor knows of itself: no kernel, though it is no view either.
NO_KERNEL = {
    *("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "_unsafe_view", "_reshape_alias"),
    *("is_same_size", "resolve_conj", "resolve_neg", "sym_size", "sym_stride", "sym_numel", "sym_storage_offset"),
}
# Answers whose shape depends on values: the host waits for them.
WAITS = {"nonzero", "masked_select", "unique_dim", "_unique2", "unique_consecutive", "equal", "is_nonzero"}
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
NUMBER = 1
FOUND = 4  # places that a made-up ``nonzero`` has, and scores that are high


class MixedDevices(RuntimeError):
    """Tensors of several devices meet in one operation."""


@dataclass
class Counts:
    """
    What was asked of the device since ``fresh``.

    ``copies``: from the device to the host, each of which waits for all that was asked before, by kind and line.
    ``uploads``: from the host, where the host waits (memory that is not pinned); ``pinned``: where it does not.
    """

    launches: int = 0
    copies: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)
    pinned: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    casts: int = 0  # of weights, among the launches

    @property
    def waits(self) -> str:
        """Every copy and blocking upload with its line, the most frequent first."""
        return "\n".join(f"{count} x {what}" for what, count in (self.copies + self.uploads).most_common())


class Device:
    """What the tensors are on. Where they have only shapes, ``NUMBER`` is every whole number that the host reads."""

    def __init__(self, *, shapes: bool = False) -> None:
        self.shapes = shapes
        self.counts = Counts()
        self._under = torch.device("meta" if shapes else "cpu")

    def fresh(self) -> Counts:
        """Begin to count anew."""
        self.counts = Counts()
        return self.counts

    @contextmanager
    def counting(self) -> Iterator[Counts]:
        """The counts of a ``with`` block alone."""
        before, self.counts = self.counts, Counts()
        try:
            yield self.counts
        finally:
            self.counts = before

    def put(self, host: Tensor, device: torch.device = CUDA) -> Pretended:
        """A tensor of the host as one of the device, uncounted."""
        with _disable_current_modes():
            return Pretended(host.detach().to(self._under) if self.shapes else host.detach().clone(), self, device)

    def copied(self, kind: str) -> None:
        """Count a copy to the host."""
        if (place := line()) is not None:
            self.counts.copies[f"{kind} at {place}"] += 1

    def uploaded(self, kind: str) -> None:
        """Count an upload that the host waits for."""
        if (place := line()) is not None:
            self.counts.uploads[f"{kind} at {place}"] += 1

    def launched(self, name: str) -> None:
        """Count an operation of the device."""
        if line() is not None:
            self.counts.launches += 1
            self.counts.operations[name] += 1

    def index(self, key: Tensor | list[Any], device: torch.device) -> Tensor:
        """What stands in brackets: a list goes to the device first."""
        if isinstance(key, Tensor):
            return key
        self.uploaded("a list as index")
        return self.put(torch.as_tensor(key), device)

    def dispatch(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """One operation of PyTorch."""
        name = func._schema.name.split("::")[1]
        tensors = [each for each in leaves(args, kwargs) if isinstance(each, Tensor)]
        there = [each for each in tensors if isinstance(each, Pretended)]
        wanted = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        if not there and (wanted is None or wanted.type != "cuda"):
            return func(*args, **kwargs)
        self._check(name, tensors, there)
        if name == "_to_copy" and wanted is not None and wanted.type == "cpu":
            return self._to_host(func, args, kwargs)
        if name == "_to_copy" and not there:
            return self._to_device(func, args, kwargs, placed(wanted))
        if name == "_local_scalar_dense":
            return self._item(func, args[0])
        self._waits(name, args, kwargs)
        target = there[0].device if wanted is None else placed(wanted)
        if there and target != there[0].device:
            self.uploaded("from device to device")
        return self._run(func, name, args, kwargs, target)

    def _check(self, name: str, tensors: Sequence[Tensor], there: Sequence[Tensor]) -> None:
        places = {str(each.device) for each in there}
        # Single numbers of the host may meet tensors of a device; copies and indices may cross.
        if there and name not in INDEXING | {"copy_", "_to_copy"}:
            places |= {str(each.device) for each in tensors if each.dim()}
        if len(places) > 1:
            raise MixedDevices(f"{name} of {' and '.join(sorted(places))} at {line()}")

    def _item(self, func: Any, tensor: Pretended) -> Any:
        self.copied("item")
        if not self.shapes:
            return func(tensor.held)
        if tensor.dtype is torch.bool:
            return True
        return 0.9 if tensor.dtype.is_floating_point else NUMBER

    def _to_host(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
        self.copied("to the host")
        inner = args[0].held
        with _disable_current_modes():
            if self.shapes:
                made_up = torch.zeros(inner.shape, dtype=kwargs.get("dtype") or inner.dtype)
                if made_up.dtype.is_floating_point and made_up.dim():
                    made_up[..., :FOUND] = 1  # of scores, so many are high
                return made_up
            copy: Tensor = func(inner, **kwargs).clone()
            return copy

    def _to_device(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], device: torch.device) -> Pretended:
        if kwargs.get("non_blocking") and getattr(args[0], "pinned", False):
            self.counts.pinned += 1
        else:
            self.uploaded("to the device")
        with _disable_current_modes():
            return self.put(func(args[0].detach(), **{**kwargs, "device": args[0].device}), device)

    def _waits(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if name in WAITS or (name == "repeat_interleave" and kwargs.get("output_size") is None):
            self.copied(name)
        if name == "copy_" and isinstance(args[0], Pretended) != isinstance(args[1], Pretended):
            (self.uploaded if isinstance(args[0], Pretended) else self.copied)("copy_")
        if name in INDEXING:
            indices = [each for each in args[1] if isinstance(each, Tensor)]
            if any(each.dtype in (torch.bool, torch.uint8) for each in indices):
                self.copied(f"{name} by a mask")
            if any(not isinstance(each, Pretended) for each in indices):
                self.uploaded(f"{name} by an index of the host")
            values = [] if name == "index" else [args[2]]
            if any(isinstance(each, Tensor) and each.dim() and not isinstance(each, Pretended) for each in values):
                raise MixedDevices(f"{name} of values of the host at {line()}")

    def _run(self, func: Any, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], target: torch.device) -> Any:
        given = {**kwargs, "device": self._under} if kwargs.get("device") is not None else kwargs
        given = {**given, "pin_memory": False} if given.get("pin_memory") else given
        of_weight = name == "_to_copy" and isinstance(args[0], torch.nn.Parameter)
        inner_args, inner_kwargs = mapped(self._inner, args), mapped(self._inner, given)
        if self.shapes and name == "nonzero":
            out: Any = torch.empty(FOUND, args[0].dim(), dtype=torch.int64, device="meta")
        elif self.shapes and name in ("equal", "is_nonzero"):
            return True
        else:
            out = func(*inner_args, **inner_kwargs)
        if not func.is_view and name not in NO_KERNEL:
            self.launched(name)
            self.counts.casts += of_weight
        known = {id(each.held): each for each in leaves(args, kwargs) if isinstance(each, Pretended)}

        def outer(each: Any) -> Any:
            if not isinstance(each, Tensor) or isinstance(each, Pretended):
                return each
            return known[id(each)] if id(each) in known else Pretended(each, self, target)

        return mapped(outer, out)

    def _inner(self, each: Any) -> Any:
        if isinstance(each, Pretended):
            return each.held
        if self.shapes and isinstance(each, Tensor):
            with _disable_current_modes():
                return each.to("meta")
        return each


class Mode(TorchDispatchMode):
    """Catches what is made on a device, or goes to it."""

    def __init__(self, device: Device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pretended = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every operation of this thread."""
        return self.pretended.dispatch(func, args, kwargs or {})


def placed(device: torch.device | None) -> torch.device:
    """cuda is cuda:0."""
    return CUDA if device is None or device.index is None else device


def line() -> str | None:
    """The innermost line of the project that is being run, and its function; None where a test itself asks."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(PACKAGES):
            return f"{path.removeprefix(ROOT)}:{frame.f_lineno} {frame.f_code.co_name}"
        if path.startswith(TESTS) and not path.endswith(OWN):
            return None
        frame = frame.f_back
    return None
