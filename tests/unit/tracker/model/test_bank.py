"""The memory bank: its length, and which of its memories are read when."""

from __future__ import annotations

import torch

from tracker.model.bank import CONDITIONING, POINTERS, SPATIAL, Bank, Memory, resemblance


def memory(tick: int) -> Memory:
    return Memory(tick, torch.zeros(1, 4, 2, 2), torch.zeros(1, 8))


def test_a_bank_never_holds_more_than_its_length() -> None:
    bank = Bank()
    high = 0
    for tick in range(500):
        bank.remember(memory(tick))
        if tick % 20 == 0:
            bank.condition(memory(tick))
        high = max(high, bank.nbytes)
    assert len(bank.conditioning) == CONDITIONING
    assert len(bank.recent) == POINTERS
    assert sum(each.features is not None for each in bank.recent) == SPATIAL
    assert bank.nbytes == high == (CONDITIONING + SPATIAL) * 64 + (CONDITIONING + POINTERS) * 32


def test_a_second_mask_of_one_frame_replaces_the_first() -> None:
    bank = Bank()
    assert not bank
    for _ in range(3):
        bank.condition(memory(4))
    assert len(bank.conditioning) == 1
    assert bank


def test_what_is_read_is_the_past_only() -> None:
    bank = Bank()
    bank.condition(memory(0))
    for tick in range(1, 30):
        bank.remember(memory(tick))
    assert [each.tick for each, _ in bank.maps(30)] == [0, *range(24, 30)]
    assert [age for _, age in bank.maps(30)] == [0, *range(6, 0, -1)]
    assert [each.tick for each, _ in bank.pointers(30)] == [0, *range(15, 30)]
    assert [each.tick for each, _ in bank.maps(33)] == [0, *range(27, 30)]
    assert [(each.tick, age) for each, age in bank.pointers(40)] == [
        (0, 40),
        *((tick, 40 - tick) for tick in range(25, 30)),
    ]


def test_looks_are_alike_by_the_angle_between_their_pointers() -> None:
    some = [Memory(0, None, torch.tensor([[2.0, 0.0]])), Memory(0, None, torch.tensor([[1.0, 1.0]]))]
    others = [Memory(1, None, torch.tensor([[0.5, 0.0]])), Memory(1, None, torch.tensor([[0.0, -3.0]]))]
    half = 0.5**0.5
    assert torch.allclose(resemblance(some, others), torch.tensor([[1.0, 0.0], [half, -half]]))
