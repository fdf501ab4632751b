"""The pictures that example boxes were drawn on: with the boxes where they are on it, and small enough."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.live import examples, jpegs
from streamer.live.examples import MAX_BYTES, MAX_SIDE, drawn, fitted
from tests.support.stage import Stage
from tracker import Box, Prompt, prompt_keys

BOXED = Prompt(None, (Box(16, 12, 32, 24),), (True,))


async def test_boxes_of_new_prompts_are_found_on_the_picture_of_their_frame(stage: Stage) -> None:
    await stage.frame()
    frame = stage.session.recent.find(0)
    found = await drawn(stage.session, [Prompt("a"), BOXED], frame)
    assert list(found) == prompt_keys([BOXED])
    (each,) = found.values()
    assert each.boxes == ((0.25, 0.25, 0.5, 0.5),)
    rgb = jpegs.picture(each.picture)
    assert rgb is not None
    assert rgb.shape == (48, 64, 3)
    assert await drawn(stage.session, [Prompt("a")], frame) == {}


@pytest.mark.parametrize("size", [(3000, 4000), (1080, 1920), (48, 64)])
def test_a_picture_is_made_no_larger_than_the_bound(size: tuple[int, int]) -> None:
    """Noise is the longest JPEG there is."""
    noise = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    small = fitted(jpegs.jpeg(noise))
    assert small is not None
    data, height, width = small
    rgb = jpegs.picture(data)
    assert rgb is not None
    assert (height, width) == size
    assert len(data) <= MAX_BYTES
    assert max(rgb.shape) <= MAX_SIDE
    assert rgb.shape[1] / rgb.shape[0] == pytest.approx(size[1] / size[0], rel=0.02)


def test_what_is_no_picture_or_cannot_be_made_small_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fitted(b"no JPEG") is None
    monkeypatch.setattr(examples, "MAX_BYTES", 10)
    assert fitted(jpegs.jpeg(np.zeros((480, 640, 3), np.uint8))) is None
