"""What is asked in words, and which objects answer."""

from __future__ import annotations

import numpy as np

from tracker.model.vocabulary import KINDS
from tracker.training.questions import absent_name, name_of, question
from tracker.worlds.objects import WorldObject


def seen() -> list[WorldObject]:
    masks = np.zeros((3, 90, 90), bool)
    for place, mask in enumerate(masks):
        mask[10:30, 30 * place : 30 * place + 20] = True
    names = [("red", "circle"), ("blue", "star"), ("red", "star")]
    return [WorldObject(place, *names[place], masks[place], 1.0) for place in range(3)]


def test_the_answers_to_a_question_are_all_that_its_words_or_examples_mean() -> None:
    objects, kinds = seen(), set()
    for seed in range(200):
        text, examples, answers = question(np.random.default_rng(seed), objects)
        if not examples:
            assert answers == [each for each in objects if each.matches(text)]
        kinds.add((bool(examples), bool(answers)))
    assert kinds == {(False, False), (False, True), (True, True)}


def test_a_counter_example_takes_away_everything_of_its_name() -> None:
    objects, found = seen(), 0
    for seed in range(400):
        _, examples, answers = question(np.random.default_rng(seed), objects)
        if examples and examples[0][1] == 0:
            found += 1
            assert len(answers) == 2
    assert found


def test_nothing_answers_to_an_absent_name() -> None:
    objects = seen()
    for seed in range(100):
        text = absent_name(np.random.default_rng(seed), objects)
        assert [each.answers(text) for each in objects] == [False] * 3, text


def test_a_name_means_its_object_and_leaves_no_doubt() -> None:
    objects = seen()
    for seed in range(100):
        text = name_of(np.random.default_rng(seed), objects[1], objects)
        assert objects[1].matches(text), text
        assert None not in [each.answers(text) for each in objects], text


def test_among_drawings_other_drawings_are_asked_for_more_often() -> None:
    dog = WorldObject(0, "", "dog", seen()[0].mask, 1.0)
    among_drawings, among_shapes = (
        [absent_name(np.random.default_rng(seed), objects) for seed in range(300)] for objects in ([dog], seen())
    )
    assert sum(text in KINDS for text in among_drawings) > 1.5 * sum(text in KINDS for text in among_shapes) > 0
    assert "dog" not in among_drawings
