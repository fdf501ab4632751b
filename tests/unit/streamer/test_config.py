"""What can be set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streamer.config import Config

Setter = Callable[..., None]


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Setter:
    """Sets ``STREAMER_*`` variables for the length of a test."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"STREAMER_{name}", value)

    return put


def test_without_variables_everything_has_its_default() -> None:
    config = Config.from_env()
    assert config == Config()
    for name, setting in Config.model_fields.items():
        assert getattr(config, name) == setting.default, name


def test_variables_are_read_by_the_kind_of_the_setting(variables: Setter) -> None:
    variables(PORT="9000", CHECKPOINT="/models/sam3.pt", THREADS="3", GRACE="2.5")
    variables(API_KEYS="one, two,", FOLLOWER="memory", MODEL="")
    config = Config.from_env()
    assert (config.port, config.checkpoint, config.threads) == (9000, Path("/models/sam3.pt"), 3)
    assert (config.grace, config.api_keys, config.follower) == (2.5, ("one", "two"), "memory")
    assert config.model == "nano"


def test_a_single_word_in_a_list_needs_no_comma(variables: Setter) -> None:
    variables(ANNOUNCE="192.0.2.7", FETCH_NETWORKS="10.0.0.0/8,192.168.0.0/16")
    assert Config.from_env().announce == ("192.0.2.7",)
    assert Config.from_env().fetch_networks == ("10.0.0.0/8", "192.168.0.0/16")


@pytest.mark.parametrize("word", ["1", "true", "yes", "on", "TRUE", " On "])
def test_a_switch_is_turned_on_by_any_of_the_usual_words(word: str, variables: Setter) -> None:
    variables(FETCH_HTTP=word)
    assert Config.from_env().fetch_http is True


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "False", ""])
def test_a_switch_is_left_off_by_any_of_the_usual_words(word: str, variables: Setter) -> None:
    variables(FETCH_HTTP=word)
    assert Config.from_env().fetch_http is False


@pytest.mark.parametrize("flag", [True, False])
def test_a_switch_that_is_given_as_a_flag_wins_both_ways(flag: bool, variables: Setter) -> None:
    variables(FETCH_HTTP=str(not flag))
    assert Config.from_env(fetch_http=flag).fetch_http is flag


@pytest.mark.parametrize(("name", "value"), [("port", -1), ("port", 70_000), ("threads", 0), ("max_sessions", -3)])
def test_a_number_that_no_server_can_be_run_with_is_refused_by_name(name: str, value: int, variables: Setter) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value}; it must be "):
        Config.from_env(**{name: value})
    variables(**{name.upper(): str(value)})
    with pytest.raises(ValueError, match=f"^STREAMER_{name.upper()} is '{value}'; it must be "):
        Config.from_env()


def test_a_flag_wins_over_its_variable(variables: Setter) -> None:
    variables(PORT="9000")
    assert Config.from_env(port=9001, model=None) == Config(port=9001)


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eight"), ("GRACE", "long"), ("FOLLOWER", "dog"), ("FETCH_HTTP", "2"), ("RATE", "nan")]
)
def test_a_value_that_cannot_be_read_is_refused_by_name(name: str, value: str, variables: Setter) -> None:
    variables(**{name: value})
    with pytest.raises(ValueError, match=f"STREAMER_{name} is '{value}'; it must be "):
        Config.from_env()


@pytest.mark.parametrize(
    ("name", "value"),
    [("ANNOUNCE", "my.host"), ("FETCH_NETWORKS", "10.0.0.0/8,lan"), ("UDP_PORTS", "80-90"), ("API_KEYS", "two words")],
)
def test_a_list_or_a_range_that_cannot_be_read_is_refused_by_name(name: str, value: str, variables: Setter) -> None:
    variables(**{name: value})
    with pytest.raises(ValueError, match=f"^STREAMER_{name}: "):
        Config.from_env()


@pytest.mark.parametrize("keys", ["", ",", " , ,", " "])
def test_a_list_of_keys_that_is_set_and_empty_is_refused_and_opens_nothing(keys: str, variables: Setter) -> None:
    variables(API_KEYS=keys)
    with pytest.raises(ValueError, match=r"^STREAMER_API_KEYS: it is set and holds no key; write"):
        Config.from_env()
    with pytest.raises(ValueError, match="holds no key"):
        Config(api_keys=keys)  # type: ignore[arg-type]
    assert Config.from_env(api_keys=("one",)).api_keys == ("one",)


def test_what_the_server_writes_lies_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Config(data=tmp_path).data_folder == tmp_path
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Config().data_folder == tmp_path / "sam3-streamer"
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Config().data_folder == tmp_path / ".local" / "share" / "sam3-streamer"


@pytest.mark.parametrize("key", ["schlüssel", "two words", "line\nbreak"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(key: str) -> None:
    for make in (Config, Config.from_env):
        with pytest.raises(ValueError, match="printable ASCII") as refused:
            make(api_keys=(key,))
        assert key not in str(refused.value)


def test_keys_and_passwords_are_not_shown() -> None:
    config = Config(api_keys=("a-secret",), ice_servers=("turn:name:password@host:3478",))
    assert "secret" not in f"{config!r} {config}"
    assert "password" not in f"{config!r} {config}"


def test_no_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("STREAMER_PORT=9000\n")
    monkeypatch.chdir(tmp_path)
    assert Config.from_env() == Config()
    assert Config().port == 8000


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        Config.from_env(colour="red")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().port = 1


def test_a_program_gets_the_settings_that_it_passes_whatever_the_environment_says(variables: Setter) -> None:
    variables(PORT="9000", API_KEYS="one")
    assert (Config().port, Config().api_keys) == (8000, ())
    assert Config.from_env().port == 9000


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "-1", "it must be a number from 0 to 65535"),
        ("PORT", "65536", "it must be a number from 0 to 65535"),
        ("PORT", "abc", "it must be a number from 0 to 65535"),
        ("THREADS", "two", "it must be a whole number"),
        ("GRACE", "soon", "it must be a number"),
        ("PLAIN", "maybe", "it must be true or false"),
    ],
)
def test_a_value_that_cannot_be_read_is_answered_with_what_can(
    variables: Setter, name: str, value: str, words: str
) -> None:
    variables(**{name: value})
    with pytest.raises(ValueError, match=f"^STREAMER_{name} is '{value}'; {words}$"):
        Config.from_env()
