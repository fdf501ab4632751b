"""The tables of names: numbers match numbers, and nothing is named twice."""

from __future__ import annotations

from collections import Counter

import pytest

from tracker.checkpoints import mobileclip_names as names
from tracker.checkpoints.keymap import How, Modules

TABLES = [
    (names.EFFICIENTSAM3_MODULES, names.EFFICIENTSAM3_PARAMETERS),
    (names.LITETEXT_MODULES, names.LITETEXT_PARAMETERS),
]


@pytest.mark.parametrize(("modules", "parameters"), TABLES, ids=["authors", "transformers"])
def test_each_tensor_has_one_place(modules: Modules, parameters: tuple[tuple[str, str, How], ...]) -> None:
    rows = [(f"{ours}.{a}", f"{theirs}.{b}") for ours, theirs, parts in modules for a, b in parts]
    rows += [(ours, theirs) for ours, theirs, _ in parameters]
    assert all(ours.count("#") == theirs.count("#") for ours, theirs in rows)
    assert all(ours.startswith(names.TEXT) for ours, _ in rows)
    for column in zip(*rows, strict=True):
        assert [name for name, count in Counter(column).items() if count > 1] == []


def test_both_tables_know_the_same_tensors_of_ours() -> None:
    first, second = (
        {f"{ours}.{a}" for ours, _, parts in modules for a, _ in parts} | {ours for ours, *_ in parameters}
        for modules, parameters in TABLES
    )
    assert first == second
