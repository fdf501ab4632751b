"""What is hidden of an object."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.support.moving import SIDE, picture, shown
from tracker.presenting.hiding import Hidden, hidden, without
from tracker.presenting.motion import small
from tracker.presenting.placing import Part, drawn, extent, framed
from tracker.presenting.similarity import still
from tracker.presenting.template import Light

AT = (100, 80)
GREY = small(picture(AT))


def found(now: npt.NDArray[np.uint8], gain: float = 1.0) -> Hidden | None:
    square = shown(*AT)
    where = extent(square.logits)
    assert where is not None
    (part,) = drawn([(square, framed(square.logits), where)], still(1), (GREY.shape,) * 3)
    assert isinstance(part, Part)
    return hidden(part, GREY, still(1)[0], small(now).astype(np.float32), Light(150, gain, 150 * gain - 150, 24))


def covered(left: int, right: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    made = picture(AT, seed=seed)
    made[:, AT[0] + left : AT[0] + right] = 20
    return made


def test_nothing_is_hidden_of_what_is_there() -> None:
    nothing = found(picture(AT))
    assert nothing is not None and not nothing.any()
    dark = found((picture(AT) * 0.5).astype(np.uint8), gain=0.5)
    assert dark is not None and not dark.any()


def test_what_something_else_covers_is_hidden() -> None:
    some = found(covered(-20, 20))
    assert some is not None
    inside = some[AT[1] : AT[1] + SIDE, AT[0] : AT[0] + SIDE]
    assert inside[:, :18].mean() > 0.95 and inside[:, 26:].mean() < 0.05
    assert (
        some.sum()
        == inside.sum() + some[AT[1] - 3 : AT[1] + SIDE + 3, AT[0] - 3 : AT[0] + SIDE + 3].sum() - inside.sum()
    )


def test_too_little_left_is_not_believed() -> None:
    assert found(covered(-20, SIDE - 6)) is None


def test_what_is_torn_is_not_believed() -> None:
    assert found(covered(20, 40)) is None


def test_logits_are_negative_where_it_is_hidden() -> None:
    some = found(covered(-20, 20))
    assert some is not None
    before = framed(shown(*AT).logits)
    after = without(before, some)
    assert 0.5 < (after > 0).sum() / (before > 0).sum() < 0.8
    assert not ((after > 0) & (before <= 0)).any()
