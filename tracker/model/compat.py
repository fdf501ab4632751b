"""
What the ``sam3`` 0.1.4 wheel needs to import and run without CUDA or triton.

:func:`prepare` is called once, by ``tracker.model``, before anything of ``sam3`` is imported. On a machine with CUDA
and triton it changes nothing. What it stands in for gives equal results (tests/unit/tracker/model/test_compat.py).
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import sys
import types
import warnings
from collections.abc import Iterator
from functools import cache

import torch

from tracker.model.imports import check_bools_without_sympy, put_off


@cache
def prepare() -> tuple[str, ...]:
    """Make ``import sam3`` work here. Returns the names of the stand-ins that were needed, for ``streamer doctor``."""
    used = []
    with put_off(), stub_triton() as stubbed:
        if _torchvision_ops():
            used.append("torchvision-ops")
        if stubbed:
            used.append("triton")
        with warnings.catch_warnings():
            # "CUDA is not available. Disabling autocast": said for every decorated function, and known.
            warnings.simplefilter("ignore")
            import sam3.model.edt
            import sam3.model.sam3_image
            import sam3.model.sam3_tracking_predictor  # noqa: F401
    check_bools_without_sympy()
    if not torch.cuda.is_available():
        _host_only_tensors()
        used.append("cuda-calls")
    return tuple(used)


def _torchvision_ops() -> bool:
    """
    Import torchvision beside a CPU-only torch.

    The registry's torchvision is a CUDA build: its operators do not load there, and the import then dies because
    ``torchvision::nms`` has no schema. Define the schema first, and give it torchvision's own pure formula.
    """
    try:
        import torchvision
    except RuntimeError:
        pass
    else:
        return False
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    # The library object must live as long as the process, else its registrations vanish with it.
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    library.impl("nms", nms, "CPU")
    torchvision._sam3_streamer_ops = library
    # torchvision's Python version compiles itself on first use: half a minute, and a C++ compiler needed. It asks
    # torch._dynamo whether that is supported; ours is not compiled.
    vars(sys.modules["torchvision.ops.roi_align"]).update(_roi_align=roi_align, is_compile_supported=lambda _: True)
    return True


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """
    Greedy non-maximum suppression, as ``torchvision.ops.nms``.

    ``dets`` is (N, 4) x0, y0, x1, y1; ``scores`` is (N,). Returns the kept indices, best score first.
    """
    from torchvision.ops.boxes import box_iou

    order = scores.argsort(descending=True, stable=True)
    kept = []
    while order.numel():
        best = order[0]
        kept.append(best)
        order = order[1:][box_iou(dets[best][None], dets[order[1:]])[0] <= iou_threshold]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.long)


def roi_align(
    features: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """
    Pool boxes of a feature map to one size, as torchvision's C++ and CUDA ``roi_align`` (He et al. 2017).

    ``features`` is (B, C, H, W); ``rois`` is (N, 5): picture, x0, y0, x1, y1. Returns (N, C, height, width).
    """
    height, width = features.shape[-2:]
    low = rois[:, 1:3] * spatial_scale - (0.5 if aligned else 0.0)
    size = rois[:, 3:5] * spatial_scale - (0.5 if aligned else 0.0) - low
    if not aligned:
        size = size.clamp(min=1.0)
    bins = torch.tensor([pooled_width, pooled_height], device=rois.device)
    samples = torch.full_like(size, sampling_ratio) if sampling_ratio > 0 else (size / bins).ceil()
    pooled = features.new_zeros(len(rois), features.shape[1], pooled_height, pooled_width)
    # Boxes that want the same number of samples in a bin are done together.
    for across, down in {(int(x), int(y)) for x, y in samples.clamp(min=1).tolist()}:
        chosen = (samples.clamp(min=1) == samples.new_tensor([across, down])).all(1).nonzero()[:, 0]
        axes = []
        for axis, (count, extent) in enumerate(((pooled_width * across, width), (pooled_height * down, height))):
            steps = (torch.arange(count, device=rois.device) + 0.5) / count
            at = low[chosen, axis, None] + size[chosen, axis, None] * steps
            inside = (at >= -1) & (at <= extent)
            axes.append((at.clamp(0, extent - 1), inside))
        (x, x_inside), (y, y_inside) = axes
        grid = torch.stack(torch.broadcast_tensors(x[:, None], y[:, :, None]), -1)
        grid = grid.float() * 2 / grid.new_tensor([max(width - 1, 1), max(height - 1, 1)]) - 1
        pictures = features[rois[chosen, 0].long()]
        values = torch.nn.functional.grid_sample(pictures, grid.to(features.dtype), align_corners=True)
        values = values * (x_inside[:, None] & y_inside[:, :, None])[:, None]
        pooled[chosen] = torch.nn.functional.avg_pool2d(values, (down, across)).to(pooled.dtype)
    return pooled


@contextlib.contextmanager
def stub_triton() -> Iterator[bool]:
    """Let modules that decorate triton kernels import where triton is missing; the kernels never run here."""
    try:
        import triton  # noqa: F401
    except ImportError:
        pass
    else:
        yield False
        return

    def jit(function: object = None, **_: object) -> object:
        return function if function is not None else (lambda inner: inner)

    triton_stub, language, helpers = (
        types.ModuleType(name) for name in ("triton", "triton.language", "torch._inductor.runtime.triton_helpers")
    )
    stubs = {stub.__name__: stub for stub in (triton_stub, language, helpers)}
    for name, stub in stubs.items():
        stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
    vars(triton_stub).update(jit=jit, language=language, __version__="0.0.0")
    vars(language).update(constexpr=object)
    vars(helpers).update(libdevice=None)
    before = {name: sys.modules.get(name) for name in stubs}
    sys.modules.update(stubs)
    try:
        yield True
    finally:
        # Others (torch itself) ask whether triton is there: they must not see the stub.
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def _host_only_tensors() -> None:
    """
    Make ``Tensor.cuda()`` and ``Tensor.pin_memory()`` leave the tensor where it is.

    The wheel calls them without asking (sam3_tracker_base.py:168,657,664; sam3_tracking_predictor.py:303;
    geometry_encoders.py:659). Without CUDA both would raise, so nobody can have relied on them here.
    """

    def stay(self: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        return self

    torch.Tensor.cuda = stay  # type: ignore[method-assign, assignment]
    torch.Tensor.pin_memory = stay  # type: ignore[method-assign, assignment]


def leave_autocast(tracker: torch.nn.Module) -> None:
    """
    Leave the autocast context that ``Sam3TrackerPredictor`` enters for ever in its constructor.

    Inside it the cache of cast weights is never cleared on that thread, so later weights are silently ignored.
    """
    context = getattr(tracker, "bf16_context", None)
    if context is not None:
        context.__exit__(None, None, None)
        del tracker.bf16_context
