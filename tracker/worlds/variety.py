"""How varied worlds are: every chance and range in one place."""

from __future__ import annotations

from dataclasses import dataclass

from tracker.model.vocabulary import COLORS, SHAPES


@dataclass(frozen=True, slots=True)
class Variety:
    """What worlds of one kind may show. Chances are 0 to 1, lengths in units of the picture's shorter side."""

    colors: tuple[str, ...] = COLORS
    shapes: tuple[str, ...] = SHAPES
    nameless: float = 0.06  # a shape that has no name
    unnamed: float = 0.2  # a thing without a name, where there are pictures of such
    twins: float = 0.2  # an object of the same name as one that is there
    radius: tuple[float, float] = (0.05, 0.3)
    tiny: float = 0.3  # the chance that it may be as small as TINY
    patterns: float = 0.22
    lines: float = 0.3  # around outlines
    glassy: float = 0.1  # what lies behind shines through
    photos: float = 0.25  # light and shade of a photograph on a shape, where there are photographs
    squeeze: float = 0.8  # the least width to height
    crowds: float = 0.25  # pictures of five to twenty-five objects
    hidden: float = 0.25  # something nameless in the way
    moving: float = 0.5  # a camera that pans, zooms, rolls and shakes
    smear: float = 0.15  # motion blur
    rolling: float = 0.2  # bands of light, as a rolling shutter sees lamps
    quality: int = 15  # the lowest of JPEG


TINY = 0.018

WIDE = Variety()

# What version 0 of nano was taught on, and what it is shown on in the demo: nothing tiny, nothing in the way.
PLAIN = Variety(
    colors=("red", "green", "blue", "yellow", "purple", "orange"),
    shapes=("circle", "square", "triangle", "star"),
    nameless=0.0,
    twins=0.0,
    radius=(0.055, 0.22),
    tiny=0.0,
    patterns=0.0,
    lines=0.25,
    glassy=0.0,
    squeeze=1.0,
    crowds=0.0,
    hidden=0.0,
    moving=0.0,
    smear=0.0,
    rolling=0.0,
    quality=35,
)
