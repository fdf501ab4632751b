"""A weights file says by its keys in which layout it is."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from tests.support.agreement import TINY
from tests.support.mobileclip import TINY_S0
from tracker import Sam3
from tracker.checkpoints import litetext_layout, mobileclip_layout, transformers_layout, weights
from tracker.checkpoints.layouts import layout_of
from tracker.model.configs import Config


@pytest.mark.parametrize(
    ("config", "layout"),
    [(TINY, transformers_layout), (TINY_S0, litetext_layout), (TINY_S0, mobileclip_layout)],
    ids=["transformers", "litetext of transformers", "litetext of its authors"],
)
def test_a_file_is_known_by_its_keys(config: Config, layout: ModuleType) -> None:
    ours = weights.upstream_keys(Sam3(config, torch.device("cpu")).network)
    assert layout_of(ours) is None
    assert layout_of(layout.to_theirs(ours)) is layout
