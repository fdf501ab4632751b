"""What reads the words of a prompt: the tokenizer, and the text encoder of a configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tracker.model import compat
from tracker.model.configs import Config
from tracker.model.mobileclip import mobileclip

compat.prepare()

from sam3.model.text_encoder_ve import VETextEncoder  # noqa: E402  (only after compat.prepare)
from sam3.model.tokenizer_ve import SimpleTokenizer  # noqa: E402

BPE_VOCABULARY = Path(__file__).parents[1] / "assets" / "bpe_simple_vocab_16e6.txt.gz"

Tokenizer = Callable[..., Tensor]

MOST_WORDS = 50_000  # whose pieces the tokenizer remembers, a few MB: more than a language's common words


class _Pieces(dict[str, str]):
    """The pieces of words that were asked for: upstream's memory, with a bound. Full, it takes no more."""

    def __setitem__(self, word: str, pieces: str) -> None:
        if len(self) < MOST_WORDS:
            super().__setitem__(word, pieces)


def clip_tokenizer() -> SimpleTokenizer:
    """CLIP's byte-pair encoding (upstream's ``SimpleTokenizer``) with a bound on what it remembers."""
    tokenizer = SimpleTokenizer(bpe_path=str(BPE_VOCABULARY))
    tokenizer.cache = _Pieces(tokenizer.cache)
    return tokenizer


def text_encoder(c: Config, tokenizer: Tokenizer | None = None) -> VETextEncoder:
    """
    The text encoder that ``c`` names, with fresh weights.

    ``tokenizer`` maps (texts, context_length) to ids; left out, it is CLIP's byte-pair encoding.
    """
    sizes: dict[str, Any] = {
        "tokenizer": tokenizer or clip_tokenizer(),
        "d_model": c.dim,
        "width": c.text_width,
        "heads": c.text_heads,
        "layers": c.text_layers,
        "context_length": c.text_context,
        "vocab_size": c.text_vocabulary,
    }
    if c.text_tower == "mobileclip":
        encoder = mobileclip(**sizes, mixing=c.text_mixing)
    else:
        encoder = VETextEncoder(**sizes, use_act_checkpoint=False)
    # Left uninitialised upstream (text_encoder_ve.py:196,218): NaN features without a checkpoint.
    nn.init.normal_(encoder.encoder.positional_embedding, std=0.01)
    nn.init.normal_(encoder.encoder.text_projection, std=c.text_width**-0.5)
    return encoder
