"""
Pictures of things that have names, in several styles, from emoji sets under free licences.

    python -m tracker.worlds.things --out runs/things

fetches the sets with npm (each is one JSON of drawings), draws those that nano is taught with resvg
(``pip install resvg-py``), and keeps them as one file that :func:`load` reads. Training and evaluation need it. The
synthetic camera shows the few that are in the package: :func:`shipped`, written by ``--shipped``. STYLES names the
licences of the sets, NOTICE has the lines they ask for.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tracker.model.vocabulary import CATEGORIES, HELD_OUT_KINDS, KINDS, SHAPES
from tracker.worlds.looks import Picture, Sprite, cut_out, named_colors

LONGER = 128  # pixels of a picture's longer side
FILE = "things.npz"
SHIPPED = Path(__file__).parents[1] / "assets" / FILE
SHIPPED_STYLE, SHIPPED_LONGER = "noto", 80
MOSTLY, HARDLY = 0.55, 0.12  # of a thing: it is of that colour; it is not
NAMELESS = 400  # further pictures of each style, which clicks and boxes are learnt on and no words


@dataclass(frozen=True, slots=True)
class Style:
    """A set of drawings: the npm package it lies in, and its licence."""

    name: str
    package: str
    licence: str


STYLES = (
    Style("noto", "@iconify-json/noto@1.2.9", "Apache-2.0"),
    Style("noto-v1", "@iconify-json/noto-v1@1.2.5", "Apache-2.0"),
    Style("twemoji", "@iconify-json/twemoji@1.2.5", "CC-BY-4.0"),
    Style("openmoji", "@iconify-json/openmoji@1.2.29", "CC-BY-SA-4.0"),
    Style("fluent", "@iconify-json/fluent-emoji-flat@1.2.6", "MIT"),
    Style("emojione", "@iconify-json/emojione@1.2.3", "CC-BY-4.0"),
)
HELD_OUT_STYLE = "emojione"  # never trained on


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """A picture of something, in one style, its name (empty: nobody can ask for it) and the wider ones it goes by."""

    name: str
    style: str
    sprite: Sprite
    more: tuple[str, ...] = ()  # categories, and the colour of one that is mostly of one colour
    doubtful: tuple[str, ...] = ()  # colours that it has in part: people would not agree

    @classmethod
    def of(cls, name: str, style: str, sprite: Sprite) -> Thing:
        """With all that it may be called."""
        colors = named_colors(sprite)
        sure = [color for color, share in colors.items() if share >= MOSTLY]
        doubtful = [color for color, share in colors.items() if HARDLY <= share < MOSTLY]
        if not name:
            return cls(name, style, sprite, tuple(sure), (*doubtful, *CATEGORIES))
        return cls(name, style, sprite, (*(KINDS | HELD_OUT_KINDS)[name].categories, *sure), tuple(doubtful))


def load(folder: Path) -> list[Thing]:
    """Every picture that was built. Raises FileNotFoundError that says how to build them."""
    path = folder / FILE
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: python -m tracker.worlds.things --out {folder} makes it.")
    return _read(path)


@functools.cache
def shipped() -> tuple[Thing, ...]:
    """One small picture of each of KINDS, in one style: what the synthetic camera shows."""
    return tuple(_read(SHIPPED))


def _read(path: Path) -> list[Thing]:
    found = []
    with np.load(path) as arrays:
        for key in arrays.files:
            style, name, _ = key.split("/")
            found.append(Thing.of(name, style, arrays[key]))
    return found


def taught(things: list[Thing]) -> list[Thing]:
    """Those that training may use: names and styles that are not held out."""
    return [thing for thing in things if thing.style != HELD_OUT_STYLE and thing.name in KINDS]


def nameless(
    things: list[Thing], photos: list[Picture], cut_outs: int = 400, regions: Sequence[Sprite] = ()
) -> list[Thing]:
    """
    What clicks and boxes are learnt on beside things with names.

    Other drawings, pieces of photographs, and what is cut out of photographs along real borders (:mod:`scenes`).
    """
    rng = np.random.default_rng(5)
    pieces = [Thing.of("", "photo", cut_out(rng, photos)) for _ in range(cut_outs if photos else 0)]
    real = [Thing.of("", "photo", sprite) for sprite in regions]
    return [*(thing for thing in things if thing.style != HELD_OUT_STYLE and not thing.name), *pieces, *real]


def build(out: Path) -> None:
    """Fetch, draw and keep; prints what it does."""
    arrays: dict[str, Sprite] = {}
    for style in STYLES:
        print(f"{style.name}: {style.package}, {style.licence}", flush=True)
        icons = _icons(style.package)
        for name, kind in (KINDS | HELD_OUT_KINDS).items():
            for place, icon in enumerate(kind.icons):
                if icon in icons["icons"]:
                    arrays[f"{style.name}/{name}/{place}"] = _draw(icons, icon)
        for place, icon in enumerate(_others(list(icons["icons"]))):
            arrays[f"{style.name}//{place}"] = _draw(icons, icon)
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / FILE, **arrays)  # type: ignore[arg-type]
    print(f"{len(arrays)} pictures of {len(KINDS | HELD_OUT_KINDS)} things, and of things without a name: {out / FILE}")


def ship(out: Path) -> None:
    """Write the pack of the package from one that was built."""
    first = {each.name: each for each in reversed(load(out)) if each.style == SHIPPED_STYLE and each.name in KINDS}
    images = {name: Image.fromarray(first[name].sprite) for name in KINDS}
    small = {f"{SHIPPED_STYLE}/{name}/0": _scaled(image, SHIPPED_LONGER) for name, image in images.items()}
    np.savez_compressed(SHIPPED, **small)  # type: ignore[arg-type]
    print(f"{len(small)} pictures: {SHIPPED}, {SHIPPED.stat().st_size / 1000:.0f} kB")


def _others(icons: list[str]) -> list[str]:
    """NAMELESS of the drawings that are of nothing which nano knows a word for."""
    kinds = (KINDS | HELD_OUT_KINDS).items()
    known = {part for name, kind in kinds for word in (name, *kind.icons) for part in word.split("-")}
    known |= {*SHAPES, *("tone", "skin", "flag", "button", "heart", "moon", "arrow", "o", "x", "white", "black")}
    free = sorted(icon for icon in icons if not known & set(icon.split("-")))
    return free[:: max(1, len(free) // NAMELESS)]


def _icons(package: str) -> dict[str, dict[str, dict[str, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, capture_output=True, text=True)
        except FileNotFoundError:
            raise SystemExit("npm is needed to fetch the pictures; it comes with Node.js.") from None
        if done.returncode:
            raise SystemExit(f"npm cannot fetch {package}: {done.stderr.strip()[-300:]}")
        with tarfile.open(Path(folder) / done.stdout.strip().splitlines()[-1]) as archive:
            member = archive.extractfile("package/icons.json")
            assert member is not None
            icons: dict[str, dict[str, dict[str, str]]] = json.load(member)
            return icons


def _draw(icons: dict[str, dict[str, dict[str, str]]], icon: str) -> Sprite:
    """An icon as RGBA, cut to what is drawn, its longer side LONGER pixels."""
    try:
        import resvg_py
    except ImportError:
        raise SystemExit("resvg is needed to draw the pictures: pip install resvg-py") from None
    side = icons.get("height", icons.get("width", 128))
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    svg = f'<svg {names} viewBox="0 0 {side} {side}">{icons["icons"][icon]["body"]}</svg>'
    png = resvg_py.svg_to_bytes(svg_string=svg, width=2 * LONGER, height=2 * LONGER)
    whole = Image.open(io.BytesIO(bytes(png))).convert("RGBA")
    part = whole.crop(whole.getchannel("A").point([255 * (value > 127) for value in range(256)]).getbbox())
    return _scaled(part, LONGER)


def _scaled(image: Image.Image, longer: int) -> Sprite:
    scale = longer / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.uint8)


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/things"))
    parser.add_argument("--shipped", action="store_true", help="write the package's own pack from the one in --out")
    arguments = parser.parse_args()
    (ship if arguments.shipped else build)(arguments.out)


if __name__ == "__main__":
    main()
