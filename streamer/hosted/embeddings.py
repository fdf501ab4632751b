"""Where an HTTP request's picture comes from: the cache, a live session, or its own data."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import BadRequest, NotFound
from streamer.hosted import decode
from streamer.hosted.cache import Account, Caches, Made
from streamer.hosted.fetch import Rules, fetch
from streamer.hosted.schemas import ImageIn
from streamer.live.sessions import Sessions
from streamer.pixels import Pixels
from tracker import Embedding, Sam3

There = Callable[[], Awaitable[None]]
Fits = Callable[[Sam3], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A picture that can be asked about: the engine to ask with its model, and the picture's embedding.

    ``name`` tells it from other pictures: the hash of its pixels, or its session and frame. ``cached``: nothing had to
    be embedded for it. ``there`` raises Gone once the client has hung up: work for nobody holds up everybody.
    """

    engine: Engine
    model: Sam3
    name: str
    embedding: Embedding
    cached: bool
    there: There

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.embedding.height, self.embedding.width


class Embeddings:
    """Makes embeddings for requests, and keeps them for the account (the API key) that asked."""

    def __init__(self, engines: Engines, sessions: Sessions, caches: Caches, rules: Rules) -> None:
        self._engines = engines
        self._sessions = sessions
        self._rules = rules
        self._context = httpx.create_ssl_context()  # reads the certificates: tens of milliseconds
        self.caches = caches

    @asynccontextmanager
    async def of(
        self, account: Account, image: ImageIn | None, image_id: str | None, there: There, fits: Fits
    ) -> AsyncIterator[Asked]:
        """
        Stand in line for the model, and hold the lane of HTTP requests while the picture is asked about.

        A cached ``image_id`` wins over picture data sent with it, which is then not even decoded. Raises NotFound for
        an id or session that is not there, BadRequest and TooLarge for pictures that cannot be read, TooMany, NotReady;
        Gone, from ``there``, once the client has hung up; and what ``fits`` raises for a model that is not to be asked.
        """
        live = image is not None and image.type.strip().lower() == "session"
        data: bytes | None = None
        while True:
            if data is None and not live and self.caches.named(account, image_id) is None:
                data = await self._data(image, image_id)
            engine = self._engine(account, image_id, image if live else None)
            async with engine.lane() as model:
                await there()
                fits(model)
                asked = self._known(engine, model, account, image_id, there)
                if asked is None and live and image is not None:
                    asked = await self._present(engine, model, image.value, there)
                elif asked is None and data is not None:
                    asked = await self._made(engine, model, account, data, there)
                if asked is not None:
                    if image_id is not None:
                        self.keep(account, image_id, asked)
                    yield asked
                    return
            # What the id meant was dropped while we stood in line. Other servers are not waited for in the lane.

    def keep(self, account: Account, image_id: str, asked: Asked) -> None:
        """Keep a picture under an id, a session's frame too."""
        self.caches.keep(account, asked.name, Made(asked.engine, asked.embedding))
        self.caches.name(account, image_id, asked.name)

    def _engine(self, account: Account, image_id: str | None, live: ImageIn | None) -> Engine:
        """Where the picture's embedding is; else the device that does least."""
        picture = self.caches.named(account, image_id)
        if picture is not None:
            return self.caches.embeddings.peek((account, picture)).engine
        sessions = [] if live is None else self._sessions.list()
        found = next((session.engine for session in sessions if live is not None and session.id == live.value), None)
        return found or self._engines.idlest()

    async def _present(self, engine: Engine, model: Sam3, id: str | None, there: There) -> Asked | None:  # noqa: A002
        """A session's newest frame."""
        if not id:
            raise BadRequest("image.value is missing.", detail="It must be the id of a session.", field="image.value")
        session = self._sessions.get(id)
        if session.engine is not engine:  # the session was
            return None
        index, embedding = await session.tracking.present()
        return Asked(engine, model, f"session {session.id} {index}", embedding, cached=True, there=there)

    def _known(self, engine: Engine, model: Sam3, account: Account, image_id: str | None, there: There) -> Asked | None:
        """What is kept under an id, where this engine made it."""
        picture = self.caches.named(account, image_id)
        made = None if picture is None else self.caches.embeddings.get((account, picture))
        if picture is None or made is None or made.engine is not engine:
            return None
        return Asked(engine, model, picture, made.embedding, cached=True, there=there)

    async def _data(self, image: ImageIn | None, image_id: str | None) -> bytes:
        """The picture, still encoded."""
        if image is None:
            self.caches.embeddings.misses += 1
            raise NotFound(f"No picture is kept under image_id {image_id!r:.80}.", detail="Send it with its image.")
        if image.type.strip().lower() == "url":
            with self._engines.idlest().outside():
                return await fetch(image.value or "", self._rules, context=self._context)
        return await asyncio.to_thread(decode.read_data, image.type, image.value)

    async def _made(self, engine: Engine, model: Sam3, account: Account, data: bytes, there: There) -> Asked:
        """Decode the picture, and embed it unless the engine embedded the same pixels before."""
        picture = await asyncio.to_thread(decode.decode_picture, data)
        name = await asyncio.to_thread(_hash, picture)
        made = self.caches.embeddings.get((account, name))
        cached = made is not None and made.engine is engine
        if made is None or not cached:
            made = Made(engine, await engine.take_turn(model.embed, picture))
            self.caches.keep(account, name, made)
        return Asked(engine, model, name, made.embedding, cached, there)


def _hash(picture: Pixels) -> str:
    digest = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
    digest.update(picture.data)
    return digest.hexdigest()
