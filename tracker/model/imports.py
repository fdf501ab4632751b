"""
What ``sam3`` and torchvision import for a name that is hardly ever used, put off until somebody uses it.

torchvision wants ``is_compile_supported`` of torch._dynamo, which brings sympy and half of torch; ``sam3`` wants three
layers of timm, whose package imports hundreds of models, and scipy.optimize, for its own video classes. Together they
were two thirds of the time that importing took. Everybody else still gets the real modules.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

# Module: the functions that are imported from it by name.
LATER = {
    "torch._dynamo.utils": ("is_compile_supported",),  # torchvision.ops.roi_align; asked where CUDA is deterministic
    "scipy.optimize": ("linear_sum_assignment",),  # sam3.perflib.associate_det_trk; upstream's tracker, not used here
}
# Packages of which only some submodules are wanted.
WITHOUT_INIT = ("timm",)  # sam3.model.{memory, sam3_tracker_base, vitdet} import timm.layers


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """
    For the length of a ``with`` block, import neither the modules of LATER nor what packages import by themselves.

    Functions taken from LATER import the real module when they are called, and answer what it answers. Afterwards none
    of the stand-ins is left in ``sys.modules``. What was imported before is left as it is.
    """
    later = [name for name in LATER if name not in sys.modules]
    bare = [name for name in WITHOUT_INIT if name not in sys.modules and importlib.util.find_spec(name) is not None]
    for name in later:
        sys.modules[name] = _module(name, {each: _at_first_call(name, each) for each in LATER[name]})
    for name in bare:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        sys.modules[name] = _module(name, {"__path__": list(spec.submodule_search_locations or ())})
    try:
        yield
    finally:
        for name in later:
            del sys.modules[name]
        # With their submodules: a package imported later would not have those as attributes.
        for name in [name for name in sys.modules if name.partition(".")[0] in bare]:
            del sys.modules[name]


def check_bools_without_sympy() -> None:
    """
    Let torch's own checks of a plain True pass at once.

    ``torch._check_with``, which attention calls for every padding mask, imports ``symbolic_shapes`` and sympy to see
    that True is true. Everything else still goes there. Named privately, but replaced where torch looks it up itself.
    """
    real = torch._check_with
    if hasattr(real, "__wrapped__"):
        return

    @functools.wraps(real)
    def check(error_type: type[Exception], cond: bool | torch.SymBool, message: Callable[[], str]) -> None:
        if cond is not True:
            real(error_type, cond, message)

    torch._check_with = check


def _module(name: str, contents: dict[str, Any]) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package="__path__" in contents)
    vars(module).update(contents)
    return module


def _at_first_call(module: str, name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return call
