"""``streamer serve`` and ``streamer demo``: the server on a socket of its own, and the sessions it starts with."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from streamer.app import create_app
from streamer.commands import access, beginning, sources_file, tls
from streamer.commands.signals import signals
from streamer.commands.terminal import Screen, status_line
from streamer.config import Config
from streamer.engines import Engines
from streamer.errors import BadRequest, DeviceBroke
from streamer.http.server import server
from streamer.live.sessions import Sessions

SECOND = 1.0  # between status lines
SERVED = 3.0  # seconds from being told to stop in which requests are still served; uvicorn cuts them off after 5
POLL = 0.05  # seconds between looks whether the web server has started
SHOWN = 3  # addresses of this machine that are printed at most
BACKLOG = 2048  # connections that wait to be accepted


@dataclass(frozen=True, slots=True)
class First:
    """
    The sessions a server starts with: sources, each with these prompts, and those that ``file`` lists.

    ``status``: show how they go each second. ``stored``: keep sessions where no store is named, too.
    """

    sources: Sequence[str] = ()
    prompts: Sequence[str] = ()
    status: bool = False
    file: Path | None = None
    stored: bool = False


async def serve(config: Config, first: First, screen: Screen, *, told: Callable[[], None] = lambda: None) -> int:
    """
    Serve until SIGINT or SIGTERM, which ``told`` hears of too. Returns the exit status.

    Raises BadRequest for what people can put right, such as an address, a certificate, a store, a file or a source that
    does not serve, and where others could reach a server without keys; and whatever loading the model raises.
    """
    access.check_files(config)
    asked = wanted(config, first)
    certificate = tls.certificate(config)
    context = None if certificate is None else certificate.context()
    with listen(config.host, config.port) as bound:
        config = access.with_key(config, screen)
        access.check_address(config, bound)
        stop = asyncio.Event()
        store, storeless = beginning.open_store(config, unasked=first.stored)
        app = create_app(
            config,
            on_failure=lambda _: stop.set(),
            begin=lambda app: beginning.begin(app, asked),
            store=store,
            storeless=storeless,
        )
        web = server(app, config, context)
        # uvicorn's own handling would raise the signal again after everything has ended well.
        web.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        screen.say(f"streamer: open {address_of(bound, certificate)}")
        if certificate is not None and certificate.made:
            screen.say(f"          browsers ask about this certificate; SHA-256 {certificate.fingerprint()}")
        with signals(told, lambda: stop_soon(web, stop)):
            async with asyncio.TaskGroup() as tasks:
                beside = [tasks.create_task(_end(app, web, stop))]
                if first.status:
                    beside.append(tasks.create_task(_show(app.state.sessions, screen)))
                await web.serve(sockets=[bound])
                if web.force_exit:  # uvicorn leaves its lifespan open then, and it would end in a traceback
                    await web.lifespan.shutdown()
                for task in beside:
                    task.cancel()
    engines: Engines = app.state.engines
    if isinstance(engines.failure, DeviceBroke):
        return 1  # not 2, after which supervisors leave a server alone: the log has said why
    if engines.failure is not None:
        raise engines.failure
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


def address_of(bound: socket.socket, certificate: tls.Certificate | None = None) -> str:
    """What to type into a browser on this machine; says so when other machines can connect too, and where."""
    host, port = bound.getsockname()[:2]
    scheme = "http" if certificate is None else "https"
    if host in ("0.0.0.0", "::"):  # noqa: S104  (a comparison)
        words = "listening on all addresses of this machine"
        elsewhere = [f"{scheme}://{_in_url(each)}:{port}" for each in tls.addresses(bound.family)]
        return f"{scheme}://localhost:{port} ({words}{': ' if elsewhere else ''}{', '.join(elsewhere[:SHOWN])})"
    name = "localhost" if host in ("127.0.0.1", "::1") else _in_url(host)
    return f"{scheme}://{name}:{port}"


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: choose another with --port, or stop what listens there."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user: choose one from 1024 on with --port."
    unknown = error.errno is not None and error.errno < 0  # getaddrinfo's own numbers
    if unknown or error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: try --host 127.0.0.1, or 0.0.0.0 for all of them."
    return f"Port {port} of {host} cannot be listened on: {error.strerror or error}."


def wanted(config: Config, first: First) -> list[beginning.Wanted]:
    """What the command line and the file ask for. Raises BadRequest for what can be seen to be wrong."""
    named = beginning.of_command(config, first.sources, first.prompts)
    return named if first.file is None else named + beginning.of_file(config, sources_file.read(first.file))


def stop_soon(web: uvicorn.Server, stop: asyncio.Event) -> None:
    """Stop in good order; told a second time, without waiting for those who are connected."""
    web.force_exit = stop.is_set()
    stop.set()


async def _end(app: FastAPI, web: uvicorn.Server, stop: asyncio.Event) -> None:
    """Stop when told to: what is asked by then is still served for a while, and refused after it."""
    await stop.wait()
    while not web.started:  # noqa: ASYNC110  (uvicorn tells nobody, and stopped before that it leaves its lifespan open)
        await asyncio.sleep(POLL)
    web.should_exit = True
    await asyncio.sleep(SERVED)
    app.state.engines.stop()


async def _show(sessions: Sessions, screen: Screen) -> None:
    while True:
        screen.show([status_line(session) for session in sessions.list()])
        await asyncio.sleep(SECOND)
