"""What clicks and boxes may be."""

from __future__ import annotations

import pytest

from tracker import Box, Point, TrackerError
from tracker.stream import clicks


@pytest.mark.parametrize(
    ("box", "field"),
    [
        (Box(5, 5, 5, 9), "box"),
        (Box(9, 5, 5, 9), "box"),
        (Box(5, 5, 9, 5.5), "box"),
        (Box(-1, 5, 9, 9), "box.x0"),
        (Box(1, 1, 9, 129), "box.y1"),
    ],
)
def test_a_box_that_is_none_is_refused_by_the_name_of_what_is_wrong(box: Box, field: str) -> None:
    with pytest.raises(TrackerError, match=f"^{field}: ") as refused:
        clicks.check_box((128, 128), box)
    assert refused.value.field == field


def test_a_point_on_the_edge_of_the_picture_is_in_it() -> None:
    clicks.check((128, 128), [Point(0, 0), Point(128, 128)])
    with pytest.raises(TrackerError, match=r"points\[1\].y: -1 is outside the picture of 128×128 pixels") as refused:
        clicks.check((128, 128), [Point(0, 0), Point(0, -1)])
    assert refused.value.field == "points[1].y"
