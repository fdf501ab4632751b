"""
Make nano: the whole recipe, one command.

    python -m tracker.training.make --recipe smoke --out runs/smoke     a minute: does it run here?
    python -m tracker.training.make --recipe cpu --out runs/nano        hours on two cores
    python -m tracker.training.make --recipe gpu --out runs/nano        half an hour on one large GPU

The pictures of things and the photographs first, where they are not there yet (things.py, which needs npm; photos.py
and regions.py, which use apt-get and pip; the smoke run does with shapes).
Then detector, clicks and boxes (train.py), then following by memory (train_memory.py), then words for longer
(train_words.py), then clicks for longer (train_clicks.py) and the mean of the weights before and after (mean.py), then
how readily it says that something is there (calibrate.py), then its figures (evaluate.py, evaluate_memory.py). It
leaves in the folder
``nano-finished.safetensors``, ``figures.json`` with seeds, versions, wall clock and machine, and the losses of the
parts that teach as pictures, ``curve.png`` and those of CURVES. Called again it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from tracker.training.calibrate import AVERAGED
from tracker.training.recipe import MODEL, RECIPES
from tracker.training.train_clicks import ClicksRun
from tracker.training.train_words import WordsRun
from tracker.worlds import photos, regions, things

CURVES = ("curve", "memory-curve", "words-curve", "clicks-curve")  # of the four parts that teach
BEGUN = {"train_memory": WordsRun.state, "train_words": ClicksRun.state}  # parts, and what the next one goes on from
PICTURES = {"smoke": 4}  # of the evaluation; 300 for the others


def main() -> None:
    """Read the command line and do all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=RECIPES, default="cpu")
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    parser.add_argument(
        "--things", type=Path, default=Path("runs/things"), help="where the pictures of things are kept"
    )
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="where photographs are kept")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    pack = _fetched(arguments)
    common = ["--recipe", arguments.recipe, "--out", str(out)]
    learning = [*common, *(pack or ["--shapes-only"]), "--photos", str(arguments.photos)]
    learners = 1 if torch.cuda.is_available() else max(1, os.cpu_count() or 1)
    for part in ("train", "train_memory", "train_words", "train_clicks"):
        if part in BEGUN and (out / BEGUN[part]).exists():
            continue  # the next part was begun on what it made
        _run(part, ["torch.distributed.run", "--standalone", f"--nproc-per-node={learners}", "-m"], learning)
    _run("mean", [], [str(out / WordsRun.made), str(out / ClicksRun.made), "--out", str(out / AVERAGED)])
    _run("calibrate", [], common)
    pictures = PICTURES.get(arguments.recipe, 300)
    finished = out / "nano-finished.safetensors"
    counted = ["--pictures", str(pictures)]
    figures = {
        renderer: _figures("evaluate", finished, ["--renderer", renderer, *counted])["figures"]
        for renderer in ("plain", "second")
    }
    figures["wide"] = _figures("evaluate", finished, ["--renderer", "wide", *counted, *pack])["figures"]
    figures["memory"] = _figures("evaluate_memory", finished, ["--clips", str(max(1, pictures // 6))])
    report = {
        "figures": figures,
        "pictures": pictures,
        "recipe": dataclasses.asdict(RECIPES[arguments.recipe]),
        "hours": round((time.time() - began) / 3600, 2),
        "machine": _machine(),
        "versions": {name: version(name) for name in ("torch", "sam3", "numpy", "opencv-python-headless")},
    }
    (out / "figures.json").write_text(json.dumps(report, indent=1) + "\n")
    for name in CURVES:
        cv2.imwrite(str(out / f"{name}.png"), curve(out / f"{name}.jsonl"))
    print(json.dumps(figures, indent=1))
    print(f"{finished}, {out / 'figures.json'} and {' and '.join(f'{name}.png' for name in CURVES)} are written.")


def _fetched(arguments: argparse.Namespace) -> list[str]:
    """Have the pictures of things, photographs and their regions made, except for a smoke run; the things' option."""
    smoke = arguments.recipe == "smoke"
    there = (arguments.things / things.FILE).exists()
    if not there and not smoke:
        _run("things", [], ["--out", str(arguments.things)], "worlds")
    if not (arguments.photos / photos.FILE).exists() and not smoke:
        _run("photos", [], ["--out", str(arguments.photos)], "worlds")
    if not (arguments.photos / regions.FILE).exists() and not smoke:
        _run("regions", [], ["--photos", str(arguments.photos)], "worlds")
    return ["--things", str(arguments.things)] if there or not smoke else []


def _run(part: str, runner: list[str], arguments: list[str], room: str = "training") -> None:
    print(f"== {part}", flush=True)
    command = [sys.executable, *(["-m", *runner] if runner else ["-m"]), f"tracker.{room}.{part}", *arguments]
    subprocess.run(command, check=True)


def _figures(part: str, checkpoint: Path, arguments: list[str]) -> dict[str, Any]:
    print(f"== {part} {' '.join(arguments)}", flush=True)
    judged = ["--model", MODEL.name, "--checkpoint", str(checkpoint)]
    command = [sys.executable, "-m", f"tracker.training.{part}", *judged, *arguments, "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _machine() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, no GPU"


def curve(path: Path, width: int = 900, height: int = 420) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The losses of a run over its time, each as a share of where it began, as a (height, width, 3) BGR picture."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    picture = np.full((height, width, 3), 255, np.uint8)
    names = [name for name in lines[0] if name not in ("step", "seconds")] if lines else []
    minutes = np.array([line["seconds"] / 60 for line in lines])
    left, top, right, bottom = 50, 20, width - 150, height - 40
    cv2.rectangle(picture, (left, top), (right, bottom), (200, 200, 200), 1)
    for place, name in enumerate(names):
        values = np.array([line.get(name, np.nan) for line in lines])
        smooth = np.convolve(np.pad(values, 4, "edge"), np.ones(9) / 9, "valid")
        share = np.clip(smooth / max(float(np.nanmax(smooth[: max(1, len(smooth) // 10)])), 1e-9), 0, 1.1) / 1.1
        x = left + (right - left) * minutes / max(float(minutes.max()), 1e-9)
        points = np.stack([x, bottom - (bottom - top) * share], 1).round().astype(np.int32)
        hue = np.array([[[place * 180 // max(1, len(names)), 200, 190]]], np.uint8)
        color = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].tolist()
        cv2.polylines(picture, [points], False, color, 2, cv2.LINE_AA)
        words = f"{name} {values[-1]:.2f}"
        cv2.putText(
            picture, words, (right + 8, top + 18 + 20 * place), cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, 1, cv2.LINE_AA
        )
    ends = f"0 to {minutes.max():.0f} minutes; each loss as a share of where it began" if lines else "nothing yet"
    cv2.putText(picture, ends, (left, height - 14), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA)
    return picture


if __name__ == "__main__":
    main()
