"""What a call asks of a device: counts that can be compared with those of the tests, which have no device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# What allocates, or reads what a tensor knows of itself: no kernel, though it is no view either.
NO_KERNEL = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "_unsafe_view"}
# The host waits for these: for a number, or for an answer whose shape depends on values.
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "unique_dim", "_unique2", "equal", "is_nonzero"}


class Asked(TorchDispatchMode):
    """
    Counts the operations on a device for the length of a ``with`` block, and how often the host waits for it.

    What the host does by itself counts as nothing, and compiled parts and CUDA graphs do not either.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.launches = 0
        self.waits = 0
        self._kind = device.type

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every operation of this thread."""
        out = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[1]
        given, made = self._there((args, kwargs)), self._there(out)
        waits = given and (name in WAITS or (name in ("_to_copy", "copy_") and not made))
        self.waits += waits
        self.launches += (given or made) and not waits and not func.is_view and name not in NO_KERNEL
        return out

    def _there(self, values: Any) -> bool:
        return any(isinstance(each, Tensor) and each.device.type == self._kind for each in tree_leaves(values))


def asked(call: Callable[[], object], device: torch.device) -> str:
    """In words what one call asks of a device."""
    with Asked(device) as counts:
        call()
    return f"{counts.launches} operations, {counts.waits} waits"
