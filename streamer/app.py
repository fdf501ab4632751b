"""The web application: what it owns while it runs, its routes, its error answers, and the page."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from streamer.auth import Keyring
from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import DeviceBroke, NotReady
from streamer.hosted import routes
from streamer.hosted.cache import Caches
from streamer.hosted.contract import contract
from streamer.hosted.embeddings import Embeddings
from streamer.hosted.fetch import Rules
from streamer.http import error_answers, metrics, models, openapi, page, results, sessions, tokens, whep, whip
from streamer.http.bodies import Bodies
from streamer.http.headers import BrowserRules
from streamer.http.middleware import ModelName
from streamer.http.origins import KnownOrigins, Pages, callers
from streamer.live.sessions import Sessions
from streamer.models.changing import Adopt
from streamer.models.loading import load, warm
from streamer.models.managing import Models
from streamer.store import Store
from streamer.webrtc import ports
from tracker import Sam3, devices_named

STORELESS = "This server keeps no sessions: it runs without a store."

log = logging.getLogger(__name__)


def create_app(
    config: Config,
    model: Sam3 | None = None,
    *,
    on_failure: Callable[[Exception], None] | None = None,
    begin: Callable[[FastAPI], None] = lambda app: None,
    store: Store | None = None,
    storeless: str = STORELESS,
    secret: bytes | None = None,
) -> FastAPI:
    """
    Make the application: ``app.state.config``, ``.keys``, ``.engines`` and ``.sessions``.

    Without a ``model`` the one that ``config`` names is loaded in the background once the application has started;
    until then it answers 503. ``on_failure`` hears why it could not be loaded: the place to end the server; ``begin``
    is called when it is there, before any request meets it: the place to start sessions. ``store``: where they are
    kept; ``storeless``: why none are. ``secret``: what tokens are signed with, 32 bytes; None: of this process alone.
    """
    app = FastAPI(
        title="SAM3 streamer",
        lifespan=functools.partial(_lifespan, on_failure=on_failure, begin=begin),
        docs_url=None,  # page.py has one that fetches nothing from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect names the scheme and the host that a proxy in front of us does not have
    )
    app.state.config = config
    app.state.engines = engines = _engines(config, model)
    app.state.sessions = live = Sessions(engines, config, store)
    app.state.storeless = storeless
    app.state.keys = _keyring(config, live.counters, secret)
    for engine in engines.all:
        engine.faults.counted = live.counters.out_of_memory.inc
    caches = Caches(config.embeddings_bytes, config.logits_bytes)
    rules = Rules(http=config.fetch_http, networks=config.fetch_networks)
    app.state.embeddings = embeddings = Embeddings(engines, live, caches, rules)
    app.state.models = Models(engines, config, adopt=_adopting(live, embeddings), rest=live.hang)
    _surround(app, config)
    metrics.install(app)
    error_answers.install(app, lambda request: ModelName.header(app.state.engines, request.scope["path"]))
    _watch(app)
    for each in (sessions, results, whip, whep, tokens, models, routes):
        app.include_router(each.router)
    openapi.install(app, contract())
    page.install(app, web_folder())
    return app


def _engines(config: Config, model: Sam3 | None) -> Engines:
    """One for each device that the settings name, with ``model`` on the first. Raises TrackerError."""
    devices = devices_named(config.device)
    alike = len(set(devices)) < len(devices)
    engines = Engines(
        *(
            Engine(
                functools.partial(load, config, device),
                warm=warm,
                max_waiting=config.max_waiting,
                device=device,
                name=f"{device}#{number}" if alike else "",
            )
            for number, device in enumerate(devices, 1)
        )
    )
    engines.all[0].model = model
    return engines


def _adopting(sessions: Sessions, embeddings: Embeddings) -> Adopt:
    """What goes over to another model with an engine: its sessions; embeddings of the old one mean nothing to it."""

    def adopt(engine: Engine, model: Sam3) -> Callable[[], None]:
        tell = sessions.use(engine, model)

        def told() -> None:
            embeddings.caches.clear()
            tell()

        return told

    return adopt


def _surround(app: FastAPI, config: Config) -> None:
    """What every request goes through; the last one added is the first one met."""
    keys: Keyring = app.state.keys
    app.add_middleware(Bodies, config=config)
    app.add_middleware(Pages, **callers(config, keys))
    if keys.open:
        app.add_middleware(KnownOrigins, config=config)
    app.add_middleware(ModelName, engines=app.state.engines)
    app.add_middleware(BrowserRules, config=config, keyed=not keys.open)


def _keyring(config: Config, counters: Counters, secret: bytes | None) -> Keyring:
    def refused(reason: str) -> None:
        counters.keys_refused.labels(reason).inc()

    return Keyring(config.api_keys, config.keys, refused=refused, secret=secret)


def web_folder() -> Path:
    """Where the page is: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return package / "web" if (package / "web").is_dir() else package.parent / "web"


@asynccontextmanager
async def _lifespan(
    app: FastAPI, on_failure: Callable[[Exception], None] | None, begin: Callable[[FastAPI], None]
) -> AsyncIterator[None]:
    engines: Engines = app.state.engines
    store = app.state.sessions.store or contextlib.nullcontext()
    try:
        with ports.kept_within(app.state.config.udp_ports):
            async with store, app.state.sessions, app.state.models, asyncio.TaskGroup() as tasks:
                loading = tasks.create_task(_load_in_background(app, on_failure, begin))
                watching = tasks.create_task(metrics.watch_loop(app.state.sessions.counters))
                hanging = tasks.create_task(engines.watch(app.state.sessions.hang, on_failure))
                yield
                for task in (loading, watching, hanging):
                    task.cancel()
                await app.state.sessions.close_all()
    finally:
        await engines.close()


async def _load_in_background(
    app: FastAPI, on_failure: Callable[[Exception], None] | None, begin: Callable[[FastAPI], None]
) -> None:
    try:
        await app.state.engines.load()
        begin(app)
    except Exception as error:
        if on_failure is None:
            log.error("The model could not be loaded: %s", error)
        else:
            on_failure(error)


def _watch(app: FastAPI) -> None:
    @app.get("/healthz", tags=["operations"], responses=openapi.refusals(DeviceBroke))
    async def healthz() -> dict[str, str]:
        """The process answers; 503 with the reason where the model's device broke, and with it the process's use."""
        broken = app.state.engines.broken
        if broken is not None:
            raise DeviceBroke(broken)
        return {"status": "ok"}

    @app.get("/readyz", tags=["operations"], responses=openapi.refusals(NotReady))
    async def readyz() -> dict[str, str]:
        """The model is there and answers; 503 with the reason where not. ``store``: ok or failing."""
        store: Store | None = app.state.sessions.store
        told = {} if store is None else {"store": "ok" if store.problem is None else "failing"}
        return {"status": "ready", "model": app.state.engines.need_answers().name, **told}
