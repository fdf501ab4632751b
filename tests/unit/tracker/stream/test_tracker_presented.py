"""Clicks and boxes on frames that were presented and mostly not looked at."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.support.fake_model import Picture, picture
from tests.support.stream import FRAME, RED, Stream, click_at, ids, only
from tracker import (
    Box,
    FrameGone,
    History,
    Mask,
    Motion,
    MotionPath,
    Presented,
    Prompt,
    SegmentPrompt,
    Stage,
    Track,
    TrackerError,
    UnknownObject,
)
from tracker.presenting.history import SECONDS
from tracker.presenting.motion import grid
from tracker.stream.clickable_frames import RECENT
from tracker.stream.clicks import MOST_SPOTS
from tracker.stream.geometry import bounds

SIDE = 128  # pixels of the pictures
LEFT, TOP, SIZE = 10, 40, 24  # of the square on the first frame: everything goes a pixel to the right with each
GRID = grid(32, 32)


class Camera:
    """A stream of which every frame is presented, and one in ``every`` was looked at."""

    def __init__(self, *prompts: Prompt, every: int = 6, size: int = SIDE, color: str = "blue") -> None:
        self.stream = Stream(*prompts)
        self.tracker = self.stream.tracker
        self.history = History()
        self.every, self.size, self.color = every, size, color
        self.index = -1

    def picture(self, index: int) -> Picture:
        return picture((self.color, LEFT + index, TOP, SIZE))

    def show(self, frames: int = 1, *, step: bool = True, scene: int = 0, trusted: bool = True) -> None:
        for _ in range(frames):
            self.index += 1
            moved = Motion(
                self.index - 1, self.index, GRID - np.array((1 / SIDE, 0), np.float32), np.full((32, 32), trusted)
            )
            presented = Presented(
                index=self.index,
                scene=scene,
                tracks=self.shown(),
                ahead=None,
                snapshot=None,
                motion=None,
                step=moved if step else None,
            )
            self.history.add(presented, self.index * FRAME, (self.size, self.size))
            if self.index % self.every == 0:
                self.stream.index = self.index - 1
                self.stream.look(self.picture(self.index))

    def shown(self) -> tuple[Track, ...]:
        """What is followed, where it is."""
        looked = self.tracker.snapshot
        x0, y0, x1, y1 = (round(each * self.size / SIDE) for each in self.corners(self.index))
        dense = np.zeros((self.size, self.size), np.bool_)
        dense[y0:y1, x0:x1] = True
        mask = Mask.from_dense(dense)
        return tuple(
            Track(each.id, each.key, each.score, Box(x0, y0, x1, y1), mask, each.age, Stage.FLOW)
            for each in (looked.objects if looked else ())
        )

    @staticmethod
    def corners(index: int) -> tuple[int, int, int, int]:
        return LEFT + index, TOP, LEFT + index + SIZE, TOP + SIZE

    def path(self, index: int) -> MotionPath:
        found = self.history.path(index)
        assert found is not None
        return found

    def click(self, index: int, **options: object) -> tuple[int, int]:
        """On the square; which object it was, and the frame that answered."""
        points = click_at(LEFT + index + 5, TOP + 5)
        answer = self.tracker.click(index, points, path=self.path(index), **options)  # type: ignore[arg-type]
        return answer.object_id, answer.frame_index


def prompts_of(camera: Camera) -> list[SegmentPrompt]:
    """Gathers what the model is asked for one object from now on."""
    asked: list[SegmentPrompt] = []
    real = camera.stream.model.segment

    def segment(embedding, objects, *, multimask=False):  # type: ignore[no-untyped-def]
        asked.extend(objects)
        return real(embedding, objects, multimask=multimask)

    camera.stream.model.segment = segment  # type: ignore[method-assign]
    return asked


def points(asked: list[SegmentPrompt]) -> list[tuple[int, int, bool]]:
    """Those of the last click, to a pixel."""
    clicked = [each for each in asked if each.points]
    return [(round(point.x), round(point.y), point.positive) for point in clicked[-1].points]


@pytest.mark.parametrize(("index", "answered"), [(31, 30), (32, 30), (34, 36), (36, 36), (38, 36), (41, 36)])
def test_a_click_is_moved_to_the_nearest_frame_that_was_looked_at(index: int, answered: int) -> None:
    camera = Camera()
    camera.show(42)
    asked = prompts_of(camera)
    assert camera.click(index) == (1, answered)
    assert points(asked) == [(LEFT + answered + 5, TOP + 5, True)]
    camera.show()  # frame 42
    track = only(camera.stream.look(camera.picture(42)))
    assert abs(track.box.x0 - (LEFT + 42)) <= 2


def test_the_object_that_was_presented_under_the_point_is_meant() -> None:
    camera = Camera(RED, color="red")
    camera.show(45)  # by now there is nothing where it was
    assert camera.click(16) == (1, 18)
    assert camera.tracker.next_id == 2


def test_what_is_not_followed_any_more_is_not_meant() -> None:
    camera = Camera()
    camera.show(20)
    assert camera.click(16)[0] == 1
    camera.show(4)
    assert camera.path(22).under(click_at(LEFT + 22 + 5, TOP + 5)) == 1
    camera.tracker.remove(1)
    assert camera.click(22)[0] == 2
    with pytest.raises(UnknownObject):
        camera.click(22, object_id=1)


def test_where_the_way_to_the_nearest_is_not_trusted_the_next_one_answers() -> None:
    camera = Camera()
    camera.show(31)
    camera.show(1, trusted=False)  # frame 31
    camera.show(12)
    assert camera.click(32)[1] == 36
    assert camera.click(30)[1] == 30
    camera.show(1, trusted=False)  # frame 44; the ways from it lead nowhere
    camera.show(1, trusted=False)
    with pytest.raises(FrameGone) as gone:
        camera.click(44)
    assert gone.value.available is not None and gone.value.available[1] == 42


def test_across_a_cut_nothing_answers() -> None:
    camera = Camera(every=4)
    camera.show(10)
    camera.show(2, scene=1)
    with pytest.raises(FrameGone):
        camera.click(11)
    camera.show(2, scene=1)  # 12 is looked at
    assert camera.click(11)[1] == 12
    assert camera.click(9)[1] == 8


def test_a_frame_that_was_looked_at_longer_ago_does_not_answer() -> None:
    camera = Camera(every=1000)
    camera.show(int(SECONDS / FRAME) + 1)
    assert camera.click(40)[1] == 0
    camera.show(3)
    with pytest.raises(FrameGone, match="frame 40 is gone: frames 0 to 0 can be clicked"):
        camera.click(40)


def test_a_kept_picture_that_is_looked_back_at_answers_the_click_on_it() -> None:
    camera = Camera()
    camera.show(15)
    camera.show(1, step=False)  # frame 15: no way from it to any other
    camera.show(1, step=False)
    camera.show(10)
    with pytest.raises(FrameGone):
        camera.click(15)
    camera.tracker.look_back(camera.picture(15), 15, 15 * FRAME)
    assert camera.click(15) == (1, 15)
    track = only(camera.stream.look(camera.picture(27)))
    assert abs(track.box.x0 - (LEFT + 27)) <= 4


def test_an_object_on_a_frame_that_is_looked_back_at_goes_on_from_how_it_was_presented() -> None:
    camera = Camera(RED, color="red")
    camera.show(15)
    camera.tracker.look_back(camera.picture(11), 11, 11 * FRAME)
    asked = prompts_of(camera)
    assert camera.click(11) == (1, 11)
    logits = asked[0].logits
    assert logits is not None
    assert bounds(logits) == pytest.approx([each / SIDE for each in camera.corners(11)], abs=1.5 / SIDE)


def test_only_what_is_before_the_newest_can_be_looked_back_at() -> None:
    camera = Camera()
    with pytest.raises(FrameGone):
        camera.tracker.look_back(camera.picture(0), 0, 0.0)
    camera.show(9)
    with pytest.raises(FrameGone):
        camera.tracker.look_back(camera.picture(8), 8, 8 * FRAME)
    kept = len(camera.tracker._clickable)
    camera.tracker.look_back(camera.picture(6), 6, 6 * FRAME)  # which was looked at
    assert len(camera.tracker._clickable) == kept
    assert camera.tracker.present is not None and camera.tracker.present[0] == 6


def test_a_refused_click_and_looking_back_are_no_orders() -> None:
    camera = Camera()
    camera.show(9)
    camera.tracker.look_back(camera.picture(3), 3, 3 * FRAME)
    with pytest.raises(TrackerError):
        camera.tracker.click(3, click_at(5, 5), path=camera.path(3))
    assert camera.tracker.orders == 0
    camera.click(3)
    assert camera.tracker.orders == 1


def test_clicks_on_one_object_add_up_although_the_picture_has_gone_on() -> None:
    camera = Camera()
    camera.show(20)
    number, first = camera.click(16)
    camera.show(10)
    asked = prompts_of(camera)
    out = click_at(LEFT + 26 + 40, TOP + 5, positive=False)
    answer = camera.tracker.click(26, out, number, path=camera.path(26))
    assert (first, answer.frame_index) == (18, 24)
    assert points(asked) == [(LEFT + 24 + 5, TOP + 5, True), (LEFT + 24 + 40, TOP + 5, False)]


def test_earlier_clicks_that_have_no_way_are_left_out() -> None:
    camera = Camera()
    camera.show(20)
    number, _ = camera.click(16)
    camera.show(1, trusted=False)
    camera.show(9)
    asked = prompts_of(camera)
    camera.click(26, object_id=number)
    assert len(points(asked)) == 1


def test_no_more_earlier_clicks_count_than_may() -> None:
    camera = Camera()
    camera.show(20)
    asked = prompts_of(camera)
    for _ in range(MOST_SPOTS + 8):
        camera.show()
        camera.click(camera.index)
    assert len(points(asked)) == MOST_SPOTS


def test_what_was_made_of_a_click_goes_on_from_its_mask() -> None:
    camera = Camera()
    camera.show(19)
    assert camera.click(18)[1] == 18
    prompted = prompts_of(camera)
    camera.click(18, object_id=1)
    assert prompted[0].logits is not None


def test_points_are_in_the_pixels_of_the_frame_that_is_named() -> None:
    camera = Camera(size=SIDE // 2)
    camera.show(20)
    asked = prompts_of(camera)
    place = click_at((LEFT + 16 + 5) / 2, (TOP + 5) / 2)
    answer = camera.tracker.click(16, place, path=camera.path(16))
    assert (answer.frame_index, points(asked)) == (18, [(LEFT + 18 + 5, TOP + 5, True)])
    with pytest.raises(TrackerError, match=r"points\[0\].x: 65 is outside the picture of 64×64"):
        camera.tracker.click(16, click_at(65, 5), path=camera.path(16))
    with pytest.raises(TrackerError, match=r"box.x1: 65 is outside the picture of 64×64"):
        camera.tracker.box(16, Box(1, 1, 65, 5), path=camera.path(16))
    box = Box(*(each / 2 for each in camera.corners(16)))
    assert camera.tracker.box(16, box, path=camera.path(16)).frame_index == 18


def test_a_box_and_an_example_are_moved_too() -> None:
    camera = Camera()
    camera.show(27)
    drawn = Box(*camera.corners(20))
    prompted = prompts_of(camera)
    assert camera.tracker.box(20, drawn, path=camera.path(20)).frame_index == 18
    box = prompted[0].box
    assert box is not None
    assert [box.x0, box.y0, box.x1, box.y1] == pytest.approx(camera.corners(18), abs=0.5)
    camera.tracker.remove(1)
    camera.tracker.set_prompts([Prompt(boxes=(drawn,), labels=(True,))], index=20, path=camera.path(20))
    assert ids(camera.stream.look(camera.picture(27))) == [2]


def test_what_is_kept_does_not_grow_with_clicks() -> None:
    camera = Camera(every=3)
    camera.show(4)
    for _ in range(2 * RECENT):
        camera.show(2)
        index = camera.index - 4
        camera.tracker.look_back(camera.picture(index % 60), index, index * FRAME)
        assert len(camera.tracker._clickable) <= RECENT
    kept = [each.index for each in camera.tracker._clickable._frames]
    assert kept == sorted(set(kept))
