"""Where pictures come from."""

from __future__ import annotations

from streamer.access import ANY, Access
from streamer.sources.base import FINISHED, Out, Source, State, Tell
from streamer.sources.demo import DemoSource
from streamer.sources.thread import need_place
from streamer.sources.url import UrlSource

__all__ = ["FINISHED", "Out", "Source", "State", "Tell", "open_source"]


def open_source(
    address: str,
    *,
    open_timeout: float = 10.0,
    read_timeout: float = 10.0,
    hwaccel: str | None = None,
    access: Access = ANY,
) -> Source:
    """
    Make the source that an address names; it is opened by running it, not here.

    ``demo:?seed=3&size=640x480&fps=30``, ``rtsp://…``, ``rtsps``, ``rtmp``, ``rtmps``, ``srt``, ``udp``, ``http(s)``
    (a recording, HLS, MJPEG), ``file://…`` or a path, with ``?pace=realtime`` or not, ``/dev/video0``. ``hwaccel``:
    hardware to decode with; ``access``: what may be opened. Raises BadSource when the address can be seen to be wrong,
    NotAllowed among them, TooMany when there is no thread for one more source.
    """
    address = address.strip()
    if address[:5].lower() == "demo:":
        source: Source = DemoSource(address)
    else:
        source = UrlSource(
            address, open_timeout=open_timeout, read_timeout=read_timeout, hwaccel=hwaccel, access=access
        )
    need_place()
    return source
