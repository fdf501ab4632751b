"""The page and its files; the modules among them that pages of other origins import have addresses of their own."""

from __future__ import annotations

import functools
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

MODULES = ("api.js", "keys.js", "rle.js", "session.js")  # they import nothing but each other, so each is loaded once


def install(app: FastAPI, folder: Path) -> None:
    """
    Let an application serve the page that lies in a folder at ``/``, and its files under ``/static``.

    ``/docs`` is of the same kind: FastAPI's own fetches Swagger UI from a CDN, and a copy of that has 1.5 MB.
    """
    files = StaticFiles(directory=folder)  # for its look-up and its answers to conditional requests
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    @router.api_route("/cluster.html", methods=["GET", "HEAD"])
    async def workers(request: Request) -> Response:
        return await files.get_response("cluster.html", request.scope)

    @router.api_route("/docs", methods=["GET", "HEAD"])
    async def description(request: Request) -> Response:
        return await files.get_response("docs.html", request.scope)

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    async def file(request: Request, name: str) -> Response:
        return await files.get_response(name, request.scope)

    for name in MODULES:
        router.add_api_route(f"/{name}", functools.partial(file, name=name), methods=["GET", "HEAD"])
    app.include_router(router)
