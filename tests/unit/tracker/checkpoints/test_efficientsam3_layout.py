"""Names in EfficientSAM3's image encoders, held against those that its authors' own classes make."""

from __future__ import annotations

import pytest
import torch

from tests.support.efficientsam3 import KINDS, digest, reference
from tracker.checkpoints.efficientsam3_layout import TRUNK, theirs
from tracker.model.students import Student


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_and_shape_is_one_of_theirs(kind: str) -> None:
    with torch.device("meta"):
        ours = Student(KINDS[kind]).state_dict()
    expected = reference(kind)["layout"]["image encoder"]
    found = {theirs(TRUNK + name): each for name, each in ours.items()}
    assert len(found) == len(ours) == expected["tensors"]
    assert digest(found) == expected["sha256"]


@pytest.mark.parametrize("key", ["tracker.obj_ptr_proj.layers.0.weight", f"{TRUNK}blocks.0.norm1.weight"])
def test_what_is_the_same_in_both_has_one_name(key: str) -> None:
    assert theirs(key) == key
