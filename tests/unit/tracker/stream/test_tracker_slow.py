"""A live stream of a model whose looks take seconds: words are asked in turn, for a reason; following goes first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.support.fake_model import Picture, picture
from tests.support.delayed import EMBED, LEVELS, WORD, FakeDelay, LiveStream
from tests.support.stream import click_at, ids
from tracker import Ability, Box, FrameGone, Prompt, Stage
from tracker.stream.params import DEFAULTS

WORDS = ("red", "green", "blue", "white")
ALL = tuple(Prompt(word) for word in WORDS)


def still(_: float) -> Picture:
    return picture(("red", 10, 20, 24), ("green", 20, 80, 24), ("blue", 80, 80, 24))


def moving(seconds: float) -> Picture:
    """Things that slide to and fro: something has always changed."""
    place = int(20 * abs((seconds / 3) % 2 - 1))
    return picture(("red", 10 + place, 10, 24), ("green", 20, 70 + place, 24), ("blue", 60 + place, 90, 24))


def test_the_first_look_asks_one_word_and_the_next_ones_each_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, still, *ALL)
    stream.look()
    assert stream.model.words == [("red",)]
    assert stream.model.now == pytest.approx(EMBED + LEVELS + WORD, abs=0.1)
    stream.looks(30)
    assert [len(each) for each in stream.model.words] == [1] * len(stream.model.words)
    assert [word for (word,) in stream.model.words[:4]] == list(WORDS)
    assert ids(stream.steps[-1]) == [1, 2, 3]


def test_where_nothing_changes_nothing_more_is_asked_and_what_comes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, still, *ALL)
    stream.looks(40)
    asked = Counter(word for (word,) in stream.model.words)
    assert asked == {"red": 2, "green": 2, "blue": 2, "white": 1}  # found and confirmed; and not there
    stream.looks(60)
    assert len(stream.model.words) == asked.total()
    more = ("white", 80, 10, 20)
    stream.scene = lambda _: picture(("red", 10, 20, 24), ("green", 20, 80, 24), ("blue", 80, 80, 24), more)
    stream.looks(20)
    assert ids(stream.steps[-1]) == [1, 2, 3, 4]
    assert len(stream.model.words) <= asked.total() + 6


def test_following_has_at_least_the_time_that_detecting_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, moving, *ALL)
    stream.looks(20)
    began, before, looked = stream.model.now, stream.model.detecting, len(stream.steps)
    stream.looks(100)
    spent, detecting = stream.model.now - began, stream.model.detecting - before
    assert 0.2 * spent < detecting <= 0.5 * spent + WORD
    stages = "".join("k" if each.stage is Stage.KEYFRAME else "r" for each in stream.steps[looked:])
    assert "kk" not in stages
    assert set(ids(stream.steps[-1])) == {1, 2, 3}


def test_every_word_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, moving, *ALL)
    stream.looks(150)
    asked = Counter(word for (word,) in stream.model.words[8:])
    assert set(asked) == set(WORDS)
    assert max(asked.values()) - min(asked.values()) <= 1


def test_objects_of_words_that_were_not_asked_are_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, moving, *ALL)
    stream.looks(150)
    first = next(place for place, step in enumerate(stream.steps) if len(step.tracks) == 3)
    assert all(ids(step) == [1, 2, 3] for step in stream.steps[first:])
    assert len(stream.keyframes) > 20


def test_a_new_word_is_asked_on_the_next_look_and_the_known_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, still, *ALL[:2])
    stream.looks(30)
    before = len(stream.model.words)
    stream.tracker.set_prompts(ALL[:3])
    step = stream.look()
    assert (step.stage, step.reason) == (Stage.KEYFRAME, "prompts")
    stream.looks(20)
    assert [word for (word,) in stream.model.words[before:]] == ["blue", "blue"]  # found, and confirmed
    stream.tracker.set_prompts(ALL[:1])
    stream.tracker.set_prompts([replace(ALL[0], threshold=0.3), ALL[1]])
    before = len(stream.model.words)
    stream.looks(20)
    assert {word for (word,) in stream.model.words[before:]} == {"red", "green"}


def test_a_list_that_is_sent_again_and_again_leaves_following_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, still, *ALL)
    stream.looks(30)
    before = len(stream.model.words)
    for _ in range(40):
        stream.tracker.set_prompts(ALL)
        stream.look()
    assert 4 < len(stream.model.words) - before <= 20


def test_a_cut_asks_for_everything_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, still, *ALL)
    stream.looks(30)
    before = len(stream.model.words)
    stream.scene = lambda _: picture(("white", 0, 0, 128), ("red", 50, 50, 30))
    assert stream.look().reason == "scene"
    stream.looks(16)
    assert {word for (word,) in stream.model.words[before : before + 4]} == set(WORDS)


def test_who_clicks_waits_for_no_detection_and_detecting_is_put_off_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = LiveStream(monkeypatch, moving, *ALL)
    stream.looks(20)
    while stream.look().stage is not Stage.KEYFRAME:
        pass
    while stream.tracker._looking.schedule.budget.owes:
        stream.look()
    stream.tracker.click(stream.index, click_at(*next(iter(_middles(stream)))))
    assert [step.stage for step in stream.looks(2)] == [Stage.REFINE] * 2
    before = len(stream.model.words)
    for _ in range(60):
        stream.tracker.click(stream.index, click_at(*next(iter(_middles(stream)))))
        stream.look()
    assert 60 // 14 <= len(stream.model.words) - before <= 60 // 8


def _middles(stream: LiveStream) -> list[tuple[float, float]]:
    return [((t.box.x0 + t.box.x1) / 2, (t.box.y0 + t.box.y1) / 2) for t in stream.steps[-1].tracks]


def test_a_click_that_no_frame_can_answer_yet_makes_the_next_look_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LiveStream(monkeypatch, lambda _: picture(), *ALL)
    stream.look()
    assert len(stream.model.words) == 1  # three more wait, and nothing is followed
    with pytest.raises(FrameGone):
        stream.tracker.click(stream.index + 90, click_at(30, 30))
    assert stream.look().stage is Stage.REFINE
    stream.looks(12)
    assert len(stream.model.words) == 4


def test_orders_are_carried_out_before_the_word_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, seen = LiveStream(monkeypatch, still, *ALL), list[float]()
    stream.look(between=lambda: seen.append(stream.model.now))
    assert seen == pytest.approx([EMBED, EMBED, EMBED + LEVELS, EMBED + LEVELS + WORD], abs=1e-6)


@pytest.mark.parametrize(("known", "first"), [(True, 1), (False, len(ALL))])
def test_what_a_word_takes_is_known_from_warming_up_or_from_the_first_keyframe(
    monkeypatch: pytest.MonkeyPatch, known: bool, first: int
) -> None:
    stream = LiveStream(monkeypatch, moving, *ALL, model=FakeDelay(known=known))
    stream.looks(30)
    assert [len(each) for each in stream.model.words[:3]] == [first, 1, 1]


@pytest.mark.parametrize(("live", "seconds"), [(True, 0.9 * DEFAULTS.long_word), (False, 20.0)])
def test_a_fast_model_and_a_recording_are_looked_at_as_ever(
    monkeypatch: pytest.MonkeyPatch, live: bool, seconds: float
) -> None:
    """What a word takes is under the bound, or nothing is left out meanwhile."""
    slow = LiveStream(monkeypatch, moving, *ALL, model=FakeDelay(slower=seconds / (WORD + LEVELS)), live=live)
    fast = LiveStream(monkeypatch, moving, *ALL, model=FakeDelay(slower=0.01), live=False)
    for index in range(40):
        found = [stream.tracker.step(moving(index / 10), index, index / 10) for stream in (slow, fast)]
        assert [found[0].stage, found[0].reason, found[0].tracks] == [found[1].stage, found[1].reason, found[1].tracks]
    assert {len(each) for each in slow.model.words} == {len(ALL)}


def test_a_model_without_clicks_asks_in_turn_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeDelay()
    model.config = replace(model.config, abilities=frozenset({Ability.WORDS, Ability.EXEMPLARS}))
    stream = LiveStream(monkeypatch, moving, *ALL, model=model, interval=10)
    stream.looks(120)
    assert {len(each) for each in model.words} == {1}
    asked = Counter(word for (word,) in model.words)
    assert set(asked) == set(WORDS)
    assert model.prompted == []
    assert ids(stream.steps[-1]) == [1, 2, 3]


def test_examples_that_were_drawn_on_a_frame_are_all_asked_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    corners = (10, 20), (20, 80)
    drawn = [Prompt(boxes=(Box(left, top, left + 24, top + 24),), labels=(True,)) for left, top in corners]
    stream = LiveStream(monkeypatch, still, ALL[2], *drawn)
    stream.look()
    assert stream.model.words == [(None, None)]
    stream.looks(20)
    assert stream.model.words[1] == ("blue",)
    assert ids(stream.steps[-1]) == [1, 2, 3]
    assert not stream.tracker.snapshot.notes  # type: ignore[union-attr]
