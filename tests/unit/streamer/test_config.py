"""What can be set."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.config import Config


def test_without_variables_everything_has_its_default() -> None:
    assert Config.from_env({}) == Config()


def test_variables_are_read_by_the_kind_of_the_setting() -> None:
    config = Config.from_env(
        {
            "STREAMER_PORT": "9000",
            "STREAMER_CHECKPOINT": "/models/sam3.pt",
            "STREAMER_THREADS": "3",
            "STREAMER_GRACE": "2.5",
            "STREAMER_API_KEYS": "one, two,",
            "STREAMER_FOLLOWER": "memory",
            "STREAMER_MODEL": "",
        }
    )
    assert config == Config(
        port=9000,
        checkpoint=Path("/models/sam3.pt"),
        threads=3,
        grace=2.5,
        api_keys=("one", "two"),
        follower="memory",
    )


@pytest.mark.parametrize("word", ["1", "true", "yes", "on", "TRUE", " On "])
def test_a_switch_is_turned_on_by_any_of_the_usual_words(word: str) -> None:
    assert Config.from_env({"STREAMER_FETCH_HTTP": word}).fetch_http is True


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "False", ""])
def test_a_switch_is_left_off_by_any_of_the_usual_words(word: str) -> None:
    assert Config.from_env({"STREAMER_FETCH_HTTP": word}).fetch_http is False


@pytest.mark.parametrize("flag", [True, False])
def test_a_switch_that_is_given_as_a_flag_wins_both_ways(flag: bool) -> None:
    assert Config.from_env({"STREAMER_FETCH_HTTP": str(not flag)}, fetch_http=flag).fetch_http is flag


@pytest.mark.parametrize(("name", "value"), [("port", -1), ("port", 70_000), ("threads", 0), ("max_sessions", -3)])
def test_a_number_that_no_server_can_be_run_with_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        Config.from_env({f"STREAMER_{name.upper()}": str(value)})


def test_a_flag_wins_over_its_variable() -> None:
    assert Config.from_env({"STREAMER_PORT": "9000"}, port=9001, model=None) == Config(port=9001)


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eight"), ("GRACE", "long"), ("FOLLOWER", "dog"), ("FETCH_HTTP", "2")]
)
def test_a_value_that_cannot_be_read_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"STREAMER_{name} is '{value}'"):
        Config.from_env({f"STREAMER_{name}": value})


@pytest.mark.parametrize("key", ["schlüssel", "two words", "line\nbreak"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        Config(api_keys=(key,))
    assert key not in str(refused.value)
