"""What a model has to say about a prompt: words that it was never taught, and what of a long text it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracker.model.configs import Config
from tracker.model.vocabulary import COLORS, KINDS, SHAPES, unknown_words, words


def untaught(config: Config, text: str) -> list[str]:
    """The words of a prompt that a model was never taught; none where any word may be asked for."""
    return list(dict.fromkeys(unknown_words(text))) if config.taught_words else []


def hint(config: Config, text: str, tokenizer: Callable[[], Any]) -> str | None:
    """All that there is to say; None: nothing. ``tokenizer``: of a model that takes any word, if it is needed."""
    said = [each for each in (_untaught(config, text), _cut(config, text, tokenizer)) if each is not None]
    return " ".join(said) or None


def _untaught(config: Config, text: str) -> str | None:
    unknown = untaught(config, text)
    if not unknown:
        return None
    named = ", ".join(f'"{word}"' for word in unknown)
    return (
        f"The embedded model was never taught {named}. It knows the colours {', '.join(COLORS)}, the shapes "
        f"{', '.join(SHAPES)} and drawings of {len(KINDS)} things such as {', '.join(list(KINDS)[:3])}, asked for "
        'as "red circle", "circle" or "red thing"; anything can be clicked.'
    )


def _cut(config: Config, text: str, tokenizer: Callable[[], Any]) -> str | None:
    """The text encoder takes ``text_context`` tokens, a start and an end among them, and cuts without a word."""
    room = config.text_context - 2
    if config.taught_words:
        unit, read = "words", words(text)
        left = " ".join(read[:room])
    else:
        reads = tokenizer()
        unit, read = "tokens", reads.encode(text)
        left = reads.decode(read[:room]).strip()
    if len(read) <= room:
        return None
    return f'The model reads {room} {unit} of a prompt and this one has {len(read)}: it looks for "{left}".'
