"""A change of the model: what it loads, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamer.config import Config
from streamer.engine import Engine
from streamer.models import changing
from streamer.models.changing import Changing
from tests.support.models import untrained
from tracker import Sam3


def test_it_loads_beside_the_old_one_and_says_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(changing, "set_threads", threads.append)
    adopted: list[Sam3] = []
    told: list[str] = []

    engine = Engine(untrained)

    def adopt(where: Engine, model: Sam3) -> Callable[[], None]:
        assert where is engine
        adopted.append(model)
        return lambda: told.append(model.name)

    change = Changing("nano", Config(threads=3), adopt, lambda engine, why: None)
    assert (change.state, change.words) == ("running", "loading nano")
    model = change.load("cpu")
    assert threads == [1]
    assert change.words.startswith("nano has")
    assert change.ready(model) > 0
    assert change.words.startswith("warm after")
    assert threads == [1, 3]
    change.adopt(engine, model)
    assert told == []
    change.done()
    change.done()
    assert (adopted, told) == ([model], ["nano"])
