"""streamer.hosted.embeddings without a server: the cache, a live session, or the request's own data."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator

import numpy as np
import pytest

from streamer.config import Config
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import Conflict, NotFound, TooMany
from streamer.hosted import embeddings as module
from streamer.hosted.cache import OVERHEAD, Caches
from streamer.hosted.embeddings import Asked, Embeddings
from streamer.hosted.fetch import Rules
from streamer.hosted.schemas import ImageIn
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from tests.support.models import untrained
from tests.support.pictures import patches, saved, sent
from tests.support.sources import HandSource
from tracker import Sam3

WIDTH, HEIGHT = 80, 60
PICTURE = patches(WIDTH, HEIGHT)
IMAGE = sent(saved(PICTURE))


class Room:
    """An engine, its sessions and embeddings without a server between; a source that is held by the hand."""

    def __init__(self, engine: Engine, sessions: Sessions) -> None:
        self.engine, self.sessions = engine, sessions
        self.embeddings = Embeddings(Engines(engine), sessions, Caches(2**26, 2**20), Rules())
        self.source = HandSource()

    async def look(self, session: Session, frames: int = 1) -> None:
        """Give frames one by one, each when the one before has been looked at."""
        with session.subscribe() as reader:
            messages = aiter(reader)
            for _ in range(frames):
                self.source.give()
                while "frame" not in json.loads(await anext(messages)):
                    pass

    async def there(self) -> None:
        """The client has not hung up."""

    async def ask(self, image: dict[str, str] | None, image_id: str | None = None, account: str = "me") -> Asked:
        wanted = None if image is None else ImageIn.model_validate(image)
        async with self.embeddings.of(account, wanted, image_id, self.there, lambda model: None) as asked:
            return asked


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    engine = Engine(untrained, max_waiting=2)
    await engine.load()
    async with asyncio.timeout(100), Sessions(Engines(engine), Config(max_waiting=2, present="looked")) as sessions:
        yield Room(engine, sessions)
        await sessions.close_all()
    await engine.close()


async def test_a_model_that_is_not_to_be_asked_is_refused_behind_the_line_and_before_the_picture_is_embedded(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been changed while one stood in line."""
    monkeypatch.setattr(room.engine.need_model(), "embed", lambda _: 1 / 0)

    def refuse(model: Sam3) -> None:
        raise NotFound(f"{model.name} is not what was asked for.")

    image = ImageIn.model_validate(sent(saved(patches(80, 60))))
    with pytest.raises(NotFound, match="nano is not what was asked for"):
        async with room.embeddings.of("me", image, None, room.there, refuse):
            raise AssertionError("was let in")


async def test_it_is_the_newest_frame_that_was_looked_at(room: Room) -> None:
    session = room.sessions.create(room.source)
    for frames, newest in ((1, 0), (3, 3)):
        await room.look(session, frames)
        asked = await room.ask({"type": "Session", "value": session.id})
        assert asked.name == f"session {session.id} {newest}"
        assert (asked.size, asked.cached) == ((48, 64), True)
        assert asked.embedding.trunk is not None


async def test_a_frame_that_was_given_an_id_stays_while_the_stream_goes_on(room: Room) -> None:
    """So one picture can be questioned again and again."""
    session = room.sessions.create(room.source)
    image = {"type": "session", "value": session.id}
    await room.look(session)
    first = await room.ask(image, "moment")
    await room.look(session, 2)
    again, newest = await room.ask(image, "moment"), await room.ask(image)
    assert again.embedding is first.embedding
    assert newest.embedding is not first.embedding
    await room.sessions.delete(session.id)
    assert (await room.ask(None, "moment")).embedding is first.embedding
    with pytest.raises(NotFound):
        await room.ask(None, "moment", account="other")


async def test_what_is_no_live_session_has_no_picture(room: Room) -> None:
    with pytest.raises(NotFound, match="no session unknown"):
        await room.ask({"type": "session", "value": "unknown"})
    session = room.sessions.create(room.source)
    image = {"type": "session", "value": session.id}
    with pytest.raises(NotFound, match="No frame of this session"):
        await room.ask(image)
    await room.look(session)
    with session.subscribe() as reader:
        room.source.end()
        async for _ in reader:  # until it has ended
            pass
    with pytest.raises(Conflict, match="has ended"):
        await room.ask(image)
    async with room.engine.lane():  # and the lane is free again
        pass


