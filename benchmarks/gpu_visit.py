"""
What to run on a machine with a GPU, in one command: ``python -m benchmarks.gpu_visit``, or ``make gpu``.

It runs ``streamer doctor``, ``benchmarks.gpu --gate``, ``benchmarks.gpu``, and then the real server with twelve small
cameras, one after the other whatever comes of each, and keeps what each prints in a file of ``--folder``.

``--checkpoint``:
real weights of the full-size model, which the server takes then, too; without them it takes nano. Without a GPU the
parts run at tiny size, and say so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STREAMS = 12


@dataclass(frozen=True, slots=True)
class Part:
    """A module of Python to run, by the name of the file that keeps what it prints; ``settings`` of the environment."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def run(self, folder: Path) -> int:
        """Run it, show and keep what it prints; its exit status."""
        command = [sys.executable, "-m", self.module, *self.arguments]
        environment = {**os.environ, **self.settings}
        with (
            (folder / f"{self.name}.txt").open("w") as kept,
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                kept.write(line)
        return process.returncode


def parts(checkpoint: Path | None) -> list[Part]:
    """What is run, in this order."""
    weights = () if checkpoint is None else ("--checkpoint", str(checkpoint))
    model = {} if checkpoint is None else {"STREAMER_MODEL": "sam3", "STREAMER_CHECKPOINT": str(checkpoint)}
    cameras = ("--ways", "--streams", str(STREAMS), "--crowd", "0", "--cores", str(os.cpu_count() or 1))
    return [
        Part("doctor", "streamer", ("doctor",)),
        Part("gate", "benchmarks.gpu", ("--gate", *weights)),
        Part("gpu", "benchmarks.gpu", weights),
        Part("streams", "benchmarks.live", cameras, {"STREAMER_MAX_SESSIONS": str(STREAMS), **model}),
    ]


def visit(wanted: Sequence[Part], folder: Path) -> int:
    """Run all of them; 1 where one failed."""
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for each in wanted:
        print(f"== {each.name}", flush=True)
        if each.run(folder):
            failed.append(each.name)
    print(f"== kept in {folder}{'; not well: ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


def main(given: Sequence[str] | None = None) -> int:
    """Run everything; the exit status is 1 where a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="real weights of the full-size model")
    parser.add_argument("--folder", type=Path, default=Path("gpu"), help="where what is printed is kept (gpu)")
    arguments = parser.parse_args(given)
    return visit(parts(arguments.checkpoint), arguments.folder)


if __name__ == "__main__":
    sys.exit(main())
