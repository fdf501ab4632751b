"""How varied worlds are: every chance and range in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tracker.model.vocabulary import COLORS, SHAPES

TINY = 0.02  # the radius of what is 3 % as wide as a picture of 4 to 3

# Sizes of training's stills: those that the network looks at need no more pixels than it does.
STILLS = (
    *((448, 336), (448, 252), (448, 448), (336, 448), (252, 448), (400, 300)),
    *((384, 288), (320, 240), (320, 320), (398, 224), (240, 320)),
)
# The same for the plain worlds that version 1 of nano was measured on: each as often as it stands here.
PLAIN_STILLS = (
    *((224, 224),) * 2,
    *((298, 224),) * 4,
    *((320, 240),) * 6,
    *((398, 224),) * 3,
    *((448, 336),) * 2,
    *((240, 320),) * 2,
    (640, 480),
)


@dataclass(frozen=True, slots=True)
class Variety:
    """What worlds of one kind may show. Chances are 0 to 1, lengths in units of the picture's shorter side."""

    colors: tuple[str, ...] = COLORS
    shapes: tuple[str, ...] = SHAPES
    nameless: float = 0.06  # a shape that has no name
    unnamed: float = 0.2  # a thing without a name, where there are pictures of such
    twins: float = 0.2  # an object of the same name as one that is there
    radius: tuple[float, float] = (0.05, 0.3)
    tiny: float = 0.6  # the chance that it may be as small as TINY
    patterns: float = 0.22
    lines: float = 0.3  # around outlines
    glassy: float = 0.1  # what lies behind shines through
    photos: float = 0.25  # light and shade of a photograph on a shape, where there are photographs
    squeeze: float = 0.8  # the least width to height
    crowds: float = 0.45  # pictures of five to thirty objects
    hidden: float = 0.25  # something nameless in the way
    moving: float = 0.5  # a camera that pans, zooms, rolls and shakes
    smear: float = 0.15  # motion blur
    rolling: float = 0.2  # bands of light, as a rolling shutter sees lamps
    quality: int = 15  # the lowest of JPEG
    grounds: float = 0.92  # one of all the grounds of grounds.py behind everything, else the soft patches of looks.py
    shades: float = 0.85  # a colour from all that its word stands for, else from the middle
    proportions: float = 0.8  # an outline of other proportions than the usual ones
    finish: float = 0.6  # flat as printed, with a light spot or a shade inside its border
    edges: float = 0.5  # pictures whose edges are hard, soft or finer than usual
    shadows: float = 0.3  # pictures in which things throw shadows
    lamps: float = 0.55  # coloured light, and light from one side
    lenses: float = 0.35  # sharpened, of few pixels, or of little or much contrast
    sizes: tuple[tuple[int, int], ...] = STILLS  # of stills for training, width and height, pixels


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
    grounds=0.0,
    shades=0.0,
    proportions=0.0,
    finish=0.0,
    edges=0.0,
    shadows=0.0,
    lamps=0.0,
    lenses=0.0,
    sizes=PLAIN_STILLS,
)

# What is learnt from first: all there is to name, each as plain to see.
EASY = replace(PLAIN, colors=COLORS, shapes=SHAPES)
