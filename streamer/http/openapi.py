"""The served OpenAPI document: what FastAPI finds out of the routes, and the published one of the hosted API."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from streamer.errors import StreamerError

Document = dict[str, Any]


def install(app: FastAPI, published: Document) -> None:
    """Let an application serve our document, with the ``paths`` and ``schemas`` of ``published`` in it."""

    def document() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = merged(app, published)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def merged(app: FastAPI, published: Document) -> Document:
    """FastAPI's document of an application, with the published paths and schemas in it."""
    version = importlib.metadata.version("sam3-streamer") if _installed() else "0"
    found: Document = get_openapi(title=app.title, version=version, routes=app.routes)
    components: Document = found.setdefault("components", {})
    schemas: Document = components.setdefault("schemas", {})
    operations = [operation for path in found["paths"].values() for operation in path.values()]
    for ours in (*operations, *schemas.values(), *components.get("securitySchemes", {}).values()):
        ours["x-extension"] = True  # sessions, and what else the hosted API has not
    for operation in operations:
        if "security" in operation:
            operation["security"].append({})  # none: a key is needed only where the server has keys
    found["paths"] |= published["paths"]
    schemas |= published["schemas"]
    return found


def refusals(*kinds: type[StreamerError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` of a route that raises these; Refusal is in hosted/documents/extensions.json."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {kind.status: {"description": (kind.__doc__ or "").split("\n\n")[0], "content": content} for kind in kinds}


def _installed() -> bool:
    try:
        importlib.metadata.version("sam3-streamer")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
