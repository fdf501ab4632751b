"""Followed objects made by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from tracker.model.bank import Memory
from tracker.stream.geometry import bounds
from tracker.stream.objects import Followed

SIDE = 64


def square(left: int, top: int, size: int, value: float = 10.0) -> Tensor:
    logits = torch.full((SIDE, SIDE), -10.0)
    logits[top : top + size, left : left + size] = value
    return logits


def made(logits: Tensor, number: int = 1, *, born: int = 0, confirmed: bool = True) -> Followed:
    new = Followed(number, ("red",), logits, 0.9, born, 0.0, bounds(logits))
    if confirmed:
        new.life.confirm()
    return new


def remembered(each: Followed, color: tuple[float, float, float] = (255.0, 0.0, 0.0)) -> Followed:
    """The same object with one memory, as FakeModel has them: of a colour."""
    each.memory.bank.condition(Memory(0, torch.tensor(color)[None, :, None, None], torch.tensor([color])))
    return each
