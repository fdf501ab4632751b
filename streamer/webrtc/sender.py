"""
What aiortc keeps to itself about a sent video track: the only file that reaches into a sender's private parts.

A track that gives encoded packets is sent as it is (aiortc's own way for recordings), so its bitrate bounds are none of
ours. But a picture loss indication is then forgotten: here it is passed on.
tests/unit/streamer/webrtc/test_sender.py holds that against real packets, and fails when aiortc changes its insides.
"""

from __future__ import annotations

from collections.abc import Callable

from aiortc import RTCRtpSender


def hear_keyframe_requests(sender: RTCRtpSender, asked: Callable[[], None]) -> None:
    """Call ``asked`` for each picture loss indication and full intra request (RFC 4585, RFC 5104)."""
    _ = sender._send_keyframe  # an AttributeError when aiortc has it no more
    sender._send_keyframe = asked  # type: ignore[method-assign]
