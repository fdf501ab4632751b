"""What a request is answered that is refused, makes no sense, or fails inside: a message, and what would be right."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from streamer.errors import NotAllowed, StreamerError
from streamer.wire import fields


def _methods(request: Request) -> str:
    """All the methods that the address of a request takes; the framework names those of its first route alone."""
    routes = request.app.router.routes
    taken = [
        method
        for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return ", ".join(taken)


def install(app: FastAPI, headers: Callable[[Request], dict[str, str]] = lambda request: {}) -> None:
    """Let an application answer errors so. ``headers``: of the answer to what failed, outside of middleware."""

    @app.exception_handler(StreamerError)
    async def refused(request: Request, error: StreamerError) -> JSONResponse:
        return JSONResponse(error.body(), error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == NotAllowed.status:
            return await refused(request, NotAllowed(request.method, _methods(request)))
        cause = error.__cause__
        if isinstance(cause, ValueError | RecursionError):  # FastAPI's 400 for a body that is no JSON
            words = "It is nested too deeply" if isinstance(cause, RecursionError) else "A number in it is too long"
            words = "The body is not UTF-8" if isinstance(cause, UnicodeError) else words
            problem = {"loc": ["body"], "msg": f"JSON decode error: {words}", "type": "json_invalid"}
            return JSONResponse({"detail": [problem]}, 422)
        body = {"message": str(error.detail), "detail": str(error.detail)}
        return JSONResponse(body, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        shown = fields.public_errors(error.errors())
        given = request.headers.get("content-type", "")
        if [problem["loc"] for problem in shown] == [["body"]] and "json" not in given.lower():
            shown[0]["msg"] = f"Content-Type is {given!r:.80}; the body must be JSON, sent as application/json"
        return JSONResponse({"detail": shown}, 422)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        body = {"message": "Something failed inside the server.", "detail": "Its log says more."}
        return JSONResponse(body, 500, headers(request))
