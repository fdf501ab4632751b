"""streamer.video.lettering: words of most scripts are written with their own letters."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from streamer.frame import Picture
from streamer.video import lettering
from streamer.video.lettering import CACHED, FACES, FONT, MARGIN, Line, _drawn, _face, isolated

SIZE = 20


def written(text: str) -> Picture:
    """A text, black on white, in a picture of exactly its size."""
    line = Line.of(text, SIZE)
    picture = np.full((line.height, line.width, 3), 255, np.uint8)
    line.on(picture, 0, 0)
    return picture


WORDS = [
    "Fußgänger",
    "łóżko",
    "người",
    "κύκλος",
    "Красный",
    "红色的圆圈",
    "カップ",
    "빨간컵",
    "אדום",
    "วงกลม",
    "वृत्त",
    "قطة",
    "বিড়াল",
    "பூனை",
    "పిల్లి",
    "ឆ្មា",
]


@pytest.mark.parametrize("word", WORDS)
def test_no_letter_of_a_word_is_a_question_mark(word: str) -> None:
    unknown = written("?")
    for letter in word:
        mine = written(letter)
        assert (mine < 128).any()
        assert mine.shape != unknown.shape or (mine != unknown).any(), letter
        for font, _ in Line.of(letter, SIZE).runs:
            if font != FONT:
                assert not np.array_equal(_drawn(font, letter, SIZE)[0], _drawn(font, "\U0010fffd", SIZE)[0]), letter


@pytest.mark.parametrize("word", ["gjpqy ÄÉ", *WORDS])
def test_a_line_is_as_large_as_it_says(word: str) -> None:
    """Nothing is cut off: written into a larger picture it has no more ink."""
    line = Line.of(word, SIZE)
    large = np.full((line.height + 40, line.width + 40, 3), 255, np.uint8)
    line.on(large, 20, 20)
    assert np.array_equal(large[20:-20, 20:-20], written(word))
    assert (large[:20] == 255).all() and (large[-20:] == 255).all()
    assert (large[:, :20] == 255).all() and (large[:, -20:] == 255).all()


def test_hebrew_is_written_from_right_to_left() -> None:
    """Its letters do not change by their neighbours: the first one stands at the right end."""
    both, first, last = written("אב"), written("א"), written("ב")
    gap = MARGIN + 1
    assert (np.asarray(both[:, -first.shape[1] + gap : -gap]) == first[:, gap:-gap]).all()
    assert (both[:, : last.shape[1] - gap] == last[:, : last.shape[1] - gap]).all()


def test_arabic_letters_are_joined() -> None:
    """Joined they take less room than alone, and no column between them is empty."""
    joined = written("بيت")
    assert joined.shape[1] < sum(written(letter).shape[1] - 2 * MARGIN for letter in "بيت")
    inked = np.flatnonzero((joined < 128).any((0, 2)))
    assert len(inked) == inked[-1] - inked[0] + 1


def test_what_stands_around_a_word_from_right_to_left_keeps_its_place() -> None:
    """The number after it stays at its right."""
    line = Line.of(f"#7 {isolated('דלת אדומה')} 0.93", SIZE)
    (before, _), (hebrew, _), (after, _) = line.runs
    assert before == after == FONT != hebrew
    assert [letters for _, letters in line.runs] == ["#7 ", "דלת אדומה", " 0.93"]
    whole = written(f"#7 {isolated('דלת אדומה')} 0.93")
    first, last = written("#7 ")[:, :-MARGIN], written(" 0.93")[:, MARGIN:]
    assert np.array_equal(whole[:, : first.shape[1]], first)
    assert np.array_equal(whole[:, -last.shape[1] :], last)


def test_latin_before_hebrew_stays_before_it() -> None:
    both, latin = written("cat דלת"), written(isolated("cat") + "דלת")
    assert len(Line.of("cat דלת", SIZE).runs) == 1
    assert len(Line.of(isolated("cat") + "דלת", SIZE).runs) == 2
    last = written("ד")
    assert np.array_equal(both[:, -last.shape[1] // 2 :], latin[:, -last.shape[1] // 2 :])
    hebrew = written("דלת")
    assert not np.array_equal(both[:, : hebrew.shape[1]], hebrew)


@pytest.mark.parametrize("syllable", ["त्र", "ক্ষ", "க்ஷ", "ల్లి", "ក្ក"])
def test_letters_form_ligatures_or_stack(syllable: str) -> None:
    """Shaped they take less room than each alone."""
    alone = sum(written(letter).shape[1] - 2 * MARGIN for letter in syllable)
    assert written(syllable).shape[1] - 2 * MARGIN < alone


def test_written_words_that_are_kept_have_a_bound() -> None:
    for number in range(CACHED + 10):
        written(f"தமிழ் {number}")
    assert _drawn.cache_info().currsize == CACHED


def test_so_have_the_fonts_of_a_size() -> None:
    for size in range(SIZE, SIZE + FACES + 10):
        Line.of("தமிழ்", size)
    assert _face.cache_info().currsize == FACES


def test_without_raqm_letters_are_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for kept in (_drawn, _face):
        kept.cache_clear()
    monkeypatch.setattr(lettering, "shapes", lambda: False)
    monkeypatch.setattr(ImageFont.core, "HAVE_RAQM", False)
    try:
        assert (written("தமிழ்") < 128).any()
        assert _face(Line.of("த", SIZE).runs[0][0], SIZE).layout_engine == ImageFont.Layout.BASIC
    finally:
        for kept in (_drawn, _face):
            kept.cache_clear()


def test_a_label_wider_than_the_picture_is_cut() -> None:
    picture = np.full((20, 30, 3), 255, np.uint8)
    Line.of("தமிழ் தமிழ்", SIZE).on(picture, 0, 0)
    Line.of("தமிழ்", SIZE).on(picture, 40, 30)
    assert (picture < 128).any()


def test_line_ends_are_spaces() -> None:
    assert Line.of("red\ncup\t", SIZE) == Line.of("red cup", SIZE)
    assert Line.of("", SIZE).width > 0


def test_a_longer_text_is_wider_and_a_larger_one_higher() -> None:
    assert Line.of("cup", SIZE).width < Line.of("cups", SIZE).width
    assert Line.of("cup", SIZE).height < Line.of("cup", 2 * SIZE).height
