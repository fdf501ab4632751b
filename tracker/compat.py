"""
What the ``sam3`` 0.1.4 wheel needs to import and run without CUDA or triton.

:func:`prepare` is called once, by ``tracker.model``, before anything of ``sam3`` is imported. On a machine
with CUDA and triton it changes nothing. What it stands in for gives equal results (tests/test_compat.py).
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from functools import cache

import torch


@cache
def prepare() -> tuple[str, ...]:
    """Make ``import sam3`` work here. Returns the names of the stand-ins that were needed, for ``streamer doctor``."""
    used = []
    if _torchvision_ops():
        used.append("torchvision-ops")
    with stub_triton() as stubbed:
        if stubbed:
            used.append("triton")
        import sam3.model.edt  # noqa: F401  (the only module on our path that imports triton)
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
        import torchvision  # noqa: F401
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


@contextlib.contextmanager
def stub_triton() -> Iterator[bool]:
    """Let modules that decorate triton kernels import where triton is missing; the kernels themselves never run here."""
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
