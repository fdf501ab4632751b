"""The registry: every entry can be found, and what it says fits together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tracker import TrackerError
from tracker.model.configs import (
    CONFIGS,
    ENTRIES,
    FULL,
    NANO,
    Ability,
    Config,
    Entry,
    config_named,
    entry_named,
)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_sizes_fit_each_other(config: Config) -> None:
    assert config_named(config.name) is config
    assert config.resolutions[0] == config.image_size
    for side in config.resolutions:
        assert replace(config, image_size=side).grid * config.patch == side
    assert config.dim % config.heads == config.text_width % config.text_heads == 0
    if config.trunk == "vit":
        assert config.vit_dim % config.vit_heads == 0
        assert max(config.vit_global_blocks) < config.vit_depth
    if config.trunk == "conv":
        assert len(config.conv_channels) == len(config.conv_depths) + 1
        assert config.conv_dim > 0


def test_both_have_a_name_of_their_own() -> None:
    assert (NANO.name, FULL.name) == ("nano", "sam3")


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    with pytest.raises(TrackerError, match=r"no model 'huge': choose one of nano, .*sam3"):
        config_named("huge")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_says_what_people_ask_first(entry: Entry) -> None:
    assert entry_named(entry.name) is entry
    assert all((entry.title, entry.knows.endswith("."), entry.licence, entry.marks))
    assert all(key.startswith(("detector.", "tracker.")) for key in entry.marks)
    assert Ability.WORDS in entry.config.abilities
    assert 0 < entry.config.threshold < 1


def test_names_and_marks_are_of_one_entry_only() -> None:
    assert len({entry.name for entry in ENTRIES}) == len({str(sorted(entry.marks.items())) for entry in ENTRIES})
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)


def test_a_hash_is_written_as_one() -> None:
    pinned = [entry.file.sha256 for entry in ENTRIES if entry.file is not None and entry.file.sha256 is not None]
    assert all(len(each) == 64 and set(each) <= set("0123456789abcdef") for each in pinned)
