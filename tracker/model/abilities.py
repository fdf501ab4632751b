"""What a model can be asked is asked for before one of its heads is used: some weights have no clicks, or no memory."""

from __future__ import annotations

from collections.abc import Container, Sequence

from tracker.model.configs import ENTRIES, Ability, Config
from tracker.types import Prompt, Unable

_WHAT = {
    Ability.WORDS: "words",
    Ability.EXEMPLARS: "example boxes",
    Ability.CLICKS: "clicks and boxes",
    Ability.MEMORY: "following by memory",
}


def able(config: Config, ability: Ability) -> bool:
    """Whether the weights have been trained for it."""
    return ability in config.abilities


def need(config: Config, ability: Ability, field: str | None = None) -> None:
    """Raise :class:`Unable` where the weights have not been trained for it; ``field``: what asked."""
    if not able(config, ability):
        where = f"{field}: " if field else ""
        raise Unable(f"{where}{why_not(config, ability)}", field=field)


def why_not(config: Config, ability: Ability) -> str:
    """In words that the model has no part for something, and which models have."""
    has = " and ".join(_WHAT[each] for each in Ability if able(config, each))
    others = [entry.name for entry in ENTRIES if able(entry.config, ability) and entry.name != config.name]
    return (
        f"the model {config.name} cannot do {_WHAT[ability]}: its weights have no part for it. "
        f"It can do {has}; {_WHAT[ability]} are for {', '.join(others)}."
    )


def check(config: Config, prompts: Sequence[Prompt], kept: Container[int] = ()) -> None:
    """
    Raise :class:`Unable` for a prompt that the model has no part for, naming it.

    ``kept``: places of those that rest instead, for they were asked of another model.
    """
    for place, prompt in enumerate(prompts):
        if place in kept:
            continue
        if prompt.text:
            need(config, Ability.WORDS, f"prompts[{place}].text")
        if prompt.boxes:
            need(config, Ability.EXEMPLARS, f"prompts[{place}].boxes")
