"""``GET /metrics``: what was counted and how things stand, in Prometheus' text format."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer import auth
from streamer.counters import Counters
from streamer.engines import Engines
from streamer.http.openapi import refusals
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.sources.base import State
from streamer.sources.thread import readers
from streamer.store import Store

TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}}
}

LAG_EVERY = 0.5  # seconds from one look at the event loop to the next

router = auth.guarded(auth.Scope.VIEW, tags=["operations"], responses=refusals(*auth.REFUSALS))


@router.get("/metrics", response_class=Response, responses=TEXT)
async def metrics(request: Request) -> Response:
    """Counters and gauges for Prometheus; operations.md lists them."""
    counters: Counters = request.app.state.sessions.counters
    return Response(generate_latest(counters.registry), media_type=CONTENT_TYPE_LATEST)


def install(app: FastAPI) -> None:
    """Let an application answer ``/metrics``. It has its ``state`` by now, and no middleware that is added later."""
    counters: Counters = app.state.sessions.counters
    counters.registry.register(Present(app.state.engines, app.state.sessions, app.state.embeddings.caches))
    ProcessCollector(registry=counters.registry)
    app.add_middleware(Refusals, counters=counters)
    app.include_router(router)


async def watch_loop(counters: Counters) -> None:
    """Note, for ever, how late the event loop is: what hangs there delays every result."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_EVERY
        await asyncio.sleep(LAG_EVERY)
        counters.lag.observe(max(0.0, loop.time() - due))


class Caches(Protocol):
    """What HTTP requests leave behind, as far as it is counted here."""

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """``bytes``, ``limit_bytes``, ``hits`` and ``misses`` of each cache by its name."""
        ...


class Refusals:
    """Middleware that counts the HTTP requests which are answered 400 or above."""

    def __init__(self, app: ASGIApp, counters: Counters) -> None:
        self.app = app
        self.refused = counters.refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the status of the answer."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                self.refused.labels(message["status"]).inc()
            await send(message)

        try:
            await self.app(scope, receive, counted if scope["type"] == "http" else send)
        except Exception:  # what failed inside is answered outside of all middleware
            if scope["type"] == "http":
                self.refused.labels(500).inc()
            raise


class Present(Collector):
    """How things stand, read when somebody asks, on the event loop. Only sessions that have not ended have lines."""

    def __init__(self, engines: Engines, sessions: Sessions, caches: Caches) -> None:
        self._engines = engines
        self._sessions = sessions
        self._caches = caches

    def collect(self) -> Iterator[Metric]:
        """All gauges, and the counters of the caches."""
        sessions = self._sessions.list()
        running = [session for session in sessions if session.state is not State.ENDED]
        engines, model = self._engines, self._engines.model
        ready = len(engines.answering) == len(engines.all)
        yield _gauge("streamer_ready", "1 while the model is there and answers.", float(ready))
        yield _gauge("streamer_model_hangs", "1 while a step of the model does not come back.", float(engines.hangs))
        loaded = GaugeMetricFamily("streamer_model", "1 for the model that is loaded, by its name.", labels=["model"])
        if model is not None:
            loaded.add_metric([model.name], 1.0)
        yield loaded
        yield _gauge("streamer_requests_waiting", "HTTP requests in line for the model.", engines.waiting)
        yield from _of_devices(engines, running)
        yield _gauge("streamer_readers", "Readers of results.", sum(session.subscribers for session in running))
        yield _gauge(
            "streamer_viewers",
            "Who watches by WHEP or as Motion JPEG.",
            sum(session.playback.viewers for session in running),
        )
        states = Counter(session.state for session in sessions)
        by_state = GaugeMetricFamily("streamer_sessions", "Sessions in the list, by state.", labels=["state"])
        for state in State:
            by_state.add_metric([state], states[state])
        yield by_state
        threads = GaugeMetricFamily("streamer_source_threads", "Threads of sources, by state.", labels=["state"])
        for name, count in zip(("reading", "stopped"), readers(), strict=True):
            threads.add_metric([name], count)
        yield threads
        yield from _of_store(self._sessions.store)
        yield from _of_sessions(running)
        yield from _of_caches(self._caches)


def _of_devices(engines: Engines, running: list[Session]) -> Iterator[Metric]:
    answers = GaugeMetricFamily("streamer_device_ready", "1 while its model is there and answers.", labels=["device"])
    share = GaugeMetricFamily("streamer_device_share", "Of its time that steps took of late.", labels=["device"])
    streams = GaugeMetricFamily("streamer_device_sessions", "Sessions that run on it.", labels=["device"])
    for engine in engines.all if engines.model is not None else ():
        answers.add_metric([engine.name], float(engine in engines.answering))
        share.add_metric([engine.name], engine.share)
        streams.add_metric([engine.name], sum(session.engine is engine for session in running))
    yield from (answers, share, streams)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _of_store(store: Store | None) -> Iterator[Metric]:
    failing, kept, writes, failures = (
        (False, 0, 0, 0)
        if store is None
        else (store.problem is not None, len(store.kept), store.writes, store.failures)
    )
    yield _gauge("streamer_store_failing", "1 while what is kept cannot be written.", float(failing))
    yield _gauge("streamer_sessions_kept", "Sessions that come back after a start.", kept)
    yield CounterMetricFamily("streamer_store_writes", "Transactions of the store.", value=writes)
    yield CounterMetricFamily("streamer_store_failures", "Writes of the store that failed.", value=failures)


def _of_sessions(running: list[Session]) -> Iterator[Metric]:
    labels = ["session", "source"]
    live = GaugeMetricFamily("streamer_session_live", "1 while the source gives pictures.", labels=labels)
    rate = GaugeMetricFamily("streamer_session_results_per_second", "Of late; 0 after 2 s without.", labels=labels)
    age = GaugeMetricFamily("streamer_session_age_seconds", "How old the last result is by now.", labels=labels)
    looks = GaugeMetricFamily("streamer_session_looks_per_second", "Of late; 0 after 10 s without.", labels=labels)
    received = GaugeMetricFamily(
        "streamer_session_received_seconds", "How long ago the last result's packet came.", labels=labels
    )
    for session in running:
        values = [session.id, session.source.name]
        looks.add_metric(values, session.looks)
        live.add_metric(values, float(session.state is State.LIVE))
        rate.add_metric(values, session.fps)
        if session.age is not None:
            age.add_metric(values, session.age)
        since_packet = session.publisher.received(session.age)
        if since_packet is not None:
            received.add_metric(values, since_packet)
    yield from (live, rate, looks, age, received)


def _of_caches(caches: Caches) -> Iterator[Metric]:
    held = GaugeMetricFamily("streamer_cache_bytes", "What the caches of HTTP requests hold.", labels=["cache"])
    limit = GaugeMetricFamily("streamer_cache_limit_bytes", "What they may hold.", labels=["cache"])
    asked = CounterMetricFamily("streamer_cache_requests", "What they were asked for.", labels=["cache", "outcome"])
    for name, figures in caches.figures().items():
        held.add_metric([name], figures["bytes"])
        limit.add_metric([name], figures["limit_bytes"])
        asked.add_metric([name, "hit"], figures["hits"])
        asked.add_metric([name, "miss"], figures["misses"])
    yield from (held, limit, asked)
