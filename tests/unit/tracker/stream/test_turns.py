"""Whose turn it is: what is not known yet, then what waits to be believed, then what was not asked for longest."""

from __future__ import annotations

import numpy as np
import torch

from tracker import Key, Prompt, prompt_keys
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS
from tracker.stream.scene import View
from tracker.stream.turns import Turns

WORDS = tuple(Prompt(word) for word in ("red", "green", "blue"))
BY_KEY = dict(zip(prompt_keys(WORDS), WORDS, strict=True))
RED, GREEN, BLUE = BY_KEY
BLACK = np.zeros((64, 64, 3), np.uint8)


def view(*pictures: np.ndarray) -> View:
    seen = View()
    for each in pictures or (BLACK,):
        seen.cut(each)
    return seen


def found(key: Key, *, confirmed: bool = True) -> Followed:
    logits = torch.full((8, 8), -10.0)
    logits[:2, :2] = 10.0
    one = Followed(1, key, logits, 0.9, 0, 0.0, (0.0, 0.0, 0.25, 0.25))
    if confirmed:
        one.life.confirm()
    return one


def asking(turns: Turns, count: int) -> list[tuple[Key, str]]:
    """So many keyframes, one after the other, on each of which one is asked."""
    asked = list[tuple[Key, str]]()
    while (key := turns.next(BY_KEY)) is not None and len(asked) < count:
        asked.append((key, turns.reason(key)))
        turns.asked(BY_KEY, [key])
    return asked


def begun() -> tuple[Turns, View]:
    """All were asked."""
    turns, seen = Turns(10), view()
    turns.notice(BY_KEY, [], seen, "start")
    assert asking(turns, 9) == [(RED, "start"), (GREEN, "start"), (BLUE, "start")]
    return turns, seen


def test_without_a_reason_nothing_is_asked() -> None:
    turns, seen = begun()
    for _ in range(100):
        turns.notice(BY_KEY, [], seen, None)
    assert turns.next(BY_KEY) is None


def test_a_new_word_comes_before_one_that_waits_and_known_ones_are_left_alone() -> None:
    turns, seen = begun()
    turns.keep([RED, GREEN])
    turns.notice(BY_KEY, [found(RED, confirmed=False)], seen, "prompts")
    assert turns.new(BLUE)
    assert asking(turns, 9) == [(BLUE, "prompts"), (RED, "confirm")]


def test_a_list_that_is_sent_again_asks_for_all_of_it() -> None:
    turns, seen = begun()
    turns.notice(BY_KEY, [], seen, "prompts")
    assert [key for key, _ in asking(turns, 9)] == [RED, GREEN, BLUE]


def test_new_objects_ask_for_their_word_a_few_times_in_a_row_and_again_after_it_was_asked_for_another_reason() -> None:
    turns, seen = begun()

    def confirming() -> list[tuple[Key, str]]:
        asked = list[tuple[Key, str]]()
        for _ in range(5):
            turns.notice(BY_KEY, [found(RED, confirmed=False)], seen, None)
            asked += asking(turns, 1)
        return asked

    assert confirming() == [(RED, "confirm")] * DEFAULTS.confirm_run
    turns.notice(BY_KEY, [], seen, "resized")
    assert [key for key, _ in asking(turns, 3)] == [GREEN, BLUE, RED]
    assert confirming() == [(RED, "confirm")] * DEFAULTS.confirm_run


def test_objects_in_doubt_ask_for_their_word_once_and_lost_ones_while_the_picture_changes() -> None:
    turns, seen = begun()
    doubted, lost = found(GREEN), found(BLUE)
    doubted.doubt.bad = DEFAULTS.doubt_steps
    turns.notice(BY_KEY, [doubted], seen, None)
    assert asking(turns, 9) == [(GREEN, "confidence")]
    lost.doubt.unseen = 1
    for _ in range(2 * DEFAULTS.doubt_gap):
        turns.notice(BY_KEY, [lost], seen, None)
    assert turns.next(BY_KEY) is None
    changed = BLACK.copy()
    changed[:12, :12] = 255
    seen.cut(changed)
    turns.notice(BY_KEY, [lost], seen, None)
    assert turns.next([BLUE]) == BLUE
    lost.doubt.unseen = DEFAULTS.returning + 1
    turns.asked(BY_KEY, [RED, GREEN, BLUE])
    turns.notice(BY_KEY, [lost], seen, None)
    assert turns.next([BLUE]) is None


def test_a_changed_picture_asks_for_all_words_after_an_interval_and_news_at_once() -> None:
    turns, seen = begun()
    small, large = BLACK.copy(), BLACK.copy()
    small[:12, :12] = 255
    large[:32, :32] = 255
    seen.cut(small)
    waited = 0
    while turns.next(BY_KEY) is None:
        turns.notice(BY_KEY, [], seen, None)
        waited += 1
    assert waited == turns.interval
    assert {reason for _, reason in asking(turns, 3)} == {"interval"}
    seen.cut(large)
    turns.notice(BY_KEY, [], seen, None)
    assert {reason for _, reason in asking(turns, 3)} == {"uncovered"}
    turns.notice(BY_KEY, [], seen, None)
    assert turns.next(BY_KEY) is None


def test_one_that_asks_all_the_time_does_not_keep_the_others_from_their_turns() -> None:
    turns, seen = begun()
    asked = list[Key]()
    for _ in range(60):
        doubted = found(RED)
        doubted.doubt.bad = DEFAULTS.doubt_steps
        turns.notice(BY_KEY, [doubted, found(RED, confirmed=False)], seen, None)
        if len(asked) % 10 == 0:
            turns.notice(BY_KEY, [], seen, "resized")
        asked += [key for key, _ in asking(turns, 1)]
    assert asked.count(GREEN) == asked.count(BLUE) >= 4


def test_a_word_that_is_gone_waits_no_more() -> None:
    turns, seen = Turns(10), view()
    turns.notice(BY_KEY, [], seen, "start")
    turns.keep([GREEN])
    assert asking(turns, 9) == [(GREEN, "start")]
    assert not turns.new(GREEN)
    turns.keep([])
    assert turns.new(GREEN)