async def test_other_servers_are_not_waited_for_in_the_lane_even_when_an_id_is_evicted_there(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = {"type": "url", "value": "https://example.net/dog.png"}
    free: list[bool] = []

    async def fetch(address: str, rules: Rules, **_: object) -> bytes:
        free.append(not room.engine._lane.locked())
        return saved(PICTURE)

    monkeypatch.setattr(module, "fetch", fetch)
    await room.ask(IMAGE, "dog")
    async with room.engine.lane():
        waiting = asyncio.gather(room.ask(url, "dog"), room.ask(None, "dog"), return_exceptions=True)
        await asyncio.sleep(0)  # both stand in line
        room.embeddings.caches = Caches(2**26, 0)  # and what was known then is gone
    found, without = await waiting
    assert isinstance(found, Asked)
    assert not found.cached
    assert free == [True]
    assert isinstance(without, NotFound)


async def test_a_full_line_refuses_and_a_failure_leaves_it_free(room: Room) -> None:
    unknown = {"type": "session", "value": "unknown"}
    async with room.engine.lane():
        waiting = asyncio.gather(room.ask(unknown), room.ask(unknown), return_exceptions=True)
        await asyncio.sleep(0)
        for image in (unknown, IMAGE):
            with pytest.raises(TooMany):
                await room.ask(image)
    assert [type(each) for each in await waiting] == [NotFound, NotFound]
    assert (await room.ask(IMAGE)).size == (HEIGHT, WIDTH)


async def test_a_picture_too_large_for_the_cache_is_answered_all_the_same(room: Room) -> None:
    room.embeddings.caches = Caches(OVERHEAD, 0)
    for _ in range(2):
        asked = await room.ask(IMAGE, "dog")
        assert (asked.size, asked.cached) == ((HEIGHT, WIDTH), False)
    with pytest.raises(NotFound):
        await room.ask(None, "dog")


async def test_equal_pictures_have_one_name_and_the_embedding_is_the_models(room: Room) -> None:
    asked = await room.ask(IMAGE)
    wanted = untrained().embed(np.array(PICTURE))
    assert np.allclose(asked.embedding.interactive[2], wanted.interactive[2], atol=1e-5)
    assert (await room.ask(sent(saved(PICTURE, "BMP")))).name == asked.name


@pytest.fixture
async def pair(room: Room) -> AsyncIterator[Room]:
    """The same with a second device."""
    second = Engine(lambda: copy.copy(untrained()), max_waiting=2)
    await second.load()
    engines = Engines(room.engine, second)
    room.embeddings = Embeddings(engines, room.sessions, Caches(2**26, 2**20), Rules())
    yield room
    await second.close()


async def test_a_picture_goes_to_the_device_that_does_least_and_its_id_to_the_one_that_embedded_it(pair: Room) -> None:
    first = pair.engine
    async with first.lane():
        elsewhere = await pair.ask(IMAGE, "mine")
    assert elsewhere.engine is not first and elsewhere.model is elsewhere.engine.need_model()
    async with elsewhere.engine.lane():
        waiting = asyncio.ensure_future(pair.ask(IMAGE, "mine"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert (first.waiting, elsewhere.engine.waiting) == (0, 2)
    again = await waiting
    assert (again.engine, again.embedding, again.cached) == (elsewhere.engine, elsewhere.embedding, True)


async def test_what_another_device_embedded_is_embedded_again_where_no_id_names_it(pair: Room) -> None:
    here = await pair.ask(IMAGE)
    async with pair.engine.lane():
        there = await pair.ask(IMAGE)
    assert here.engine is pair.engine and there.engine is not pair.engine
    assert (here.name, here.cached, there.cached) == (there.name, False, False)
    async with pair.engine.lane():
        assert (await pair.ask(IMAGE)).cached


async def test_a_sessions_frame_is_asked_about_on_its_device(pair: Room) -> None:
    session = pair.sessions.create(pair.source)
    await pair.look(session)
    async with session.engine.lane():
        waiting = asyncio.ensure_future(pair.ask({"type": "session", "value": session.id}))
        for _ in range(5):
            await asyncio.sleep(0)
        assert session.engine.waiting == 2
    assert (await waiting).engine is session.engine
