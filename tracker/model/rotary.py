"""
Rotary positions in real numbers, equal to upstream's complex ones (``sam3.model.vitdet``, ``sam3.sam.rope``).

A compiler that makes no code for complex numbers leaves each rotation to a kernel of its own. Not compiled, the complex
way has fewer operations: this one is for compiled parts alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def in_real_numbers(trunk: Any) -> Callable[[], None]:
    """Let every block of an encoder with rotary positions turn in real numbers; returns how to undo it."""
    blocks = [block.attn for block in getattr(trunk, "blocks", ()) if getattr(block.attn, "use_rope", False)]
    for each in blocks:
        # Past nn.Module, which would keep it as a part, behind the method of the same name.
        object.__setattr__(each, "_apply_rope", Turn(torch.view_as_real(each.freqs_cis).clone()))

    def undo() -> None:
        for each in blocks:
            object.__delattr__(each, "_apply_rope")

    return undo


def real_memory(attention: Any) -> Callable[[], None]:
    """The same for memory attention, whose layers upstream lets turn either way; returns how to undo it."""
    layers = [each for each in attention.modules() if hasattr(each, "use_rope_real")]
    for each in layers:
        each.freqs_cis_real, each.freqs_cis_imag = each.freqs_cis.real.clone(), each.freqs_cis.imag.clone()
        each.use_rope_real = True

    def undo() -> None:
        for each in layers:
            each.use_rope_real = False

    return undo


class Turn(torch.nn.Module):
    """Turns queries and keys by ``angles`` (L, d/2, 2), the cosine and the sine of each place and pair of channels."""

    angles: Tensor

    def __init__(self, angles: Tensor) -> None:
        super().__init__()
        self.register_buffer("angles", angles, persistent=False)

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """(B, heads, L, d) each, turned."""
        return self._turned(q), self._turned(k)

    def _turned(self, x: Tensor) -> Tensor:
        cosine, sine = self.angles.unbind(-1)
        real, imaginary = x.float().unflatten(-1, (-1, 2)).unbind(-1)
        turned = torch.stack((real * cosine - imaginary * sine, real * sine + imaginary * cosine), -1)
        return turned.flatten(-2).type_as(x)
