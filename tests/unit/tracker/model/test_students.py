"""The image encoders of EfficientSAM3: their face, and one convolution for what stands in a row."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.support import seeded
from tracker.model.conv_trunk import fold
from tracker.model.students import EPSILON, STUDENTS, Student


@pytest.fixture(scope="module", params=STUDENTS)
def student(request: pytest.FixtureRequest) -> Student:
    made = Student(request.param, dim=32).eval()
    made.load_state_dict(
        {name: seeded.tensor(name, each.shape, each.dtype) for name, each in made.state_dict().items()}
    )
    return made


@pytest.mark.parametrize(("side", "grid"), [(336, 24), (252, 18)])
@torch.inference_mode()
def test_it_has_the_face_of_a_trunk(student: Student, side: int, grid: int) -> None:
    """Its own last map has an 11th of 336 pixels and an 8th of 252; SAM 3's has one place for each patch."""
    (features,) = student(torch.zeros(1, 3, side, side))
    assert features.shape == (1, 32, grid, grid)
    assert student.channel_list == [32]


def test_folding_leaves_one_convolution_of_each_row_and_the_answers_as_they_were(student: Student) -> None:
    pixels = torch.from_numpy(seeded.noise("pixels", 3 * 168 * 168)).view(1, 3, 168, 168)
    with torch.inference_mode():
        (before,) = student(pixels)
    parts = nn.Sequential(student)
    for _ in range(2):  # folding what is folded changes nothing
        fold(parts)
        with torch.inference_mode():
            (after,) = student(pixels)
        assert before.std() > 0.1
        assert torch.allclose(after, before, atol=1e-4)
    kinds = [type(each).__name__ for each in student.modules()]
    assert not {"BatchNorm2d", "RepVggDw", "ConvNorm"} & set(kinds)
    assert not any(each.requires_grad for each in student.parameters())


def test_linear_attention_divides_by_what_it_was_trained_with() -> None:
    """Where no key answers a query the divisor is nearly nothing; timm's own constant would then be the answer."""
    attention = [each for each in Student("efficientvit_b1", dim=8).modules() if hasattr(each, "kernel_func")]
    assert [each.eps for each in attention] == [EPSILON] * 7
