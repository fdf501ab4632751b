"""The two tables of names: numbers match numbers, and nothing is named twice."""

from __future__ import annotations

from collections import Counter

from tracker.checkpoints.keymap import How
from tracker.checkpoints.transformers_names import MODULES, PARAMETERS, PREFIXES, TWICE


def test_numbers_of_ours_are_numbers_of_theirs() -> None:
    for ours, theirs, parts in MODULES:
        for a, b in parts:
            assert f"{ours}.{a}".count("#") == f"{theirs}.{b}".count("#"), (ours, a)


def test_every_place_of_theirs_is_in_one_of_their_three_parts() -> None:
    named = [theirs for _, theirs, _ in MODULES] + [theirs for _, theirs, _ in PARAMETERS if theirs]
    assert all(f"{name}.".startswith(PREFIXES) for name in (*named, *TWICE, *TWICE.values()))


def test_no_tensor_of_ours_is_named_twice() -> None:
    ours = [f"{ours}.{a}" for ours, _, parts in MODULES for a, _ in parts] + [ours for ours, *_ in PARAMETERS]
    assert [name for name, count in Counter(ours).items() if count > 1] == []


def test_what_has_no_place_in_theirs_says_why() -> None:
    assert {how for _, theirs, how in PARAMETERS if theirs is None} == {How.COMPUTED, How.UNUSED}
