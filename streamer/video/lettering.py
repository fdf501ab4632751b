"""
Text on pictures, in the letters of its script.

Most are in the font that OpenCV brings: WenQuanYi Micro Hei (Apache 2.0), with Latin, Greek, Cyrillic, Hebrew, Chinese,
Japanese and Korean letters. Arabic, Devanagari and Thai ones come from Noto Sans (OFL), each from a package of its own.
Letters from right to left are put in the order in which they are seen, and Arabic ones joined.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

import cv2

from streamer.frame import Picture

FONT = "uni"  # OpenCV's name for it; there is a second, with fewer letters
MARGIN = 2  # pixels around a text
WEIGHT = 500  # of the strokes, 400 is regular: small letters on a moving picture
NOTO_SCALE = 1.25  # its letters are smaller in a box of one size
# What Noto Sans writes: the package, its font, and the letters, joined forms of Arabic among them.
NOTO = (
    ("arabic", "NotoSansArabic[wdth,wght].ttf", re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]")),
    ("devanagari", "NotoSansDevanagari[wdth,wght].ttf", re.compile("[\u0900-\u097f]")),
    ("thai", "NotoSansThai[wdth,wght].ttf", re.compile("[\u0e00-\u0e7f]")),
)
ISOLATES = "\u2068\u2069"  # Unicode's marks around a part whose direction is its own
# Devanagari's short i stands before the syllable that it is written after.
_SHORT_I = re.compile("((?:[\u0915-\u0939]\u093c?\u094d)*[\u0915-\u0939]\u093c?)\u093f")


def isolated(text: str) -> str:
    """A part of a line that does not change the direction of what stands around it."""
    return f"{ISOLATES[0]}{text}{ISOLATES[1]}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, ``size`` pixels high, ready to be written: its width and height with a margin around it."""

    runs: tuple[tuple[str, str], ...]  # the path of a font, or FONT, and letters from left to right
    size: int
    width: int
    height: int

    @classmethod
    def of(cls, text: str, size: int) -> Line:
        """Measure a text; what ends a line in it is a space."""
        shown = _as_seen(" ".join(text.split()))
        runs = tuple((font, "".join(letters)) for font, letters in groupby(shown, _font))
        width = sum(_across(font, letters, size) for font, letters in runs)
        return cls(runs, size, width + 2 * MARGIN, size + size // 2 + 2 * MARGIN)

    def on(self, picture: Picture, left: int, top: int) -> None:
        """Write it in black, into the picture itself; ``left`` and ``top`` are of the margin."""
        x, base = left + MARGIN, top + MARGIN + self.size + self.size // 8
        for font, letters in self.runs:
            face, size = _face(font, self.size)
            cv2.putText(picture, letters, (x, base), (0, 0, 0), face, size, WEIGHT)
            x += _across(font, letters, self.size)


def _across(font: str, letters: str, size: int) -> int:
    face, own = _face(font, size)
    left, _, width, _ = cv2.getTextSize((0, 0), letters, (0, 0), face, own, WEIGHT)
    return left + width


def _face(font: str, size: int) -> tuple[cv2.FontFace, int]:
    """A font, and the size in which its letters are as high as those of the others."""
    return cv2.FontFace(font), size if font == FONT else round(size * NOTO_SCALE)


def _as_seen(text: str) -> str:
    """The letters from left to right, as they stand on paper."""
    if any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text):
        from arabic_reshaper.arabic_reshaper import reshape
        from bidi import get_display

        text = str(get_display(reshape(text), base_dir="L"))
    return _SHORT_I.sub("\u093f\\1", text.translate({ord(mark): None for mark in ISOLATES}))


def _font(letter: str) -> str:
    for name, file, letters in NOTO:
        if letters.match(letter):
            return str(files(f"fontpkg_noto_sans_{name}").joinpath("files", file))
    return FONT
