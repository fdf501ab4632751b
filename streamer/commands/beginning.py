"""The sessions that a server starts with: those of the command line, of the file of sources, and of the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fastapi import FastAPI

from streamer.commands.sources_file import Entry
from streamer.config import NO_STORE, Config
from streamer.errors import BadRequest, StreamerError
from streamer.http import whip
from streamer.live.sessions import Sessions
from streamer.sources import Source, open_source
from streamer.store import Asked, Database, Kept, Origin, Store, Unusable
from streamer.wire import fields
from streamer.wire.fields import PromptIn

OFF = "This server keeps no sessions: it was started with --store none."
UNASKED = "This server keeps no sessions: it was started without --store."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A session that the command line or the file asks for, with its source, which was checked."""

    source: Source
    address: str = field(repr=False)
    prompts: tuple[PromptIn, ...]
    origin: Origin
    id: str | None = None


def open_store(config: Config, *, unasked: bool) -> tuple[Store | None, str]:
    """
    The store, or why there is none; ``unasked``: there is one where no file is named, too, if that can be.

    The second server of a user runs without, and says so. Raises BadRequest for a file that was named and cannot be
    used, such as one that another server uses.
    """
    if config.store == NO_STORE:
        return None, OFF
    if config.store is not None:
        return Store(Database(config.store)), ""
    if not unasked:
        return None, UNASKED
    try:
        return Store(Database(config.store_file)), ""
    except Unusable as error:
        words = error.message
    except BadRequest as error:
        if "home folder" not in error.message:
            raise
        words = error.message
    log.warning("No session will outlive this server: %s Name a file with --store, or say --store none.", words)
    return None, f"This server keeps no sessions. {words}"


def of_command(config: Config, addresses: Sequence[str], texts: Sequence[str]) -> list[Wanted]:
    """What ``--source`` and ``--prompt`` ask for. Raises BadRequest for what can be seen to be wrong."""
    fields.text_prompts(texts)
    prompts = tuple(fields.parse(PromptIn, {"text": text}) for text in texts)
    return [Wanted(open_source(each, **config.opening), each, prompts, Origin.COMMAND) for each in addresses]


def of_file(config: Config, entries: Sequence[Entry]) -> list[Wanted]:
    """What the file of sources asks for. Raises BadRequest, with the line."""
    found = []
    for each in entries:
        try:
            source = open_source(each.address, **config.opening)
        except StreamerError as error:
            raise BadRequest(f"{each.place}: {error.message}", detail=error.detail) from None
        found.append(Wanted(source, each.address, each.prompts, Origin.FILE, each.id))
    return found


def begin(app: FastAPI, wanted: Sequence[Wanted]) -> None:
    """Start what is wanted, each as the store knows it if it does, and what else is kept. The model is there."""
    sessions: Sessions = app.state.sessions
    config: Config = app.state.config
    log.info("The model %s is ready.", app.state.engines.need_model().name)
    known = {} if sessions.store is None else {kept.id: kept for kept in sessions.store.kept}
    for each in wanted:
        kept = _known(known, each)
        prompts = tuple(prompt.prompt(sessions.threshold) for prompt in each.prompts)
        first = tuple(prompt.prompt() for prompt in each.prompts)  # whatever the model, the same
        if kept is None:
            kept = replace(Kept.new(each.address, prompts, each.origin, id=each.id), first=first)
        else:
            del known[kept.id]
            asked = kept.asked if kept.first == first else tuple(Asked(prompt) for prompt in prompts)
            kept = replace(kept, address=each.address, origin=each.origin, first=first, asked=asked)
        _start(sessions, kept, lambda each=each: each.source)  # type: ignore[misc]
    opening = config.opening_for_callers(keyed=not app.state.keys.open)
    for kept in known.values():
        if kept.origin is Origin.HTTP:
            _start(sessions, kept, lambda kept=kept: open_source(kept.address, **opening))  # type: ignore[misc]
        elif sessions.store is not None:
            log.info("Session %s is not asked for any more: it is forgotten.", kept.id)
            sessions.store.forget(kept.id)


def new(wanted: Wanted) -> Kept:
    """What is to be kept of a session that is wanted and not known yet, whatever the model."""
    return Kept.new(wanted.address, [each.prompt() for each in wanted.prompts], wanted.origin, id=wanted.id)


def again(app: FastAPI, kept: Kept) -> None:
    """Start a session that ran elsewhere. Raises StreamerError."""
    if kept.origin is Origin.WHIP:
        whip.begin(app, kept.address, kept.prompts, kept, lost="the worker that it was connected to is gone")
        return
    config: Config = app.state.config
    callers = config.opening_for_callers(keyed=not app.state.keys.open)
    opening = callers if kept.origin is Origin.HTTP else config.opening
    app.state.sessions.create(open_source(kept.address, **opening), kept.prompts, keep=kept)


def _known(known: dict[str, Kept], wanted: Wanted) -> Kept | None:
    """What the store has of a session that is wanted; of equal ones each is taken once."""
    if wanted.id is not None:
        return known.get(wanted.id)
    same = (wanted.origin, wanted.address)
    return next((kept for kept in known.values() if (kept.origin, kept.address) == same), None)


def _start(sessions: Sessions, kept: Kept, opened: Callable[[], Source]) -> None:
    source = None
    try:
        source = opened()
        session = sessions.create(source, kept.prompts, keep=kept)
    except StreamerError as error:
        named = f"session {kept.id}" if source is None else source.name
        log.error("%s was not started: %s", named, error)
        if sessions.store is not None and sessions.store.wanted(kept.id) is not None:
            sessions.left_out[kept.id] = kept, error.message
        return
    for hint in session.tracking.hints(kept.prompts):
        log.warning("%s", hint)
