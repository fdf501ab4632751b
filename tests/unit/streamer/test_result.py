"""What became of a frame."""

from __future__ import annotations

import gc
import weakref

from streamer.result import FrameInfo
from tests.support import results


def test_a_result_keeps_no_picture_alive() -> None:
    frame = results.frame(7, rtp_timestamp=2**32 - 1)
    picture = weakref.ref(frame.rgb())
    info = FrameInfo.of(frame)
    del frame
    gc.collect()
    assert picture() is None
    assert (info.index, info.width, info.height, info.rtp_timestamp) == (7, results.WIDTH, results.HEIGHT, 2**32 - 1)
