"""Values counted before they are parsed, whatever the text is cut into."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.wire import values
from streamer.wire.values import TooManyValues, Values

MANY = 10**6
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('a",[]{}\\:é\n'), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('a",\\', max_size=3), inner, max_size=4),
    max_leaves=20,
)


def counted(text: bytes, cuts: list[int]) -> int:
    counter = Values(MANY)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in itertools.pairwise(places):
        counter.feed(text[start:end])
    return counter.count


def expected(value: Any) -> int:
    """One for each list and object, one for each of their members, one for the whole; empty ones count twice."""
    if isinstance(value, list | dict):
        members = list(value.values()) if isinstance(value, dict) else value
        return 1 + max(1, len(members)) - len(members) + sum(expected(each) for each in members)
    return 1


@given(value=ANY_JSON, cuts=st.lists(st.integers(0, 10**6), max_size=6), ascii_only=st.booleans())
@settings(max_examples=200, deadline=None)
def test_what_is_inside_strings_does_not_count_wherever_the_text_is_cut(
    value: Any, cuts: list[int], ascii_only: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert counted(text, cuts) == expected(value)


@pytest.mark.parametrize(
    "text", ["[" * 50, "{}," * 50, '""' * 100, '"a",' * 50, '["\\\\",' * 25, '["\\"\\\\\\"",' * 25]
)
def test_more_than_the_limit_is_refused_in_words(text: str) -> None:
    with pytest.raises(TooManyValues, match="more than 40 values"):
        values.check(text, 40)


def test_a_picture_is_one_value() -> None:
    picture = json.dumps(
        {"image": {"type": "base64", "value": "data:image/png;base64," + "A+/," * 5000}, "prompts": []}
    )
    values.check(picture, 10)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be", "utf-32-le"])
def test_other_codings_than_utf_8_are_refused(coding: str) -> None:
    """Their quotes and backslashes are not found: '"\\""' would turn inside out."""
    with pytest.raises(UnicodeError, match="UTF-8"):
        values.check(json.dumps(['"', *range(100)]).encode(coding), MANY)


def test_half_a_surrogate_pair_is_counted_and_left_to_the_parser() -> None:
    values.check('["\ud800"]', 5)
