"""MobileCLIP's text encoder: the face of upstream's, other insides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tracker.model.configs import LITETEXT_L, LITETEXT_S0, LITETEXT_S1, NANO
from tracker.model.mobileclip import Mixing
from tracker.model.text import text_encoder

TEXTS = ["a red cup", "dog"]


@pytest.fixture(scope="module")
def encoder() -> Any:
    return drawn(text_encoder(replace(SMALL, text_tower="mobileclip")))


SMALL = replace(NANO, text_width=32, text_heads=2, text_layers=2, text_context=16, text_vocabulary=49408)


def drawn(encoder: Any) -> Any:
    """All parts of it matter: fresh layer scales of 1e-5 hide the convolutions."""
    torch.manual_seed(0)
    for block in encoder.modules():
        if isinstance(block, Mixing):
            torch.nn.init.normal_(block.mix_scale)
            torch.nn.init.normal_(block.scale)
    return encoder.eval()


@torch.inference_mode()
def test_the_detector_is_given_what_upstreams_encoder_gives(encoder: Any) -> None:
    upstreams = text_encoder(SMALL).eval()
    for mine, other in zip(encoder(TEXTS, device="cpu"), upstreams(TEXTS, device="cpu"), strict=True):
        assert (mine.shape, mine.dtype) == (other.shape, other.dtype)
    mask, features, embeddings = encoder(TEXTS, device="cpu")
    assert (~mask).sum(1).tolist() == [5, 3]  # a start, words, an end
    assert features.shape == (16, 2, SMALL.dim)
    assert embeddings.shape == (16, 2, SMALL.text_width)


@torch.inference_mode()
def test_a_text_is_read_the_same_alone_and_beside_others(encoder: Any) -> None:
    together = encoder(TEXTS, device="cpu")[1]
    assert torch.allclose(encoder(TEXTS[1:], device="cpu")[1], together[:, 1:], atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("mixing", [True, False])
def test_a_word_sees_what_comes_after_it_and_padding_is_seen_too(mixing: bool) -> None:
    encoder = drawn(text_encoder(replace(SMALL, text_tower="mobileclip", text_mixing=mixing)))
    features = encoder(["red dog"], device="cpu")[1]
    assert not torch.allclose(features[1], encoder(["red cup"], device="cpu")[1][1], atol=1e-3)
    encoder.encoder.token_embedding.weight[0].normal_()  # what stands for padding
    assert not torch.allclose(features[1], encoder(["red dog"], device="cpu")[1][1], atol=1e-3)


@torch.inference_mode()
def test_of_a_long_text_the_first_14_tokens_are_read(encoder: Any) -> None:
    cups = " ".join(["cup"] * 14)
    fits, long, short = (encoder([text], device="cpu")[1] for text in (cups, f"{cups} plate", cups[:-4]))
    assert torch.equal(fits, long)
    assert not torch.equal(fits, short)


def test_the_published_sizes_have_their_published_counts_of_parameters() -> None:
    """README of SimonZeng7108/efficientsam3: 42.5, 63.5 and 123.8 million."""
    for config, millions in ((LITETEXT_S0, 42.5), (LITETEXT_S1, 63.5), (LITETEXT_L, 123.8)):
        with torch.device("meta"):
            made = text_encoder(config)
        assert sum(each.numel() for each in made.parameters()) / 1e6 == pytest.approx(millions, abs=0.6)
