"""A model for the server's settings."""

from __future__ import annotations

from typing import Any

import pytest

from streamer.config import Config
from streamer.models import loading
from tests.support.models import words_only
from tracker import Unable


@pytest.mark.parametrize("follower", ["pvs", "memory"])
def test_a_way_of_following_that_the_model_cannot_go_is_refused_when_it_is_loaded(
    follower: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "load_model", lambda name, **options: words_only())
    with pytest.raises(Unable, match="the model words-only cannot do clicks and boxes"):
        loading.load(Config(follower=follower), "cpu")
    assert loading.load(Config(), None) is words_only()
