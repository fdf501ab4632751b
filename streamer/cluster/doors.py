"""The front door's application: what it answers itself, and everything else relayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import Message, Send

from streamer import auth
from streamer.app import web_folder
from streamer.auth import Keyring, Scope
from streamer.cluster.front import Front, wants_direct
from streamer.cluster.metrics import labelled
from streamer.cluster.relay import Unreached, nobody, parts_of
from streamer.cluster.reports import Door, Seat
from streamer.config import Config
from streamer.errors import NotFound, StreamerError
from streamer.http import error_answers, page
from streamer.http.bodies import Bodies
from streamer.http.headers import BrowserRules
from streamer.http.openapi import refusals
from streamer.http.origins import KnownOrigins, Pages, callers

METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]

viewing = auth.guarded(Scope.VIEW, tags=["cluster"], responses=refusals(*auth.REFUSALS))
managing = auth.guarded(Scope.MANAGE, tags=["cluster"], responses=refusals(*auth.REFUSALS))


def create_front(config: Config, front: Front, secret: bytes) -> FastAPI:
    """
    Make the application. ``secret``: what tokens are signed with, as at the workers.

    What is relayed goes through a worker's own middleware, which looks at origins, names, keys and bodies; a key that
    is wrong is refused here already, where the address that it came from is known.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await front.relay.close()

    app = FastAPI(title="SAM3 streamer", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.config = config
    app.state.front = front
    app.state.keys = Keyring(config.api_keys, config.keys, secret=secret)
    keys: Keyring = app.state.keys
    app.add_middleware(Bodies, config=config)
    app.add_middleware(OwnPages, **callers(config, keys))
    if keys.open:
        app.add_middleware(KnownOrigins, config=config)
    app.add_middleware(BrowserRules, config=config, keyed=not keys.open)
    error_answers.install(app)
    app.include_router(viewing)
    app.include_router(managing)
    page.install(app, web_folder())
    app.add_api_route("/healthz", _healthz, methods=["GET"])
    app.add_api_websocket_route("/{path:path}", _listen)
    app.add_api_route("/{path:path}", _anywhere, methods=METHODS, response_class=Response)
    return app


class OwnPages(Pages):
    """Lets pages call, refusals of the door's own among it; what a worker says of who may call stays as it is."""

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        """Say who may call, where nobody has."""
        # A worker's answer always varies by Origin, also where it lets nobody call.
        told = message["type"] == "http.response.start" and "origin" in _vary(message)
        await (send(message) if told else super().send(message, send, request_headers))


def _vary(start: Message) -> str:
    return ", ".join(Headers(raw=start.get("headers", [])).getlist("vary")).lower()


def _front(request: Request) -> Front:
    front: Front = request.app.state.front
    return front


Here = Annotated[Front, Depends(_front)]


async def _healthz() -> dict[str, str]:
    return {"status": "ok"}


async def _anywhere(request: Request, front: Here) -> Response:
    await _known(request)
    if wants_direct(request):
        auth.allow(request, await auth.key_of(request), Scope.VIEW, session=_session(request))
        return await front.direct(request)
    return await front.anywhere(request)


def _session(connection: HTTPConnection) -> str:
    return parts_of(connection)[1]


async def _listen(socket: WebSocket) -> None:
    front: Front = socket.app.state.front
    try:
        await _known(socket)
        if wants_direct(socket):
            auth.allow(socket, await auth.key_of(socket), Scope.VIEW, session=_session(socket))
            await socket.send_denial_response(await front.direct(socket))
            return
    except StreamerError as error:
        await socket.accept()
        await socket.close(4000 + error.status, error.message[:120])
        return
    await front.listen(socket)


async def _known(connection: Request | WebSocket) -> None:
    """Raises Unauthorized, or TooMany, for a key that is not one of ours. What a key opens, the worker knows."""
    if (key := await auth.key_of(connection)) is not None:
        remote = connection.client.host if connection.client is not None else ""
        connection.app.state.keys.caller(key, remote)


@viewing.get("/sessions")
async def sessions(request: Request, front: Here) -> Response:
    """The sessions of all workers, each with its ``worker``; ``store``: how what is kept stands."""
    told = await _of_all(request, front)
    found, store = [], {"state": "ok", "reason": "", "kept": 0, "not_started": []}
    for seat, answer in told:
        found += [{**each, "worker": seat.name} for each in answer["sessions"]]
        theirs = answer["store"]
        if theirs["state"] != "ok":
            store |= {"state": theirs["state"], "reason": theirs["reason"]}
        store["kept"] += theirs["kept"]
        store["not_started"] += theirs["not_started"]
    return JSONResponse({"sessions": found, "store": store})


@viewing.get("/metrics")
async def metrics(request: Request, front: Here) -> Response:
    """The metrics of all workers, under the same names, each with the label ``worker``."""
    seats = await front.seats()
    answers = await asyncio.gather(
        *(front.relay.whole(each.address, request) for each in seats), return_exceptions=True
    )
    told = {
        seat.name: each.text for seat, each in zip(seats, answers, strict=True) if not isinstance(each, BaseException)
    }
    return Response(labelled(told), media_type="text/plain; version=0.0.4; charset=utf-8")


@viewing.get("/cluster")
async def cluster(front: Here) -> dict[str, Any]:
    """
    The workers: ``running`` sessions, ``share`` of the device's time that looks take, whether one is draining or gone.

    And the doors, by their address and the name of their machine.
    """
    seats: list[Seat] = await front.roster("seats")
    doors: list[Door] = await front.roster("doors")
    return {"workers": [_seat_json(each) for each in seats], "doors": [asdict(each) for each in doors]}


@managing.post("/cluster/workers/{name}/drain", responses=refusals(NotFound))
async def drain(name: str, front: Here, on: bool = True) -> dict[str, Any]:
    """Move a worker's kept sessions to others, and give it no new ones; ``on=false`` lets it have some again."""
    moved: int = await front.roster("drain", name, on)
    return {"worker": name, "draining": on, "moved": moved}


def _seat_json(seat: Seat) -> dict[str, Any]:
    return {
        "name": seat.name,
        "address": seat.address,
        "ready": seat.ready,
        "draining": seat.draining,
        "gone": seat.gone,
        "running": seat.running,
        "share": round(seat.share, 2),
    }


async def _of_all(request: Request, front: Front) -> list[tuple[Seat, Any]]:
    seats = await front.seats(anew=True)
    answers = await asyncio.gather(
        *(front.relay.whole(each.address, request) for each in seats), return_exceptions=True
    )
    told = []
    for seat, answer in zip(seats, answers, strict=True):
        if isinstance(answer, Unreached):
            continue
        if isinstance(answer, BaseException):
            raise answer
        answer.raise_for_status()
        told.append((seat, answer.json()))
    if not told:
        raise nobody("No worker answers.")
    return told
