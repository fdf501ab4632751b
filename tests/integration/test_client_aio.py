"""The asyncio client against a real server over real sockets: the same calls, awaited and side by side."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.recording import record
from streamer.client import AsyncClient, AsyncSession, Busy, ClientError, Prompt, Result, VisualPrompt
from tests.support.models import untrained
from tests.support.pictures import patches
from tests.support.serving import SECONDS, Served, serving

DEMO = "demo:?seed=5&size=160x120&fps=15&objects=2"
ALL = Prompt("circle", threshold=0)  # of an untrained model: everything it sees
PICTURE = patches(120, 90)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained(), max_sessions=4) as served:
        yield served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(f"http://{served.address}", timeout=SECONDS) as client:
        yield client


@pytest.fixture
async def session(client: AsyncClient) -> AsyncIterator[AsyncSession]:
    async with client.start(DEMO, ALL) as session:
        yield session


async def newest(session: AsyncSession) -> Result:
    return await anext(aiter(session.results()))


# One picture


async def test_concepts_are_found_prompt_by_prompt(client: AsyncClient) -> None:
    found = await client.concept_segment(PICTURE, ["circle", ALL])
    assert [prompt.text for prompt in found] == ["circle", "circle"]
    assert found[1].predictions
    assert found[1].predictions[0].mask.dense().shape == (90, 120)


async def test_a_picture_is_embedded_and_segmented_by_its_id(client: AsyncClient) -> None:
    image = await client.embed_image(np.array(PICTURE))
    (prediction,) = (await client.visual_segment(None, points=[(30, 40)], image_id=image)).predictions
    assert prediction.mask.dense().shape == (90, 120)
    several = [VisualPrompt([(30, 40)]), VisualPrompt(box=(20, 30, 60, 70))]
    found = await client.visual_segment(PICTURE, prompts=several, candidates=True)
    assert [len(prompt.candidates) for prompt in found] == [3, 3]


async def test_calls_go_side_by_side(client: AsyncClient) -> None:
    found = await asyncio.gather(*(client.concept_segment(PICTURE, ALL) for _ in range(3)))
    assert found[0].prompts == found[1].prompts == found[2].prompts


# Refusals


async def test_a_wrong_field_is_named(client: AsyncClient) -> None:
    with pytest.raises(ClientError, match=r"^output_prob_thresh: .*less than or equal to 1") as refused:
        await client.concept_segment(PICTURE, "star", threshold=7)
    assert refused.value.status == 422
    with pytest.raises(FileNotFoundError):
        await client.concept_segment("/no/such/picture.jpg", "star")


async def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port, and nobody answers
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with AsyncClient(address) as client:
            with pytest.raises(ClientError, match=f"No server could be reached at {address}"):
                await client.sessions()


async def test_where_there_are_keys_a_wrong_one_is_refused_on_both_roads() -> None:
    with serving(untrained(), api_keys=("right",)) as served:
        address = f"http://{served.address}"
        async with (
            AsyncClient(address, api_key="right") as client,
            AsyncClient(address, api_key="wrong") as stranger,
            client.start(DEMO) as session,
        ):
            await newest(session)
            uninvited = AsyncSession(stranger, await session.info(), pictures=False, ours=False)
            for road in (stranger.sessions, uninvited.picture, lambda: newest(uninvited)):
                with pytest.raises(ClientError, match="not one of this server's") as refused:
                    await road()
                assert refused.value.status == 401
            await uninvited.close()


# Live sessions


async def test_a_session_is_started_listed_and_ended_with_its_block(client: AsyncClient) -> None:
    async with client.start(DEMO, ["star", "zebra"]) as session:
        (listed,) = await client.sessions()
        assert (listed.id, listed.prompts) == (session.id, ("star", "zebra"))
        assert "zebra" in (session.hint or "")
        assert session.state == "connecting"
        indexes = []
        async for result in session.results():
            indexes.append(result.frame.index)
            if len(indexes) == 3:
                break
        assert indexes == sorted(set(indexes))
        assert session.state == "live"
    assert (session.state, session.reason) == ("ended", "It was stopped.")
    assert await client.sessions() == []


async def test_a_session_may_be_awaited_and_ended_by_hand(client: AsyncClient) -> None:
    session = await client.start(DEMO)
    await newest(session)
    await session.stop()
    await session.stop()
    async for _ in session.results():  # what had come before it was stopped
        pass
    assert [result async for result in session.results()] == []
    await session.close()
    await session.close()
    with pytest.raises(ClientError, match=r"has ended: It was stopped\."):
        await session.prompt("star")


async def test_prompts_are_replaced_and_the_model_says_what_it_was_never_taught(session: AsyncSession) -> None:
    assert "zebra" in (await session.prompt("star", "zebra") or "")
    assert await session.prompt("star") is None
    assert (await session.info()).prompts == ("star",)


async def test_a_click_and_a_box_make_objects_that_can_be_corrected_and_removed(session: AsyncSession) -> None:
    await session.prompt()
    first = await session.click((await newest(session)).frame, x=80, y=60)
    other = await session.box((await newest(session)).frame, 10, 10, 50, 50)
    assert other != first
    assert await session.clicks((await newest(session)).frame, [(82, 62), (5, 5, False)], object_id=first) == first
    await session.remove(other)
    with pytest.raises(ClientError, match=str(other)):
        await session.remove(other)


async def test_a_click_on_a_frame_that_is_gone_is_refused_with_what_there_is(session: AsyncSession) -> None:
    await newest(session)
    with pytest.raises(ClientError, match="not known") as refused:
        await session.click(10**9, x=1, y=1)
    assert refused.value.code == "frame_gone"
    assert refused.value.available is not None


async def test_a_caller_that_takes_its_time_gets_the_newest_result(session: AsyncSession) -> None:
    first = (await newest(session)).frame.index
    while session.missed < 3:
        await session.options()  # each is answered, though nobody takes results meanwhile
    before = session.missed
    assert (await newest(session)).frame.index > first + before


async def test_one_task_may_iterate_while_others_ask(session: AsyncSession) -> None:
    async def iterate() -> list[int]:
        return [result.frame.index async for result in session.results()]

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(iterate())
        await asyncio.gather(*(session.prompt("star") for _ in range(5)))
        await newest(session)
        await session.stop()
    assert reading.result() == sorted(reading.result())


async def test_a_caller_that_gives_up_waiting_leaves_the_session_whole(session: AsyncSession) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await newest(session)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await session.prompt("circle")
    await session.prompt("star")
    await newest(session)


async def test_waiting_for_a_result_may_be_given_up_and_taken_up_again(session: AsyncSession) -> None:
    results = aiter(session.results())
    first = await anext(results)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(results), 0.001)
    assert (await anext(results)).frame.index > first.frame.index


async def test_a_session_whose_start_was_cancelled_is_not_left_running(client: AsyncClient) -> None:
    async def start() -> None:
        async with client.start(DEMO):
            await asyncio.sleep(SECONDS)

    for delay in (0, 0.001, 0.003, 0.006):
        task = asyncio.create_task(start())
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await client.sessions() == []


async def test_a_session_that_was_refused_may_be_tried_again(served: Served, client: AsyncClient) -> None:
    limit = served.app.state.config.max_subscribers
    async with client.start(DEMO) as session:
        readers = [await client.attach(session.id) for _ in range(limit)]
        for reader in readers:
            await newest(reader)
        for _ in range(2):
            with pytest.raises(Busy, match="readers"):
                await newest(session)
        for reader in readers:
            await reader.close()
        async with asyncio.timeout(SECONDS):
            while True:  # the server hears of it a moment later
                with contextlib.suppress(Busy):
                    await newest(session)
                    break


async def test_results_bring_their_pictures_and_polygons_when_asked(client: AsyncClient) -> None:
    async with client.start(DEMO, ALL, pictures=True) as session:
        await session.options(form="polygon", picture_width=0)
        async for result in session.results():
            assert await session.picture(result.frame.index) == result.picture
            if any(not isinstance(thing.mask.data, bytes) for thing in result.objects):
                break


async def test_iteration_ends_with_the_recording(client: AsyncClient, tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", 12, size=(64, 64))
    async with client.start(str(film)) as session:
        assert [result.frame.index async for result in session.results()][-1] == 11
        assert session.reason == "The recording has ended."


async def test_iteration_ends_after_so_many_seconds_whether_or_not_results_come(client: AsyncClient) -> None:
    async with client.start(DEMO) as session, client.start("udp://127.0.0.1:0") as silent:
        await newest(session)
        assert [result async for result in session.results(seconds=0)] == []
        assert 0 < len([result async for result in session.results(seconds=1)]) <= 15
        assert [result async for result in silent.results(seconds=0.2)] == []


async def test_a_session_that_was_joined_is_left_running(client: AsyncClient, session: AsyncSession) -> None:
    async with client.attach(session.id) as joined:
        assert (await newest(joined)).session == session.id
    assert [each.id for each in await client.sessions()] == [session.id]
    assert [result async for result in joined.results()] == []
    with pytest.raises(ClientError, match="nobody") as unknown:
        await client.attach("nobody")
    assert unknown.value.status == 404


async def test_an_error_in_the_block_is_the_one_that_comes_out(client: AsyncClient) -> None:
    async def broken() -> None:
        async with client.start(DEMO) as session:
            await newest(session)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    assert await client.sessions() == []


async def test_a_server_that_goes_away_is_an_error_in_the_middle_of_the_results() -> None:
    async def refused(session: AsyncSession) -> None:
        async with session:
            pass

    with serving(untrained()) as served:
        client = AsyncClient(f"http://{served.address}")
        session = await client.start(DEMO)
        info = await session.info()
        await newest(session)
    with pytest.raises(ClientError, match=r"stopped or restarted|could be reached"):
        [result async for result in session.results()]
    late = AsyncSession(client, info, pictures=False, ours=True)
    with pytest.raises(ClientError, match="No server could be reached at ws://"):
        await newest(late)
    with pytest.raises(ClientError, match="No server could be reached at http://"):
        await refused(late)
    await session.close()
    await client.close()
