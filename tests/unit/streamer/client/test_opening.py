"""What is on its way is awaited, or entered, and left by who entered it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress

import pytest

from streamer.client.opening import Opening


def opening(left: list[str]) -> Opening[AbstractAsyncContextManager[str]]:
    class Entered(AbstractAsyncContextManager[str]):
        async def __aexit__(self, *_: object) -> None:
            left.append("left")

    async def begin() -> AbstractAsyncContextManager[str]:
        return Entered()

    return Opening(begin)


async def test_awaited_it_is_given_away() -> None:
    left: list[str] = []
    await opening(left)
    assert left == []


async def test_entered_it_is_left_with_the_block_whatever_happens_there() -> None:
    left: list[str] = []
    with suppress(ZeroDivisionError):
        async with opening(left):
            assert left == []
            raise ZeroDivisionError
    assert left == ["left"]


async def test_where_it_could_not_begin_there_is_nothing_to_leave() -> None:
    async def begin() -> AbstractAsyncContextManager[str]:
        raise OSError

    with pytest.raises(OSError):
        async with Opening(begin):
            raise AssertionError
