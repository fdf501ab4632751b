"""Who may use the model next."""

from __future__ import annotations

import asyncio

import pytest

from streamer.turns import Turns


async def test_turns_are_first_come_first_served_and_only_the_next_makes_ready() -> None:
    turns, seen, begun = Turns(), list[str](), asyncio.Event()

    async def use(name: str) -> None:
        async def meanwhile() -> None:
            seen.append(f"{name} is next")
            begun.set()
            await asyncio.Event().wait()

        async with turns.take(meanwhile):
            seen.append(name)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks, turns.turn:
        for name in "abc":
            tasks.create_task(use(name))
        await begun.wait()
        assert seen == ["a is next"]
    assert [each for each in seen if len(each) == 1] == ["a", "b", "c"]
    assert not turns.turn.locked()


async def test_who_gives_up_in_line_or_fails_in_its_turn_keeps_nobody_waiting() -> None:
    turns = Turns()

    async def forever() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        async with turns.turn:
            waiting = asyncio.create_task(turns.take(forever).__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        with pytest.raises(ZeroDivisionError):
            async with turns.take():
                1 / 0  # noqa: B018
        async with turns.take(forever):
            assert turns.turn.locked()
