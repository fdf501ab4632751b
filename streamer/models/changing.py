"""One change from one model to another: what is done on which thread, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from streamer.config import Config
from streamer.engine import Engine
from streamer.models import loading
from tracker import Sam3, set_threads

State = Literal["running", "done", "failed"]
Adopt = Callable[[Engine, Sam3], Callable[[], None]]
Rest = Callable[[Engine, str | None], None]
BESIDE = 1  # threads that loading computes with: the model that answers has the others


class Changing:
    """
    A change, as :meth:`streamer.engines.Engines.change` wants it; see there for what is called where.

    ``words`` says what is being done, ``why`` what went wrong. ``adopt`` and ``rest`` as for ``managing.Models``.
    """

    def __init__(self, name: str, config: Config, adopt: Adopt, rest: Rest) -> None:
        self.name = name
        self.resolution = config.resolution
        self.state: State = "running"
        self.words = f"loading {name}"
        self.why: str | None = None
        self.rest = rest
        self._config = config
        self._adopt = adopt
        self._tell: dict[Engine, Callable[[], None]] = {}

    def load(self, device: str | None) -> Sam3:
        """Read the model for a device."""
        set_threads(BESIDE)
        return loading.read(self._config, device, self._say)

    def ready(self, model: Sam3) -> float:
        """Make it fast, and warm it up: as fast as it will be, for what that takes is what it will be judged by."""
        set_threads(self._config.threads)
        loading.quicken(self._config, model)
        return loading.warm(model, self._say)

    def adopt(self, engine: Engine, model: Sam3) -> None:
        """Take over what holds something of an engine's old model."""
        self._tell[engine] = self._adopt(engine, model)

    def done(self) -> None:
        """Tell of it, and let go of what knows the old model."""
        for tell in self._tell.values():
            tell()
        self._tell.clear()

    def _say(self, words: str) -> None:
        self.words = words
        loading.log.info("%s", words)
