"""The client for asyncio: sync.py's calls, to be awaited."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from streamer.client import errors, requests
from streamer.client.conversation import Return, SessionBase, socket_options
from streamer.client.errors import ClientError
from streamer.client.messages import Found, Frame, Result, SessionInfo
from streamer.client.opening import Opening
from streamer.client.pictures import Picture, Source
from streamer.client.requests import Address, Call, Clicks, Edges, Encoding, MaskForm, Only, Prompts, VisualPrompt

T = TypeVar("T")


class AsyncClient:
    """A server, by its address: :class:`streamer.client.Client` for asyncio, call for call."""

    def __init__(
        self,
        address: str = "http://localhost:8000",
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.address = Address.read(address)
        self.timeout = timeout
        self.headers = requests.headers(api_key)
        self._http = httpx.AsyncClient(
            base_url=self.address.base, headers=self.headers, timeout=timeout, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections. Sessions that were started go on on the server."""
        await self._http.aclose()

    async def concept_segment(
        self,
        image: Source | None,
        prompts: Prompts,
        *,
        threshold: float | None = None,
        nms_iou: float | None = None,
        image_id: str | None = None,
    ) -> Found:
        """Find every object of each concept in a picture, as :meth:`streamer.client.Client.concept_segment`."""
        return await self._send_built(
            lambda: requests.concept_segment(image, prompts, threshold=threshold, nms_iou=nms_iou, image_id=image_id)
        )

    async def visual_segment(
        self,
        image: Source | None,
        *,
        points: Clicks = (),
        box: Edges | None = None,
        prompts: VisualPrompt | Sequence[VisualPrompt] | None = None,
        image_id: str | None = None,
        multimask: bool = True,
        candidates: bool = False,
        save_logits: bool = False,
        load_logits: bool = False,
    ) -> Found:
        """Segment what points and a box point at, as :meth:`streamer.client.Client.visual_segment`."""
        return await self._send_built(
            lambda: requests.visual_segment(
                image,
                points,
                box,
                prompts,
                image_id=image_id,
                multimask=multimask,
                candidates=candidates,
                save_logits=save_logits,
                load_logits=load_logits,
            )
        )

    async def embed_image(self, image: Source, image_id: str | None = None) -> str:
        """Have the server keep a picture's embedding; the id that later calls may give in place of the picture."""
        return await self._send_built(lambda: requests.embed_image(image, image_id))

    async def sessions(self) -> list[SessionInfo]:
        """The server's live sessions, the ended ones that it still lists among them."""
        return await self.send(requests.sessions())

    def start(
        self,
        source: str,
        prompts: Prompts = (),
        *,
        keep: bool = False,
        pictures: bool = False,
        encoding: Encoding = "json",
    ) -> Opening[AsyncSession]:
        """
        Start a session, as :meth:`streamer.client.Client.start`.

        ``async with client.start(…) as session:`` ends it on leaving, unless ``keep`` lets it stay;
        ``await client.start(…)`` leaves that to you.
        """

        async def begin() -> AsyncSession:
            asking = asyncio.ensure_future(self.send(requests.start(source, prompts, keep=keep)))
            try:
                info = await asyncio.shield(asking)
            except asyncio.CancelledError:  # the caller is gone: what is started for it must not go on for ever
                with contextlib.suppress(ClientError):
                    await self.send(requests.stop((await asking).id))
                raise
            return AsyncSession(self, info, pictures=pictures, encoding=encoding, ours=not keep)

        return Opening(begin)

    def attach(self, session: str, *, pictures: bool = False, encoding: Encoding = "json") -> Opening[AsyncSession]:
        """Join a session that is there already, by its id. Leaving the ``async with`` block leaves it running."""

        async def begin() -> AsyncSession:
            info = await self.send(requests.session(session))
            return AsyncSession(self, info, pictures=pictures, encoding=encoding, ours=False)

        return Opening(begin)

    async def send(self, call: Call[T]) -> T:
        """Make one HTTP call."""
        try:
            answer = await self._http.request(call.method, call.path, json=call.body)
        except (httpx.HTTPError, RuntimeError) as error:
            raise errors.of_failure(self.address.base, self.timeout, error) from error
        return call.read(answer)

    async def _send_built(self, build: Callable[[], Call[T]]) -> T:
        """Make a call with a picture: reading and packing it takes time that the loop does not have."""
        return await self.send(await asyncio.to_thread(build))


