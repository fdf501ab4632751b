"""
MobileCLIP's text encoder (Vasu et al. 2024) in place of SAM 3's own: SAM3-LiteText and EfficientSAM3 read words by it.

It differs from CLIP's in three ways: a word sees all others, those after it too; padding is seen like words, so the
features depend on the context length; and the smallest, S0, has a convolution block before and after its layers
("mct"). S1 and L have layers only. Parameter names are those of upstream's text encoder;
:mod:`tracker.checkpoints.mobileclip_layout` knows the names in published files.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracker.model import compat

compat.prepare()

from sam3.model.text_encoder_ve import VETextEncoder  # noqa: E402  (only after compat.prepare)

KERNEL = 11  # tokens that a convolution sees


def mobileclip(
    tokenizer: Callable[..., Tensor],
    d_model: int = 256,
    *,
    width: int = 512,
    heads: int = 8,
    layers: int = 4,
    context_length: int = 16,
    vocab_size: int = 49408,
    mixing: bool = True,
) -> VETextEncoder:
    """
    A text encoder with the face of upstream's ``VETextEncoder``, and some of its weights uninitialised as there.

    A list of B texts gives the padding mask (B, L), True where padded, features (L, B, ``d_model``) and the embeddings
    of the tokens (L, B, ``width``); L is ``context_length``. ``mixing``: a convolution block before and after the
    layers. The defaults are S0's; S1 has 12 layers and no mixing, L the same with a width of 768 and 12 heads.
    """
    made = VETextEncoder(d_model, tokenizer, width, heads, layers, context_length, vocab_size, use_act_checkpoint=False)
    made.encoder.attn_mask = None
    made.encoder.text_projection = nn.Parameter(torch.empty(width, width))  # upstream's is CLIP's, 512 wide
    if mixing:
        blocks = made.encoder.transformer.resblocks
        blocks.insert(0, Mixing(width))
        blocks.append(Mixing(width))
    return made


class Mixing(nn.Module):
    """
    A block of convolutions over tokens: mixing neighbours within each channel, then a feed-forward part.

    RepMixer as FastViT has it (Vasu et al. 2023), in one dimension. ``reference`` and ``skip`` normalise the input
    itself; what is added is the difference of the two and of a convolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reference = nn.BatchNorm1d(width)
        self.skip = nn.BatchNorm1d(width)
        self.mix = _normalised(width)
        self.mix_scale = nn.Parameter(torch.full((width,), 1e-5))
        self.spread = _normalised(width)
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, tokens: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """(B, L, width) to the same. No mask is known to a convolution: ``attn_mask`` is None."""
        assert attn_mask is None
        channels = tokens.transpose(1, 2)
        mixed = self.mix(channels) + self.skip(channels) - self.reference(channels)
        tokens = tokens + self.mix_scale * mixed.transpose(1, 2)
        spread = self.spread(tokens.transpose(1, 2)).transpose(1, 2)
        fed: Tensor = self.outer(F.gelu(self.inner(spread)))
        return tokens + self.scale * fed


def _normalised(width: int) -> nn.Sequential:
    """A convolution within each channel and batch normalisation after it."""
    conv = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=width, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(width))
