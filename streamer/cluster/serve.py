"""``streamer serve --cluster``: a front door on a socket of its own."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvicorn

from streamer.cluster.doors import create_front
from streamer.cluster.front import Front
from streamer.cluster.reports import Door
from streamer.cluster.roster import Ask
from streamer.commands import access, beginning, tls
from streamer.commands.serve import First, address_of, listen, stop_soon, wanted
from streamer.commands.signals import signals
from streamer.commands.terminal import Screen
from streamer.config import NO_STORE, Config
from streamer.errors import BadRequest, NotReady
from streamer.http.server import server

FILE = "cluster.db"  # beside the store of one machine
BEAT = 2.0  # seconds from one word to the roster to the next
POLL = 0.2  # seconds between looks whether a worker is ready, and whether the web server has started

log = logging.getLogger(__name__)


async def serve(config: Config, first: First, screen: Screen, *, told: Callable[[], None] = lambda: None) -> int:
    """
    Serve until SIGINT or SIGTERM, as ``commands.serve``; sessions run in the workers. Returns the exit status.

    Raises BadRequest, as there, and where Ray is not installed or cannot be reached.
    """
    need_ray()
    from streamer.cluster import joining  # imports Ray

    access.check_files(config)
    asked = wanted(config, first)
    certificate = tls.certificate(config)
    with listen(config.host, config.port) as bound:
        config = access.with_key(config, screen)
        access.check_address(config, bound)
        assert config.cluster is not None
        roster = await asyncio.to_thread(joining.join, config.cluster, config, file_of(config))
        try:
            front = Front(roster)
            app = create_front(config, front, await roster("secret"))
            web = server(app, config, None if certificate is None else certificate.context())
            web.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
            screen.say(f"streamer: open {address_of(bound, certificate)}")
            if not config.cluster.startswith("ray://"):  # a client of Ray is in none
                screen.say(f"          its Ray is at {await asyncio.to_thread(joining.place)}")
            await roster("want", [beginning.new(each) for each in asked])
            stop = asyncio.Event()
            with signals(told, lambda: stop_soon(web, stop)):
                async with asyncio.TaskGroup() as tasks:
                    door = Door(address_of(bound, certificate), socket.gethostname())
                    sides = (_stop(web, stop), _say_when_ready(front, screen), _tell(roster, door))
                    beside = [tasks.create_task(each) for each in sides]
                    await web.serve(sockets=[bound])
                    for task in beside:
                        task.cancel()
        finally:
            await asyncio.to_thread(joining.leave)
    return 0


def need_ray() -> None:
    """Raises BadRequest where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        words = "--cluster needs Ray, which is not installed."
        raise BadRequest(words, detail="Install it: pip install 'sam3-streamer[cluster]'")


def file_of(config: Config) -> Path:
    """Where the roster keeps sessions; with ``--store none`` a file that nobody finds again."""
    if config.store == NO_STORE:
        return Path(tempfile.mkdtemp(prefix="streamer-")) / FILE
    return config.store or config.store_file.with_name(FILE)


async def _say_when_ready(front: Front, screen: Screen) -> None:
    while True:
        with contextlib.suppress(NotReady):
            seats = await front.seats(anew=True)
            screen.say(f"streamer: {seats[0].name} of the cluster is ready")
            return
        await asyncio.sleep(POLL)


async def _tell(roster: Ask, door: Door) -> None:
    """Tell the roster for ever that this door is there."""
    while True:
        try:
            await roster("door", door)
        except Exception as error:
            log.warning("The roster does not answer: %s", str(error) or type(error).__name__)
        await asyncio.sleep(BEAT)


async def _stop(web: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    while not web.started:  # noqa: ASYNC110  (uvicorn tells nobody)
        await asyncio.sleep(POLL)
    web.should_exit = True
