"""``streamer serve`` and ``streamer demo``: the server on a socket of its own, and the sessions it starts with."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from streamer.app import create_app
from streamer.commands.signals import signals
from streamer.commands.terminal import Screen, status_line
from streamer.config import Config
from streamer.engine import Engine
from streamer.errors import BadRequest, StreamerError
from streamer.http.server import server
from streamer.live.sessions import Sessions
from streamer.sources import Source, open_source
from streamer.wire import fields
from tracker import Prompt

SECOND = 1.0  # between status lines
POLL = 0.05  # seconds between looks whether the model is there
BACKLOG = 2048  # connections that wait to be accepted

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class First:
    """The sessions a server starts with: sources, each with these prompts. ``status``: show how they go each second."""

    sources: Sequence[str] = ()
    prompts: Sequence[str] = ()
    status: bool = False


async def serve(config: Config, first: First, screen: Screen) -> int:
    """
    Serve until SIGINT or SIGTERM. Returns the exit status.

    Raises BadRequest for an address that cannot be listened on and for a source that can be seen to be wrong, and
    whatever loading the model raises.
    """
    prompts = fields.text_prompts(first.prompts)
    sources = [open_source(address, **config.opening) for address in first.sources]
    with listen(config.host, config.port) as bound:
        stop = asyncio.Event()
        app = create_app(config, on_failure=lambda _: stop.set())
        web = server(app, config)
        # uvicorn's own handling would raise the signal again after everything has ended well.
        web.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        screen.say(f"streamer: open {address_of(bound)}")
        with signals(lambda: _told(web, stop)):
            async with asyncio.TaskGroup() as tasks:
                beside = [tasks.create_task(_start(app, sources, prompts)), tasks.create_task(_end(web, stop))]
                if first.status:
                    beside.append(tasks.create_task(_show(app.state.sessions, screen)))
                await web.serve(sockets=[bound])
                if web.force_exit:  # uvicorn leaves its lifespan open then, and it would end in a traceback
                    await web.lifespan.shutdown()
                for task in beside:
                    task.cancel()
    engine: Engine = app.state.engine
    if engine.failure is not None:
        raise engine.failure
    return 0


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address; port 0 takes a free one. Raises BadRequest in words when that cannot be done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # Connections inherit it. asyncio sets it on sockets whose protocol is named only, which create_server leaves
        # out; without it every answer waits for the client's delayed acknowledgement, 40 ms.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise BadRequest(_why_not(host, port, error)) from None
    with bound:
        yield bound


def address_of(bound: socket.socket) -> str:
    """What to type into a browser on this machine; says so when other machines can connect too."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  (a comparison)
        return f"http://localhost:{port} (listening on all addresses of this machine)"
    name = "localhost" if host in ("127.0.0.1", "::1") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: choose another with --port, or stop what listens there."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user: choose one from 1024 on with --port."
    unknown = error.errno is not None and error.errno < 0  # getaddrinfo's own numbers
    if unknown or error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: try --host 127.0.0.1, or 0.0.0.0 for all of them."
    return f"Port {port} of {host} cannot be listened on: {error.strerror or error}."


def _told(web: uvicorn.Server, stop: asyncio.Event) -> None:
    """Stop in good order; told a second time, without waiting for those who are connected."""
    web.force_exit = stop.is_set()
    stop.set()


async def _end(web: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    while not web.started:  # noqa: ASYNC110  (uvicorn tells nobody, and stopped before that it leaves its lifespan open)
        await asyncio.sleep(POLL)
    web.should_exit = True


async def _start(app: FastAPI, sources: Sequence[Source], prompts: Sequence[Prompt]) -> None:
    """Start the first sessions as soon as the model is there."""
    engine: Engine = app.state.engine
    sessions: Sessions = app.state.sessions
    while not engine.ready:  # noqa: ASYNC110  (the application loads it, and tells nobody)
        await asyncio.sleep(POLL)
    log.info("The model %s is ready.", engine.need_model().name)
    for source in sources:
        try:
            session = sessions.create(source, prompts)
        except StreamerError as error:
            log.error("%s was not started: %s", source.name, error)
            continue
        for hint in session.tracking.hints(prompts):
            log.warning("%s", hint)


async def _show(sessions: Sessions, screen: Screen) -> None:
    while True:
        screen.show([status_line(session) for session in sessions.list()])
        await asyncio.sleep(SECOND)
