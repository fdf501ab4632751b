"""What may be done about models while the server runs: one download and one change at a time, each told as it goes."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from streamer import figures, redaction
from streamer.config import Config
from streamer.engines import Engines
from streamer.errors import BadRequest, Conflict, NotFound, TooMany
from streamer.models.apart import apart
from streamer.models.changing import Adopt, Changing, Rest, State
from tracker import ENTRIES, Entry, TrackerError, check_room, download, here, memory_needed

RETRY = 30  # seconds after which who is refused because of another download or change may ask again
PRODUCTS = 0.2  # seconds that are spent on learning this machine's speed: other streams want it meanwhile

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The server ends; what has come so far stays."""


@dataclass(slots=True)
class Download:
    """One model's file on its way: bytes that are here, and of how many. ``why``: in words what went wrong."""

    name: str
    done: int = 0
    size: int | None = None
    state: State = "running"
    why: str | None = None


class Models:
    """
    Fetches models, and changes the one that answers: enter it with ``async with`` before asking for either.

    ``adopt`` takes what holds something of the old model over to the new one, on the model's thread; what it returns is
    called on the event loop. ``rest`` hears why an engine answers nothing for now, and None when it does again.
    """

    def __init__(
        self,
        engines: Engines,
        config: Config,
        *,
        adopt: Adopt,
        rest: Rest,
    ) -> None:
        self.entries = ENTRIES
        self.downloads: dict[str, Download] = {}  # the last of each; bound: the entries
        self.change: Changing | None = None  # the last one
        self._engines, self._config = engines, config
        self._adopt, self._rest = adopt, rest
        self._first: str | None = None  # the model that the server began with, once another took its place
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()  # bound: a download and a change
        self._stopped = threading.Event()
        self._speed: figures.Speed | None = None
        self._speeding = threading.Lock()

    async def __aenter__(self) -> Models:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(kind, error, trace)

    def speed(self) -> figures.Speed | None:
        """How fast this machine is, found out once; None: not known of the device that the model is on. May block."""
        model, measured = self._engines.model, figures.measured()
        with self._speeding:
            if self._speed is None and (model is None or model.device.type == "cpu" or measured):
                self._speed = figures.speed(measured, PRODUCTS)
            return self._speed

    def there(self, entry: Entry) -> bool:
        """Whether a model's weights are on this machine."""
        return self._own(entry) or here(entry) is not None

    def weights(self, entry: Entry) -> Path | None:
        """The file of them; None: there is none, or it is told by a name of the hub that nobody looks up here."""
        if not self._own(entry):
            return here(entry)
        own = self._config.checkpoint or Path(self._config.model).expanduser()
        return own if own.is_file() else None

    def memory(self, entry: Entry) -> int | None:
        """Bytes of memory that going over to a model takes, about; None: not known."""
        weights = self.weights(entry)
        devices = [engine.model.device for engine in self._engines.all if engine.model is not None]
        return None if weights is None else memory_needed(weights, devices)

    def fetch(self, name: str) -> None:
        """
        Begin the download of a model's file, or go on with it.

        Raises NotFound for an unknown name, Conflict where it is here or on its way, TooMany while another one is.
        """
        entry = self._entry(name)
        if self.there(entry):
            raise Conflict(f"{name} is on this machine: there is nothing to fetch.", detail=f"Use it: {_use(name)}.")
        busy = next((each for each in self.downloads.values() if each.state == "running"), None)
        if busy is not None and busy.name == name:
            raise Conflict(f"{name} is being fetched already.", detail="GET /models tells how far it is.")
        if busy is not None:
            raise TooMany(f"{busy.name} is being fetched, and one model at a time is.", retry_after=RETRY)
        begun = Download(name, size=None if entry.file is None else entry.file.size)
        self.downloads[name] = begun
        self._start(self._fetch(entry, begun))

    def use(self, name: str, resolution: int | None = None) -> None:
        """
        Begin to go over to another model, or to another of its resolutions.

        Raises NotFound for an unknown name, BadRequest for a resolution that it does not have, Conflict where it
        answers already, is not on this machine or would not fit into memory, TooMany while another change is under way,
        NotReady.
        """
        entry, present = self._entry(name), self._engines.need_answers()
        side = self._side(entry, resolution)
        busy = self.change if self.change is not None and self.change.state == "running" else None
        if busy is not None and busy.name == name:
            raise Conflict(f"The server goes over to {name} already.", detail="GET /models tells how far it is.")
        if busy is not None:
            raise TooMany(f"The server goes over to {busy.name}; one change at a time is made.", retry_after=RETRY)
        if (name, side) == (present.name, present.config.image_size):
            raise Conflict(f"{name} answers already, at {side} pixels.")
        if not self.there(entry):
            raise Conflict(f"{name} is not on this machine.", detail=f"Fetch it first: POST /models/{name}/download.")
        weights = self.weights(entry)
        try:
            if weights is not None:
                check_room(name, weights, [engine.need_model().device for engine in self._engines.all])
        except TrackerError as error:
            words = "Give it more memory, or start the server with that model alone: --model."
            raise Conflict(str(error), detail=words) from None
        self._first = self._first or present.name
        self.change = Changing(name, self._settings(entry, side), self._adopt, self._rest)
        self._start(self._use(self.change))

    def _own(self, entry: Entry) -> bool:
        """Whether it is the model that the server began with, and its weights are other than those of the list."""
        first = self._first or getattr(self._engines.model, "name", None)
        return entry.name == first and (self._config.checkpoint is not None or self._config.model != first)

    def _entry(self, name: str) -> Entry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        names = ", ".join(entry.name for entry in self.entries)
        raise NotFound(f"There is no model {name!r:.80}.", detail=f"There are {names}.", field="name")

    def _side(self, entry: Entry, wanted: int | None) -> int:
        sides = entry.config.resolutions
        if wanted is None:
            own = self._config.resolution
            return own if own in sides else entry.config.image_size
        if wanted not in sides:
            words = f"resolution: {entry.name} has none of {wanted} pixels."
            raise BadRequest(words, detail=f"It has {', '.join(map(str, sides))}.", field="resolution")
        return wanted

    def _settings(self, entry: Entry, side: int) -> Config:
        """The server's settings with that model in place of the one that it began with."""
        changed: dict[str, object] = {"resolution": None if side == entry.config.image_size else side}
        if entry.name != self._first:
            changed |= {"model": entry.name, "checkpoint": None}
        return self._config.model_copy(update=changed)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, entry: Entry, begun: Download) -> None:
        def watch(done: int, size: int) -> None:
            begun.done, begun.size = done, size
            if self._stopped.is_set():
                raise Stopped

        assert entry.file is not None
        try:
            await apart(functools.partial(download, entry.file, log.info, watch=watch), f"download of {entry.name}")
            begun.state = "done"
        except Exception as error:
            begun.state, begun.why = "failed", in_words(error)
            log.error("%s was not fetched: %s", entry.name, begun.why)

    async def _use(self, change: Changing) -> None:
        try:
            await self._engines.change(change)
            change.state = "done"
            log.info("The model %s answers from now on.", change.name)
        except Exception as error:
            change.state, change.why = "failed", in_words(error)
            log.error("The model %s is not used: %s", change.name, change.why)


def in_words(error: Exception) -> str:
    """What went wrong; of what nobody foresaw also its kind."""
    words = redaction.printable(redaction.in_text(str(error)))
    return words if isinstance(error, TrackerError) and words else f"{type(error).__name__}: {words}"


def _use(name: str) -> str:
    return f"POST /models/{name}/use"
