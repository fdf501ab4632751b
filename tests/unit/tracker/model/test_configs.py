"""The models there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tracker import TrackerError
from tracker.model.configs import CONFIGS, FULL, NANO, Config, config_named


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_sizes_fit_each_other(config: Config) -> None:
    assert config_named(config.name) is config
    assert config.resolutions[0] == config.image_size
    for side in config.resolutions:
        assert replace(config, image_size=side).grid * config.patch == side
    assert config.vit_dim % config.vit_heads == config.dim % config.heads == config.text_width % config.text_heads == 0
    assert max(config.vit_global_blocks) < config.vit_depth


def test_both_have_a_name_of_their_own() -> None:
    assert (NANO.name, FULL.name) == ("nano", "sam3")


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    with pytest.raises(TrackerError, match=r"no model 'huge': choose one of nano, sam3"):
        config_named("huge")
