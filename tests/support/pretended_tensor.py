"""The tensor of a pretended device: what PyTorch would ask a CUDA driver, it answers itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from tests.support.pretended_cuda import Device


class Pretended(Tensor):
    """A tensor on a device of :class:`Device`; ``held`` has its values, or on the meta device its shape alone."""

    held: Tensor
    home: Device
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, inner: Tensor, home: Device, device: torch.device) -> Pretended:
        made: Pretended = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=device,
        )
        made.held, made.home = inner, home
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Reached on threads where the device's mode is not on."""
        (first, *_) = [each for each in leaves(args, kwargs) if isinstance(each, Pretended)]
        return first.home.dispatch(func, args, kwargs or {})

    def __repr__(self, **_: object) -> str:  # type: ignore[override]
        return f"Pretended({tuple(self.shape)}, {self.dtype}, {self.device})"

    def tolist(self) -> Any:
        """One copy, as a real one makes."""
        return self.cpu().tolist()

    def numpy(self, *_: object, **__: object) -> Any:
        """As a real one."""
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    __array__ = numpy

    # PyTorch's own ways to these ask CUDA's driver which device is current.
    def contiguous(self, *, memory_format: Any = torch.contiguous_format) -> Tensor:  # type: ignore[override]
        """As a real one."""
        found: Tensor = torch.ops.aten.contiguous(self, memory_format=memory_format)
        return found

    def copy_(self, other: Tensor, non_blocking: bool = False) -> Tensor:
        """As a real one."""
        torch.ops.aten.copy_(self, other, non_blocking)
        return self

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """As a real one."""
        assert not as_tuple
        return torch.ops.aten.nonzero(self)

    def __invert__(self) -> Tensor:
        found: Tensor = torch.ops.aten.bitwise_not(self)
        return found

    def __bool__(self) -> bool:
        return bool(torch.ops.aten.item(self))

    def __int__(self) -> int:
        return int(torch.ops.aten.item(self))

    __index__ = __int__

    def __float__(self) -> float:
        return float(torch.ops.aten.item(self))

    def __getitem__(self, key: Any) -> Tensor:
        view, indices = self._part(key)
        found: Tensor = torch.ops.aten.index(view, indices) if indices else view
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        view, indices = self._part(key)
        if indices:
            values = value if isinstance(value, Tensor) else view.new_full((), value)
            torch.ops.aten.index_put_(view, indices, values)
        elif isinstance(value, Tensor):
            view.copy_(value)
        else:
            view.fill_(value)

    def _part(self, key: Any) -> tuple[Tensor, list[Tensor | None]]:
        """The view that places and slices in brackets leave, and the tensors to index it with, if any."""
        keys = key if isinstance(key, tuple) else (key,)
        used = sum(each.dim() if is_mask(each) else 1 for each in keys if each is not None and each is not ...)
        view: Tensor = self
        at, indices = 0, dict[int, Tensor]()
        for each in keys:
            if each is None:
                view, at = view.unsqueeze(at), at + 1
            elif each is ...:
                at += self.dim() - used
            elif isinstance(each, slice):
                view, at = torch.ops.aten.slice(view, at, each.start, each.stop, each.step or 1), at + 1
            elif isinstance(each, list) or (isinstance(each, Tensor) and each.dim()):
                indices[at] = self.home.index(each, self.device)
                at += indices[at].dim() if is_mask(each) else 1
            else:
                view = view.select(at, int(each))
        return view, [indices.get(place) for place in range(max(indices, default=-1) + 1)]


def is_mask(key: object) -> bool:
    return isinstance(key, Tensor) and key.dtype is torch.bool


def leaves(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """What an operation is given; its lists are of one level."""
    found: list[Any] = []
    for each in (*args, *kwargs.values()):
        if isinstance(each, list | tuple):
            found += each
        else:
            found.append(each)
    return found


def mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """The same with each leaf changed."""
    if isinstance(value, list | tuple):
        return type(value)([mapped(change, each) for each in value])
    if isinstance(value, dict):
        return {name: mapped(change, each) for name, each in value.items()}
    return change(value)
