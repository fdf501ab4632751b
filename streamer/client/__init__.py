"""
A client for the service, in Python: ``Client``, and ``AsyncClient`` with the same calls for asyncio.

    from streamer.client import Client

    with Client("http://localhost:8000") as client:
        found = client.concept_segment("street.jpg", ["red circle", "star"])
        with client.start("demo:", prompts=["circle"]) as session:
            for result in session.results():
                ...

It needs neither torch nor a model, and imports neither.
"""

from streamer.client.aio import AsyncClient, AsyncSession
from streamer.client.errors import Busy, ClientError
from streamer.client.masks import Box, Mask, Polygon
from streamer.client.messages import Found, Frame, LookedAt, Prediction, PromptResult, Result, SessionInfo, Tracked
from streamer.client.pictures import Picture
from streamer.client.requests import Point, Prompt, VisualPrompt
from streamer.client.sync import Client, Session

__all__ = [
    "AsyncClient",
    "AsyncSession",
    "Box",
    "Busy",
    "Client",
    "ClientError",
    "Found",
    "Frame",
    "LookedAt",
    "Mask",
    "Picture",
    "Point",
    "Polygon",
    "Prediction",
    "Prompt",
    "PromptResult",
    "Result",
    "Session",
    "SessionInfo",
    "Tracked",
    "VisualPrompt",
]
