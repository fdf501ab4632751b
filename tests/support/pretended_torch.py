"""What of PyTorch has to be told that the device of :mod:`tests.support.pretended_cuda` is there; undone afterwards."""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from tests.support.pretended_cuda import Device, Mode, placed
from tests.support.pretended_tensor import Pretended, mapped
from tracker.model import compat, decoder

MEMORY = 80 * 2**30  # bytes that it says it has


@contextmanager
def pretended_cuda(*, shapes: bool = False, devices: int = 2) -> Iterator[Device]:
    """A machine with CUDA for the length of a ``with`` block, on this thread. See :class:`Device`."""
    device = Device(shapes=shapes)
    torch._C._ensureCUDADeviceGuardSet()
    compat.prepare()
    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    with ExitStack() as stack:
        for owner, name, value in _replaced(device, devices):
            stack.enter_context(mock.patch.object(owner, name, value))
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwrite)
        for clear in (decoder._periods.cache_clear,):  # what was made on another pretended device
            clear()
            stack.callback(clear)
        stack.enter_context(Mode(device))
        yield device


def _replaced(device: Device, devices: int) -> list[tuple[object, str, Any]]:
    import torchvision.ops  # which needs compat.prepare

    properties = types.SimpleNamespace(name="Pretended", major=9, minor=0, total_memory=MEMORY, multi_processor_count=1)
    cuda: dict[str, Any] = {
        "_lazy_init": lambda: None,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "is_bf16_supported": lambda *_, **__: True,
        "current_device": lambda: 0,
        "device_count": lambda: devices,
        "get_device_name": lambda *_: "Pretended",
        "get_device_properties": lambda *_: properties,
        "get_device_capability": lambda *_: (9, 0),
        "mem_get_info": lambda *_: (MEMORY, MEMORY),
        "current_stream": lambda *_: types.SimpleNamespace(synchronize=lambda: device.copied("synchronize")),
        "Event": partial(Event, device),
        "synchronize": lambda *_: device.copied("synchronize"),
    }
    return [
        *((torch.cuda, name, value) for name, value in cuda.items()),
        (torch.cuda.amp.common, "amp_definitely_not_available", lambda: False),
        (torch, "tensor", _tensor(device)),
        (F, "scaled_dot_product_attention", _attention(device)),
        (torchvision.ops, "roi_align", _roi_align(device)),
        (torch.Tensor, "pin_memory", _pinned),
        (torch.Tensor, "to", _to),
        (torch.Tensor, "cuda", lambda self, *_, **__: self.to("cuda")),
        # Tensors of Python's own have no inference mode; no gradient is what it is to them.
        (torch.inference_mode, "__enter__", _without_gradient),
        (torch.inference_mode, "__exit__", _as_before),
    ]


class Event:
    """A moment, by the host's clock."""

    def __init__(self, device: Device, enable_timing: bool = False) -> None:
        self._device = device

    def record(self, stream: object) -> None:
        """Now."""
        self._at = time.perf_counter()

    def synchronize(self) -> None:
        """Wait until the device has come to it."""
        self._device.copied("synchronize")

    def elapsed_time(self, later: Event) -> float:
        """Milliseconds."""
        return 1000 * (later._at - self._at)


def _without_gradient(self: Any) -> None:
    self._before = torch.is_grad_enabled()
    torch.set_grad_enabled(not self.mode and self._before)


def _as_before(self: Any, *_: object) -> None:
    torch.set_grad_enabled(self._before)


def _to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """As PyTorch's, which asks CUDA itself which device is meant by its name alone."""

    def numbered(each: Any) -> Any:
        named = isinstance(each, str | torch.device)
        return placed(torch.device(each)) if named and torch.device(each).type == "cuda" else each

    return torch._C.TensorBase.to(
        self, *map(numbered, args), **{name: numbered(value) for name, value in kwargs.items()}
    )


def _pinned(self: Tensor, *_: object, **__: object) -> Tensor:
    copy = self.detach().clone()
    copy.pinned = True  # type: ignore[attr-defined]
    return copy


def _tensor(device: Device) -> Callable[..., Tensor]:
    real = torch.tensor

    def tensor(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        if device is None or torch.device(device).type != "cuda":
            return real(data, *args, **(kwargs if device is None else {**kwargs, "device": device}))
        home.uploaded("torch.tensor")
        plain = mapped(lambda each: each.item() if isinstance(each, Tensor) else each, data)
        with _disable_current_modes():
            made = real(plain, *args, **kwargs)
        return home.put(made, placed(torch.device(device)))

    home = device
    return tensor


def _attention(device: Device) -> Callable[..., Tensor]:
    """Fused attention: one launch, in autocast's format."""
    real = F.scaled_dot_product_attention

    def attention(q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(q, Pretended):
            return real(q, k, v, attn_mask, *args, **kwargs)
        given = [q, k, v] if attn_mask is None else [q, k, v, attn_mask]
        if torch.is_autocast_enabled("cuda"):
            kind = torch.get_autocast_dtype("cuda")
            given = [each.to(kind) if each.is_floating_point() else each for each in given]
        device._check("attention", given, [each for each in given if isinstance(each, Pretended)])
        kinds = {each.dtype for each in given if each.is_floating_point()}
        if len(kinds) > 1:
            raise RuntimeError(f"attention of {kinds}")
        device.launched("attention")
        with _disable_current_modes():
            inner = [device._inner(each) for each in given]
            if device.shapes:
                out = inner[0].new_empty(*inner[0].shape[:-1], inner[2].shape[-1])
            else:
                floats = [each.float() if each.is_floating_point() else each for each in inner]
                out = real(*floats[:3], *(floats[3:] or [None]), *args, **kwargs).to(inner[0].dtype)
        return Pretended(out, device, q.device)

    return attention


def _roi_align(device: Device) -> Callable[..., Tensor]:
    """torchvision's CUDA kernel: one launch, in fp32 under autocast."""

    def roi_align(features: Tensor, boxes: Any, output_size: Any, spatial_scale: float = 1.0, **options: Any) -> Tensor:
        rois = boxes if isinstance(boxes, Tensor) else _numbered(boxes)
        side = output_size if isinstance(output_size, int) else output_size[0]
        if not isinstance(features, Pretended):
            ratio, aligned = options.get("sampling_ratio", -1), options.get("aligned", False)
            return compat.roi_align(features, rois, spatial_scale, side, side, ratio, aligned)
        device._check("roi_align", [features, rois], [each for each in (features, rois) if isinstance(each, Pretended)])
        device.launched("roi_align")
        with _disable_current_modes():
            inner = device._inner(features).float()
            if device.shapes:
                out = inner.new_empty(len(rois), inner.shape[1], side, side)
            else:
                places = device._inner(rois).float()
                out = compat.roi_align(inner, places, spatial_scale, side, side, -1, options.get("aligned", False))
        return Pretended(out, device, features.device)

    return roi_align


def _numbered(boxes: Any) -> Tensor:
    from torchvision.ops._utils import convert_boxes_to_roi_format

    found: Tensor = convert_boxes_to_roi_format(list(boxes))
    return found
