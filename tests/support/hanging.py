"""
A model that hangs when told to.

Run as a program it is ``streamer`` whose model hangs while a file is there: ``python hanging.py FILE serve …``.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from benchmarks.support.fake_model import FakeModel, Picture
from streamer import cli
from tracker import Embedding, Sam3, Sent


class HangingModel(FakeModel):
    """The stand-in for the network; between ``hang`` and ``go_on`` no embedding comes back."""

    def __init__(self) -> None:
        super().__init__()
        self._free = threading.Event()
        self._free.set()
        self.inside = threading.Event()  # set while it hangs

    def embed(self, image: Picture) -> Embedding:
        if not self._free.is_set():
            self.inside.set()
            assert self._free.wait(100)
            self.inside.clear()
        return super().embed(image)

    def hang(self) -> None:
        self._free.clear()

    def go_on(self) -> None:
        self._free.set()


def main(path: Path, arguments: list[str]) -> int:
    """The command line, with a model that hangs while there is such a file."""
    embed = Sam3.embed

    def hanging(self: Sam3, image: Picture, sent: Sent | None = None) -> Embedding:
        while path.exists():
            time.sleep(0.02)
        return embed(self, image, sent)

    Sam3.embed = hanging  # type: ignore[method-assign]
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
