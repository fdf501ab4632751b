"""A session's messages to one peer, and what it asks, whatever carries them: one loop sends, one listens."""

from __future__ import annotations

from typing import Protocol

from streamer.auth import Scope
from streamer.live import orders
from streamer.live.session import Session
from streamer.live.subscription import Subscription


class Sender(Protocol):
    """The way to a peer."""

    async def send(self, message: str | bytes) -> bool:
        """Send a message, as fast as the peer reads it; False when it is gone."""
        ...


class Channel(Sender, Protocol):
    """The way to a peer and back."""

    async def receive(self) -> str | bytes | None:
        """Wait for the peer's next message; None when it is gone."""
        ...


async def converse(session: Session, subscription: Subscription, channel: Channel, scope: Scope) -> None:
    """Send and listen until one side has had enough; ``scope`` is what the peer may do."""
    await subscription.converse(send(subscription, channel), listen(session, subscription, channel, scope))


async def send(subscription: Subscription, channel: Sender) -> None:
    """Send what a reader is to be sent, until there is nothing more or the peer is gone."""
    async for message in subscription:
        if not await channel.send(message):
            return


async def listen(session: Session, subscription: Subscription, channel: Channel, scope: Scope) -> None:
    """Answer one message after the other; while an answer waits for its place in line, nothing more is read."""
    while subscription.given_up is None and (message := await channel.receive()) is not None:
        await subscription.answer(await orders.handle(session, subscription, message, scope))
