"""What every answer of the hosted API gets: the name of the model."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer.engines import Engines


class ModelName:
    """Middleware that names the loaded model on every answer of the hosted API, refusals too: ``X-Model``."""

    def __init__(self, app: ASGIApp, engines: Engines) -> None:
        self.app = app
        self.engines = engines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the header on."""

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.header(self.engines, scope["path"]).items():
                    headers.setdefault(name, value)  # an answer says itself which model gave it
            await send(message)

        await self.app(scope, receive, named if scope["type"] == "http" else send)

    @staticmethod
    def header(engines: Engines, path: str) -> dict[str, str]:
        """The header, where it belongs and the model is there."""
        return {"X-Model": engines.model.name} if path.startswith("/sam3/") and engines.model is not None else {}
