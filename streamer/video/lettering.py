"""
Text on pictures, in the letters of its script.

Most are in the font that OpenCV brings: WenQuanYi Micro Hei (Apache 2.0), with Latin, Greek, Cyrillic, Chinese,
Japanese and Korean letters. Other scripts come from fonts of their own (all OFL), each in a package. Pillow draws
these: its wheels bring Raqm, which joins and stacks letters and puts them in the order in which they are seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import groupby

import cv2
import numpy as np
from PIL import ImageFont, features

from streamer.frame import Picture

FONT = "uni"  # OpenCV's name for it; there is a second, with fewer letters
MARGIN = 2  # pixels around a text
WEIGHT = 500  # of the strokes, 400 is regular: small letters on a moving picture
WIDTH = 100  # of the letters in percent, in fonts that have several
EM = 1.05  # of a font of its own, in shares of a line's size: its letters are as high as those of OpenCV's font
CACHED = 64  # written words that are kept: more than the labels of one picture
FACES = 16  # fonts of a size that are kept: two sizes of each
# What OpenCV's font lacks: the package, its font, and the letters, joined forms of Arabic among them.
SCRIPTS = (
    ("heebo", "Heebo[wght].ttf", re.compile("[\u0590-\u05ff]")),
    (
        "noto_sans_arabic",
        "NotoSansArabic[wdth,wght].ttf",
        re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]"),
    ),
    ("noto_sans_devanagari", "NotoSansDevanagari[wdth,wght].ttf", re.compile("[\u0900-\u097f]")),
    ("hind_siliguri", "HindSiliguri-Medium.ttf", re.compile("[\u0980-\u09ff]")),  # Bengali
    ("noto_sans_tamil", "NotoSansTamil[wdth,wght].ttf", re.compile("[\u0b80-\u0bff]")),
    ("noto_sans_telugu", "NotoSansTelugu[wdth,wght].ttf", re.compile("[\u0c00-\u0c7f]")),
    ("noto_sans_thai", "NotoSansThai[wdth,wght].ttf", re.compile("[\u0e00-\u0e7f]")),
    ("noto_sans_khmer", "NotoSansKhmer[wdth,wght].ttf", re.compile("[\u1780-\u17ff\u19e0-\u19ff]")),
)
COMMON = re.compile("[ -~\u200c\u200d]")  # in every one of these fonts, or steers how its letters join
ISOLATES = "\u2068\u2069"  # Unicode's marks around a part whose direction is its own


def isolated(text: str) -> str:
    """A part of a line that does not change the direction of what stands around it."""
    return f"{ISOLATES[0]}{text}{ISOLATES[1]}"


def shapes() -> bool:
    """Whether letters are joined, stacked and turned as their script asks: whether this Pillow has Raqm."""
    return bool(features.check("raqm"))


@dataclass(frozen=True, slots=True)
class Line:
    """
    A line of text, ``size`` pixels high, ready to be written: its width and height with a margin around it.

    Its runs stand from left to right; only within one are letters turned.
    """

    runs: tuple[tuple[str, str], ...]  # the path of a font, or FONT, and letters as they are read
    size: int
    width: int
    height: int
    base: int  # rows from the top to where letters stand

    @classmethod
    def of(cls, text: str, size: int) -> Line:
        """Measure a text; what ends a line in it is a space."""
        runs = _runs(" ".join(text.split()))
        above, below = size + size // 8, size // 2 - size // 8
        width = 0
        for font, letters in runs:
            width += _across(font, letters, size)
            if font != FONT:  # stacked letters may need more room
                ink, top, _ = _drawn(font, letters, size)
                above, below = max(above, -top), max(below, ink.shape[0] + top)
        return cls(runs, size, width + 2 * MARGIN, above + below + 2 * MARGIN, above + MARGIN)

    def on(self, picture: Picture, left: int, top: int) -> None:
        """Write it in black, into the picture itself; ``left`` and ``top`` are of the margin, and not negative."""
        x, base = left + MARGIN, top + self.base
        for font, letters in self.runs:
            if font == FONT:
                cv2.putText(picture, letters, (x, base), (0, 0, 0), cv2.FontFace(FONT), self.size, WEIGHT)
            else:
                ink, above, _ = _drawn(font, letters, self.size)
                under = picture[base + above :, x:][: ink.shape[0], : ink.shape[1]]
                paper = 255 - ink[: under.shape[0], : under.shape[1], None].astype(np.uint16)
                under[:] = under * paper // 255
            x += _across(font, letters, self.size)


def _runs(text: str) -> tuple[tuple[str, str], ...]:
    """Fonts and their letters, as few as can be."""
    runs = [run for part in re.split(f"[{ISOLATES}]", text) for run in _part(part)]
    return tuple((font, "".join(letters for _, letters in same)) for font, same in groupby(runs, lambda run: run[0]))


def _part(part: str) -> list[tuple[str, str]]:
    """Letters of one font each; what is common to all fonts stays with the letters before it."""
    own = [_font(letter) for letter in part]
    font = next((each for each in own if each not in (None, FONT)), None) or FONT
    for place, each in enumerate(own):
        own[place] = font = each or font
    places = groupby(range(len(part)), lambda place: own[place] or FONT)
    return [(font, "".join(part[place] for place in run)) for font, run in places]


def _across(font: str, letters: str, size: int) -> int:
    if font != FONT:
        ink, _, advance = _drawn(font, letters, size)
        return max(advance, int(ink.shape[1]))
    left, _, width, _ = cv2.getTextSize((0, 0), letters, (0, 0), cv2.FontFace(FONT), size, WEIGHT)
    return int(left + width)


@lru_cache(maxsize=CACHED)
def _drawn(font: str, letters: str, size: int) -> tuple[Picture, int, int]:
    """
    Letters of a font of its own: their ink (height, width), 255 is black; its first row, counted from the base down;
    and how far the next letter stands.
    """
    face = _face(font, round(size * EM))
    direction = "ltr" if shapes() else None  # of the line; Raqm finds that of the letters
    core, (left, top) = face.getmask2(letters, "L", direction=direction, anchor="ls")
    width, height = core.size
    ink = np.frombuffer(bytes(core), np.uint8).reshape(height, width)
    return np.pad(ink, ((0, 0), (max(0, left), 0))), top, round(face.getlength(letters, direction=direction))


@lru_cache(maxsize=FACES)
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    face = ImageFont.truetype(font, size)
    if "[" in font:  # a variable font
        face.set_variation_by_axes([float(WEIGHT), float(WIDTH)][: len(face.get_variation_axes())])
    return face


@lru_cache(maxsize=len(SCRIPTS))
def _path(package: str, file: str) -> str:
    return str(files(package).joinpath("files", file))


def _font(letter: str) -> str | None:
    """The path of a letter's font, or FONT; None where any will do."""
    if COMMON.match(letter):
        return None
    for name, file, letters in SCRIPTS:
        if letters.match(letter):
            return _path(f"fontpkg_{name}", file)
    return FONT
