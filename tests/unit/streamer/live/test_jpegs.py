"""The JPEGs behind the results."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from streamer.live.jpegs import PENDING, Pictures, jpeg
from tests.support.results import HEIGHT, WIDTH, frame


@pytest.fixture
def encoder() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def decoded(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def test_a_jpeg_shows_the_picture_in_its_colours() -> None:
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 0] = 255
    assert np.abs(decoded(jpeg(red)).astype(int) - red).max() < 8


async def test_a_kept_frame_is_found_by_its_index(encoder: ThreadPoolExecutor) -> None:
    pictures = Pictures(encoder, 2**20)
    for index in (3, 4, 9):
        pictures.add(frame(index, value=index * 20), keep=True)
    for index in (3, 4, 9):
        data = await pictures.get(index)
        assert data is not None
        assert abs(decoded(data).mean() - index * 20) < 4
    assert await pictures.get(5) is None
    assert pictures.kept() == (3, 9)


async def test_the_newest_frame_is_there_though_nobody_wanted_pictures(encoder: ThreadPoolExecutor) -> None:
    pictures = Pictures(encoder, 2**20)
    assert await pictures.latest() is None
    assert pictures.kept() is None
    for index in range(5):
        pictures.add(frame(index), keep=False)
    latest = await pictures.latest()
    assert latest is not None
    assert latest[0] == 4
    assert await pictures.get(3) is None


async def test_two_who_ask_for_the_same_frame_share_one_encoding(encoder: ThreadPoolExecutor) -> None:
    pictures = Pictures(encoder, 2**20)
    pictures.add(frame(1), keep=False)
    one, other = await asyncio.gather(pictures.get(1), pictures.get(1))
    assert one is other
    assert pictures.nbytes == len(one or b"")


async def test_the_oldest_go_when_there_are_too_many_bytes(encoder: ThreadPoolExecutor) -> None:
    size = len(jpeg(frame(0).rgb()))
    pictures = Pictures(encoder, 5 * size + size // 2)
    for index in range(200):
        pictures.add(frame(index), keep=True)
        await pictures.get(index)
        assert pictures.nbytes <= 5 * size + size // 2
    assert pictures.kept() == (195, 199)
    assert await pictures.get(194) is None


async def test_frames_that_come_while_the_encoder_is_behind_are_not_kept(encoder: ThreadPoolExecutor) -> None:
    pictures = Pictures(encoder, 2**20)
    go_on = threading.Event()
    encoder.submit(go_on.wait, 30)
    for index in range(100):
        pictures.add(frame(index), keep=True)
    assert pictures.skipped == 100 - PENDING
    go_on.set()
    for index in range(PENDING):
        assert await pictures.get(index) is not None
    assert await pictures.get(PENDING) is None


@pytest.mark.parametrize(("pictures_of_size", "kept"), [(100, PENDING), (2.5, 2), (0.5, 1)])
async def test_of_large_frames_fewer_wait_for_the_encoder(
    encoder: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, pictures_of_size: float, kept: int
) -> None:
    monkeypatch.setattr("streamer.live.jpegs.PENDING_PIXELS", pictures_of_size * WIDTH * HEIGHT)
    pictures = Pictures(encoder, 2**20)
    for _ in range(2):
        go_on = threading.Event()
        encoder.submit(go_on.wait, 30)
        skipped = pictures.skipped
        for index in range(100):
            pictures.add(frame(index), keep=True)
        assert pictures.skipped - skipped == 100 - kept
        go_on.set()
        for index in range(kept):
            assert await pictures.get(index) is not None
        await asyncio.sleep(0)  # the next time as many find a place


async def test_a_reader_that_goes_away_does_not_spoil_it_for_another(encoder: ThreadPoolExecutor) -> None:
    pictures = Pictures(encoder, 2**20)
    go_on = threading.Event()
    encoder.submit(go_on.wait, 30)
    pictures.add(frame(1), keep=True)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(pictures.get(1))
        staying = tasks.create_task(pictures.get(1))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        go_on.set()
    assert staying.result() is not None


@pytest.mark.parametrize("keep", [True, False])
async def test_in_the_end_only_the_newest_is_left_and_only_as_jpeg(encoder: ThreadPoolExecutor, keep: bool) -> None:
    pictures = Pictures(encoder, 2**20)
    for index in range(3):
        pictures.add(frame(index), keep=keep)
        await pictures.get(index)
    last = frame(3)
    pictures.add(last, keep=keep)
    picture = weakref.ref(last.rgb())
    del last
    pictures.settle()
    found = await pictures.latest()
    assert found is not None
    assert found[0] == 3
    assert await pictures.get(0) is None
    assert pictures.nbytes == len(found[1])
    encoder.shutdown(wait=True)
    gc.collect()
    assert picture() is None