class AsyncSession(SessionBase):
    """
    A live session: :class:`streamer.client.Session` for asyncio, call for call.

    A task reads its connection from the first :meth:`results` or change until :meth:`close`, whether or not the caller
    does, and keeps the newest result. Close it, or use it as an ``async with`` block.
    """

    def __init__(
        self, client: AsyncClient, info: SessionInfo, *, pictures: bool, encoding: Encoding = "json", ours: bool
    ) -> None:
        super().__init__(info, pictures=pictures, encoding=encoding, ours=ours)
        self._client = client
        self._news = asyncio.Condition()
        self._opening = asyncio.Lock()
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None  # outlives the call that began it: in no task group

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._ours:
                await self.stop()
        except ClientError:
            if error is None:  # else the block's own error tells more
                raise
        finally:
            await self.close()

    def results(self, *, seconds: float | None = None) -> AsyncIterator[Result]:
        """
        Each frame's result as it comes; ends when the session has ended, or after so many ``seconds``.

        Raises ClientError. Waiting may be given up, as by ``asyncio.wait_for(anext(results), 5)``, and taken up again.
        """
        return _Results(self, seconds)

    async def prompt(self, *prompts: Prompts, frame: Frame | int | None = None) -> str | None:
        """Replace the prompts, as :meth:`streamer.client.Session.prompt`; returns the model's hint about them."""
        self.hint = (await self._ask(requests.prompts_message(requests.flat(prompts), frame))).get("hint")
        return self.hint

    async def click(
        self, frame: Frame | int, x: float, y: float, *, positive: bool = True, object_id: int | None = None
    ) -> int:
        """Take the thing at a pixel of a frame as an object, or correct the one named; returns its id."""
        return await self.clicks(frame, [(x, y, positive)], object_id=object_id)

    async def clicks(self, frame: Frame | int, points: Clicks, *, object_id: int | None = None) -> int:
        """The same with several points, each (x, y) or (x, y, positive)."""
        return int((await self._ask(requests.click_message(frame, points, object_id)))["object_id"])

    async def box(self, frame: Frame | int, x0: float, y0: float, x1: float, y1: float) -> int:
        """Take the thing in a box, by its edges in pixels of a frame, as an object; returns its id."""
        return int((await self._ask(requests.box_message(frame, (x0, y0, x1, y1))))["object_id"])

    async def remove(self, object_id: int) -> None:
        """Stop following an object."""
        await self._ask(requests.remove_message(object_id))

    async def options(
        self,
        *,
        form: MaskForm | None = None,
        max_fps: float | None = None,
        only: Only | None = None,
        ahead: bool | None = None,
        holes: bool | None = None,
        picture_width: int | None = None,
    ) -> None:
        """Change what this reader is sent, as :meth:`streamer.client.Session.options`."""
        self._talk.options = await self._ask(requests.options_message(form, max_fps, only, ahead, holes, picture_width))

    async def picture(self, index: int | None = None) -> Picture:
        """The picture of a frame that was looked at, by its index; None means the newest."""
        return await self._client.send(requests.picture(self.id, index))

    async def info(self) -> SessionInfo:
        """The session as the server lists it now."""
        return await self._client.send(requests.session(self.id))

    async def stop(self) -> None:
        """End the session on the server, for all its readers. Does nothing when it is not there any more."""
        try:
            await self._client.send(requests.stop(self.id))
        except ClientError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    async def close(self) -> None:
        """Stop reading along; the session goes on. Does nothing the second time."""
        async with self._opening:
            if self._socket is not None and self._reader is not None:
                await self._socket.close()  # the reader goes on until the server has said goodbye too
                await self._reader
            await self._end(closed=True)

    async def _open(self) -> None:
        async with self._opening:
            if self._talk.broken and self._socket is not None:  # whoever waited on it was told; try anew
                await self._socket.close()
                self._socket = None
            if self._socket is None and (self._talk.broken or not self._talk.over):
                self._socket = await self._connect()
                self._talk.renew()
                self._reader = asyncio.create_task(self._read(self._socket), name=f"results of {self.id}")

    async def _connect(self) -> ClientConnection:
        url = self._results_at(self._client.address)
        try:
            return await connect(url, **socket_options(self._client.headers, self._client.timeout))
        except (OSError, WebSocketException) as error:
            raise errors.of_failure(url, self._client.timeout, error) from error

    async def _read(self, socket: ClientConnection) -> None:
        """Take messages in as they come, until the connection is closed."""
        error: ClientError | None = None
        try:
            while True:
                message = await socket.recv()
                async with self._news:
                    self._talk.receive(message)
                    self._news.notify_all()
        except ConnectionClosed as closed:
            error = errors.of_close(closed)
        except ClientError as unreadable:
            error = unreadable
            await socket.close()
        finally:
            await self._end(error)

    async def _end(self, error: ClientError | None = None, *, closed: bool = False) -> None:
        async with self._news:
            self._talk.end(error, closed=closed)
            self._news.notify_all()

    async def _next(self, seen: int, end: float) -> tuple[int, Result] | None:
        """The newest result after number ``seen``; None when there will be none before ``end`` (the loop's time)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end), self._news:
                await self._news.wait_for(lambda: self._talk.ready(seen))
                return self._talk.take(seen) if asyncio.get_running_loop().time() < end else None
        return None

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and wait for its answer. Raises ClientError for a refusal, or when none comes."""
        await self._open()
        number, text = self._talk.ask(message)
        try:
            async with asyncio.timeout(self._client.timeout):
                if self._socket is not None:
                    with contextlib.suppress(ConnectionClosed):  # the reader hears of it too, and why
                        await self._socket.send(text)
                async with self._news:
                    await self._news.wait_for(lambda: self._talk.answered(number))
            return self._talk.answer(number)
        except TimeoutError as error:
            raise errors.too_late(self._client.address.base, self._client.timeout) from error
        finally:
            self._talk.forget(number)


class _Results(AsyncIterator[Result]):
    """A reader of a session's results. No generator: one that is cancelled while it waits is over for good."""

    def __init__(self, session: AsyncSession, seconds: float | None) -> None:
        self._session = session
        self._end = math.inf if seconds is None else seconds  # from the first wait; then in the loop's time
        self._seen: int | None = None
        self._way = Return()

    async def __anext__(self) -> Result:
        if self._seen is None:
            self._end += asyncio.get_running_loop().time()
            await self._session._open()
            self._seen = self._session._talk.taken
        read = partial(self._session._next, self._seen, self._end)
        if (news := await self._way.anext(self._session._open, read, self._end)) is None:
            raise StopAsyncIteration
        self._seen, result = news
        return result
