"""The client for ordinary code: each call returns when its answer is there."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from streamer.client import errors, requests
from streamer.client.conversation import Return, SessionBase, socket_options
from streamer.client.errors import ClientError
from streamer.client.messages import Found, Frame, Result, SessionInfo
from streamer.client.pictures import Picture, Source
from streamer.client.requests import Address, Call, Clicks, Edges, Encoding, MaskForm, Only, Prompts, VisualPrompt

T = TypeVar("T")


class Client:
    """
    A server, by its address.

    Close it, or use it as a ``with`` block. ``api_key`` is for servers that have keys. ``timeout``, in seconds, is how
    long the server may stay silent: a full-size model on a CPU needs minutes. Every call raises ClientError when it is
    refused or no answer comes, Busy where trying again later may help, ValueError or TypeError for wrong arguments.
    Threads may share a client.
    """

    def __init__(
        self,
        address: str = "http://localhost:8000",
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.address = Address.read(address)
        self.timeout = timeout
        self.headers = requests.headers(api_key)
        self._http = httpx.Client(
            base_url=self.address.base, headers=self.headers, timeout=timeout, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections. Sessions that were started go on on the server."""
        self._http.close()

    def concept_segment(
        self,
        image: Source | None,
        prompts: Prompts,
        *,
        threshold: float | None = None,
        nms_iou: float | None = None,
        image_id: str | None = None,
    ) -> Found:
        """
        Find every object of each concept in a picture.

        ``image`` is a path, encoded bytes, a NumPy array of uint8 (height, width, 3) in RGB, a Pillow image or an https
        URL; with the ``image_id`` of a picture that the server keeps it may be None. ``threshold`` is the lowest
        confidence, 0 to 1 (the server's 0.5 when None). With ``nms_iou`` the weaker of two objects goes when the IoU of
        their masks is above it, whatever their prompts.
        """
        call = requests.concept_segment(image, prompts, threshold=threshold, nms_iou=nms_iou, image_id=image_id)
        return self.send(call)

    def visual_segment(
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
        """
        Segment what points and a box point at: one prediction for each prompt, the best.

        ``points`` are (x, y) or (x, y, positive), ``box`` is (x0, y0, x1, y1), its edges and never its centre, all in
        pixels; ``prompts`` in their place asks for several objects. ``image`` and ``image_id`` are as in
        :meth:`concept_segment`. ``multimask``: the model makes three masks and the best is answered; ``candidates``
        returns the others too. ``save_logits`` keeps the answer on the server, ``load_logits`` goes on from the one
        kept for the longest beginning of the same points.
        """
        call = requests.visual_segment(
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
        return self.send(call)

    def embed_image(self, image: Source, image_id: str | None = None) -> str:
        """Have the server keep a picture's embedding; the id that later calls may give in place of the picture."""
        return self.send(requests.embed_image(image, image_id))

    def sessions(self) -> list[SessionInfo]:
        """The server's live sessions, the ended ones that it still lists among them."""
        return self.send(requests.sessions())

    def start(
        self,
        source: str,
        prompts: Prompts = (),
        *,
        keep: bool = False,
        pictures: bool = False,
        encoding: Encoding = "json",
    ) -> Session:
        """
        Start a session on ``rtsp://…``, ``http(s)://…``, a file's path on the server, or ``demo:``.

        Leaving its ``with`` block ends it; with ``keep`` it stays, and outlives the server. With ``pictures`` each
        result brings the picture of its frame. ``encoding``: msgpack is shorter on its way, and is read as the same.
        """
        info = self.send(requests.start(source, prompts, keep=keep))
        return Session(self, info, pictures=pictures, encoding=encoding, ours=not keep)

    def attach(self, session: str, *, pictures: bool = False, encoding: Encoding = "json") -> Session:
        """Join a session that is there already, by its id. Leaving the ``with`` block leaves it running."""
        return Session(self, self.send(requests.session(session)), pictures=pictures, encoding=encoding, ours=False)

    def send(self, call: Call[T]) -> T:
        """Make one HTTP call."""
        try:
            answer = self._http.request(call.method, call.path, json=call.body)
        except (httpx.HTTPError, RuntimeError) as error:
            raise errors.of_failure(self.address.base, self.timeout, error) from error
        return call.read(answer)


class Session(SessionBase):
    """
    A live session, as :meth:`Client.start` and :meth:`Client.attach` give it.

    Its connection is opened by the first :meth:`results` or change. From then on a thread reads it, whether or not
    the caller does: pings are answered, changes are acknowledged, and of results the newest is kept, so a caller that
    takes its time gets fewer results and never older ones; :attr:`missed` counts the others. Threads may share it.
    """

    def __init__(
        self, client: Client, info: SessionInfo, *, pictures: bool, encoding: Encoding = "json", ours: bool
    ) -> None:
        super().__init__(info, pictures=pictures, encoding=encoding, ours=ours)
        self._client = client
        self._news = threading.Condition()  # guards _talk
        self._opening = threading.Lock()
        self._sockets = contextlib.ExitStack()
        self._socket: ClientConnection | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._ours:
                self.stop()
        except ClientError:
            if error is None:  # else the block's own error tells more
                raise
        finally:
            self.close()

    def results(self, *, seconds: float | None = None) -> Iterator[Result]:
        """
        Each frame's result as it comes; ends when the session has ended, or after so many ``seconds``.

        Without ``seconds`` it waits as long as the camera does. A session that moves within a cluster is found again.
        Raises ClientError when the connection is lost or refused; calling it again connects again.
        """
        end, way = math.inf if seconds is None else time.monotonic() + seconds, Return()
        self._open()
        seen = self._talk.taken
        while (news := way.next(self._open, partial(self._next, seen, end), end)) is not None:
            seen, result = news
            yield result

    def prompt(self, *prompts: Prompts, frame: Frame | int | None = None) -> str | None:
        """
        Replace the prompts; objects of prompts that stay keep their ids. None at all is allowed.

        ``frame``: the one that new example boxes were drawn on. Returns the model's hint on unknown words, or None.
        """
        self.hint = self._ask(requests.prompts_message(requests.flat(prompts), frame)).get("hint")
        return self.hint

    def click(
        self, frame: Frame | int, x: float, y: float, *, positive: bool = True, object_id: int | None = None
    ) -> int:
        """
        Take the thing at a pixel of a frame as an object, or correct the one that ``object_id`` names; its id.

        Raises ClientError with code ``frame_gone`` when the frame is not kept any more.
        """
        return self.clicks(frame, [(x, y, positive)], object_id=object_id)

    def clicks(self, frame: Frame | int, points: Clicks, *, object_id: int | None = None) -> int:
        """The same with several points, each (x, y) or (x, y, positive)."""
        return int(self._ask(requests.click_message(frame, points, object_id))["object_id"])

    def box(self, frame: Frame | int, x0: float, y0: float, x1: float, y1: float) -> int:
        """Take the thing in a box, by its edges in pixels of a frame, as an object; returns its id."""
        return int(self._ask(requests.box_message(frame, (x0, y0, x1, y1)))["object_id"])

    def remove(self, object_id: int) -> None:
        """Stop following an object."""
        self._ask(requests.remove_message(object_id))

    def options(
        self,
        *,
        form: MaskForm | None = None,
        max_fps: float | None = None,
        only: Only | None = None,
        ahead: bool | None = None,
        holes: bool | None = None,
        picture_width: int | None = None,
    ) -> None:
        """
        Change what this reader is sent; None leaves a setting as it is.

        ``form``: masks as run lengths, polygons, or none, which leaves the boxes. ``max_fps``: results a second, 0 for
        no limit. ``only``: the prompts to be told of, each by its text or its id, ``""`` for the objects made by clicks
        and boxes; names that are not asked yet may be among them; ``"all"`` ends the choice. ``ahead``: masks and boxes
        moved on by one frame, where the server can, to hide the delay until they are drawn.
        ``holes``: polygons leave out the holes of masks. ``picture_width``: pixels across that the results' pictures
        may have, 0 for all; masks, boxes and clicks stay in pixels of the frame.
        """
        self._talk.options = self._ask(requests.options_message(form, max_fps, only, ahead, holes, picture_width))

    def picture(self, index: int | None = None) -> Picture:
        """The picture of a frame that was looked at, by its index; None means the newest."""
        return self._client.send(requests.picture(self.id, index))

    def info(self) -> SessionInfo:
        """The session as the server lists it now."""
        return self._client.send(requests.session(self.id))

    def stop(self) -> None:
        """End the session on the server, for all its readers. Does nothing when it is not there any more."""
        try:
            self._client.send(requests.stop(self.id))
        except ClientError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    def close(self) -> None:
        """Stop reading along; the session goes on. Does nothing the second time."""
        with self._opening:
            self._sockets.close()  # the reader goes on until the server has said goodbye too
            if self._reader is not None:
                self._reader.join()
            self._end(closed=True)

    def _open(self, end: float = math.inf) -> None:
        with self._opening:
            if self._talk.broken:  # whoever waited on it was told; a new attempt may do better
                self._sockets.close()
                self._socket = None
            if self._socket is None and (self._talk.broken or not self._talk.over):
                self._socket = self._sockets.enter_context(self._connect(end - time.monotonic()))
                with self._news:
                    self._talk.renew()
                self._reader = threading.Thread(
                    target=self._read, args=[self._socket], name=f"results of {self.id}", daemon=True
                )
                self._reader.start()

    def _connect(self, left: float) -> ClientConnection:
        url = self._results_at(self._client.address)
        try:
            socket: ClientConnection = connect(url, **socket_options(self._client.headers, self._client.timeout, left))
            return socket
        except (OSError, WebSocketException) as error:
            raise errors.of_failure(url, self._client.timeout, error) from error

    def _read(self, socket: ClientConnection) -> None:
        """Take messages in as they come, until the connection is closed. Runs on a thread of its own."""
        error: ClientError | None = None
        try:
            while True:
                message = socket.recv()
                with self._news:
                    self._talk.receive(message)
                    self._news.notify_all()
        except ConnectionClosed as closed:
            error = errors.of_close(closed)
        except ClientError as unreadable:
            error = unreadable
            socket.close()
        finally:
            self._end(error)

    def _end(self, error: ClientError | None = None, *, closed: bool = False) -> None:
        with self._news:
            self._talk.end(error, closed=closed)
            self._news.notify_all()

    def _next(self, seen: int, end: float) -> tuple[int, Result] | None:
        """The newest result after number ``seen``; None when there will be none before ``end`` (monotonic time)."""
        left = end - time.monotonic()
        with self._news:
            if left <= 0 or not self._news.wait_for(lambda: self._talk.ready(seen), min(left, threading.TIMEOUT_MAX)):
                return None
            return self._talk.take(seen)

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and wait for its answer. Raises ClientError for a refusal, or when none comes."""
        self._open()
        with self._news:
            number, text = self._talk.ask(message)
        try:
            if self._socket is not None:
                with contextlib.suppress(ConnectionClosed):  # the reader hears of it too, and why
                    self._socket.send(text)
            with self._news:
                if not self._news.wait_for(lambda: self._talk.answered(number), self._client.timeout):
                    raise errors.too_late(self._client.address.base, self._client.timeout)
                return self._talk.answer(number)
        finally:
            with self._news:
                self._talk.forget(number)
