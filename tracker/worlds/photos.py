"""
Free photographs that other packages ship: backdrops, light and shade, and scenes with real things in them.

    python -m tracker.worlds.photos --out runs/photos

reads those of installed packages, fetches the other packages with apt-get and pip, without installing them, and keeps
all pictures as one file that :func:`load` reads. What cannot be had is left out with a line that says so. NOTICE names
authors and licences. What lies in ``tests/data/real`` is measured on and never used here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from tracker.worlds.looks import Picture

LONGEST = 640  # pixels
FILE = "photos.npz"
OPENCV_DOC = Path("/usr/share/doc/opencv-doc/examples")


@dataclass(frozen=True, slots=True)
class Collection:
    """Photographs of one package under one licence."""

    package: str
    kind: str  # "installed": a Python package that is; "debian": fetched, or installed where it is; "wheel": fetched
    folder: str  # in which they lie; Debian's from the root
    licence: str
    names: tuple[str, ...]
    scenes: bool = True  # False: textures and the like, in which no things are looked for


def _jpg(folder: str, names: str) -> tuple[str, ...]:
    return tuple(f"{folder}{name}.jpg" for name in names.split())


SCRATCH = (
    *_jpg("Indoors/", "chalkboard clothing-store hall kitchen the-movies-inside"),
    *_jpg("Nature/", "beach-malibu canyon flower-bed forest garden-rock grand-canyon gravel-desert hill lake moon"),
    *_jpg("Nature/", "pathway tree water-and-rocks wave"),
    *_jpg("Outdoors/", "all-sports-mural atom-playground bench-with-view berkeley-mural boardwalk"),
    *_jpg("Outdoors/", "brick-wall-and-stairs brick-wall2 building-at-mit building-fireproof castle city-with-water"),
    *_jpg("Outdoors/", "city-with-water2 driveway hallway_outdoors hay_field houses mansion mural-faro parking-ramp"),
    *_jpg("Outdoors/", "pool route66 silos the-movies train-tracks1 train-tracks2 village wooden-house"),
    *_jpg("Sports/", "baseball-field basketball-court1-a basketball-court1-b football-field playing-field"),
    *_jpg("Sports/", "tennis-backboard"),
)
LOMIRI = _jpg(
    "",
    "Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly Picture_0B_by_freespace Picture_1A_by_freespace "
    "Wine_by_Jakkub_Mede aitzgorri_by_Aitzol_Berasategi free_by_Peter_Nerlich friends_by_Aitzol_Berasategi "
    "greentock_by_Peter_Nerlich life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi "
    "seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi",
)
OPENCV = (
    *_jpg("data/", "aloeR baboon building home leuvenA leuvenB"),
    *("data/graf1.png", "hfs/data/000.jpg", "hfs/data/001.jpg"),
    *_jpg("text/", "scenetext01 scenetext02 scenetext03 scenetext04 scenetext05 scenetext06"),
)
BACKGROUNDS = "/usr/share/backgrounds"
COLLECTIONS = (
    Collection("scikit-image", "installed", "skimage/data", "CC0-1.0", ("camera.png",)),
    Collection(
        *("scikit-image", "installed", "skimage/data", "CC0-1.0"),
        ("brick.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "retina.jpg"),
        scenes=False,
    ),
    Collection("opencv-doc", "debian", str(OPENCV_DOC), "Apache-2.0 AND BSD-3-Clause", OPENCV),
    Collection(
        *("opencv-doc", "debian", str(OPENCV_DOC), "Apache-2.0 AND BSD-3-Clause"),
        ("data/starry_night.jpg", "data/text_motion.jpg", "data/aero1.jpg"),
        scenes=False,
    ),
    Collection("scratch", "debian", "/usr/share/scratch/Media/Backgrounds", "CC-BY-SA-3.0", SCRATCH),
    Collection("lomiri-wallpapers-16.04", "debian", BACKGROUNDS, "CC-BY-4.0, CC-BY-SA-4.0, CC0-1.0", LOMIRI),
    Collection(*("lomiri-wallpapers-20.04", "debian", BACKGROUNDS, "CC-BY-SA-3.0"), ("Kleiber_by_Lukas_Baubkus.jpg",)),
    Collection(
        *("palapeli-data", "debian", "/usr/share/palapeli/collection", "public domain"),
        ("cincinnati-bridge.jpg", "citrus-fruits.jpg", "european-honey-bee.jpg"),
    ),
    Collection("scikit-learn==1.9.1", "wheel", "sklearn/datasets/images", "CC-BY-2.0", ("china.jpg", "flower.jpg")),
)


def load(folder: Path | None = None, scenes_only: bool = False) -> dict[str, Picture]:
    """
    Photographs by package and file, (height, width, 3) RGB, none longer than LONGEST pixels.

    Those that were built in ``folder``; without one, those of installed packages. Raises FileNotFoundError that says
    how to build them.
    """
    wanted = [each for each in COLLECTIONS if each.scenes or not scenes_only]
    if folder is None:
        return {key: image for each in wanted for key, image in _read(each, installed(each))}
    path = folder / FILE
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: python -m tracker.worlds.photos --out {folder} makes it.")
    keys = {_key(each, name) for each in wanted for name in each.names}
    with np.load(path) as arrays:
        return {key: arrays[key] for key in arrays.files if key in keys}


def build(out: Path) -> None:
    """Fetch, scale and keep; prints what it does."""
    found: dict[str, Picture] = {}
    for each in COLLECTIONS:
        with tempfile.TemporaryDirectory() as room:
            have = dict(_read(each, installed(each)))
            if len(have) < len(each.names) and each.kind != "installed":
                problem = _fetch(each, Path(room))
                if problem:
                    print(f"{each.package}: {problem}", flush=True)
                have |= dict(_read(each, Path(room) / each.folder.lstrip("/")))
        missing = [name for name in each.names if _key(each, name) not in have]
        print(f"{each.package}: {len(have)} photographs, {each.licence}", flush=True)
        if missing:
            print(f"{each.package}: left out, as not found: {', '.join(missing)}", flush=True)
        found |= have
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / FILE, **found)  # type: ignore[arg-type]
    print(f"{len(found)} photographs: {out / FILE}")


def _key(each: Collection, name: str) -> str:
    return f"{each.package.split('=')[0]}/{name}"


def installed(each: Collection) -> Path:
    """The folder in which an installed package has its photographs; it may not be there."""
    if each.kind == "debian":
        return Path(each.folder)
    try:
        return Path(str(files(each.folder.split("/")[0]))).parent / each.folder
    except ModuleNotFoundError:
        return Path("/nonexistent")


def _read(each: Collection, folder: Path) -> Iterator[tuple[str, Picture]]:
    for name in each.names:
        image = cv2.imread(str(folder / name), cv2.IMREAD_COLOR) if (folder / name).exists() else None
        if image is not None:
            scale = min(1.0, LONGEST / max(image.shape[:2]))
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            yield _key(each, name), np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def _fetch(each: Collection, room: Path) -> str:
    """Unpack the package below ``room``; what went wrong, or nothing."""
    debian = each.kind == "debian"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", each.package]
    try:
        done = subprocess.run(
            ["apt-get", "download", each.package] if debian else pip, cwd=room, capture_output=True, text=True
        )
        packages = [path for path in room.iterdir() if path.suffix in (".deb", ".whl")]
        if done.returncode or not packages:
            return f"cannot be fetched: {done.stderr.strip()[-300:]}"
        if debian:
            subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(room)], check=True)
        else:
            zipfile.ZipFile(packages[0]).extractall(room)
    except (FileNotFoundError, subprocess.CalledProcessError) as problem:
        return f"cannot be fetched: {problem}"
    return ""


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/photos"))
    build(parser.parse_args().out)


if __name__ == "__main__":
    main()
