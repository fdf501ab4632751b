"""
SAM3-LiteText: our text encoder and the whole detector answer as ``transformers``' do, with the same random weights.

The weights of the authors were taught without a padding mask in the text encoder. ``transformers`` usually gives it
one; here it gets none, and a test shows what the mask would do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support import agreement, mobileclip, needs, seeded, theirs
from tests.support.agreement import EXEMPLARS, Pair, picture
from tests.support.mobileclip import PREFIX, TEXTS, TINY_S0, TINY_S1, sampled
from tracker import Prompt, Sam3
from tracker.checkpoints import mobileclip_layout
from tracker.model.configs import Config
from tracker.model.detector import exemplars
from tracker.model.text import text_encoder

FEATURES, BOXES, LOGITS, IOU = 1e-5, 1e-5, 1e-4, 0.999  # greatest differences in fp32; features are about 1


def pair(config: Config) -> tuple[Sam3, Any]:
    """Ours and theirs, holding the same tensors."""
    needs.transformers()
    from transformers import initialization

    with initialization.no_init_weights():  # all of them are drawn here
        ours = Sam3(config, torch.device("cpu"))
        ours.bf16_backbone = False
        theirs.randomise(ours.network)
        return ours, theirs.litetext(config, theirs.checkpoint(ours))


@pytest.fixture(scope="module")
def both() -> tuple[Sam3, Any]:
    return pair(TINY_S0)


def features(ours: Sam3, model: Any, text: str) -> tuple[Tensor, Tensor]:
    """Features (L, C) of every token, padding too, of ours and theirs."""
    found = model.get_text_features(theirs.tokens(ours, text), attention_mask=None).pooler_output
    return ours.detector.text(text, ours.device)[0][:, 0], found[0]


@torch.inference_mode()
def check_features(ours: Sam3, model: Any) -> None:
    for text in TEXTS:
        a, b = features(ours, model, text)
        print(f"{text}: {float((a - b).abs().max()):.1e} of {float(b.abs().max()):.2f}")
        assert (a - b).abs().max() <= FEATURES
        assert b.std() > 0.1, "they say nothing"


def test_a_text_has_the_same_features(both: tuple[Sam3, Any]) -> None:
    check_features(*both)


def test_a_text_has_the_same_features_where_no_convolutions_mix_it() -> None:
    """As in S1 and L."""
    check_features(*pair(TINY_S1))


@torch.inference_mode()
def test_with_a_padding_mask_theirs_answers_something_else(both: tuple[Sam3, Any]) -> None:
    ours, model = both
    ids = theirs.tokens(ours, TEXTS[0])
    masked = model.get_text_features(ids, attention_mask=(ids != 0).long()).pooler_output[0]
    a, _ = features(ours, model, TEXTS[0])
    apart = float((a - masked).abs().max())
    print(f"with the mask: {apart:.1f} of {float(a.abs().max()):.2f}")
    assert apart > 0.1


@torch.inference_mode()
def test_the_detector_answers_the_same(both: tuple[Sam3, Any]) -> None:
    check(answers(*both))


def answers(ours: Sam3, model: Any) -> Iterator[Pair]:
    """What both say to words, to words and boxes, and to boxes alone."""
    pixels, embedding = ours._square(picture(0)), ours.embed(picture(0))
    seen = model.get_vision_features(pixels)
    asked = {"words": Prompt("red circle"), "words and boxes": EXEMPLARS, "boxes": replace(EXEMPLARS, text=None)}
    for name, prompt in asked.items():
        ids = theirs.tokens(ours, prompt.text or "visual")
        size = embedding.height, embedding.width
        boxes = exemplars(size, [prompt], ours.device).box_embeddings[:, 0] if prompt.boxes else torch.zeros(1, 4)
        labels = [int(label) for label in prompt.labels] or [theirs.PADDING]  # without boxes one that is padding
        b = model(
            vision_embeds=seen,
            text_embeds=model.get_text_features(ids, attention_mask=None),
            attention_mask=(ids != 0).long(),
            input_boxes=boxes[None],
            input_boxes_labels=torch.tensor([labels]),
        )
        a = agreement.raw(ours, embedding, prompt)
        yield Pair("logits", name, a["pred_logits"][..., 0], b.pred_logits)
        yield Pair("presence", name, a["presence_logit_dec"], b.presence_logits)
        yield Pair("boxes", name, a["pred_boxes_xyxy"], b.pred_boxes)
        yield Pair("masks", name, a["pred_masks"], b.pred_masks)


def check(found: Iterator[Pair]) -> None:
    for each in found:
        apart = float((each.ours - each.theirs).abs().max())
        iou = f", IoU {each.iou:.6f}" if each.stage == "masks" else ""
        print(f"{each.what}, {each.stage}: {apart:.1e} of {float(each.theirs.abs().max()):.2f}{iou}")
        assert each.theirs.numel() == 1 or each.theirs.std() > 1e-3, f"{each.what} says nothing"
        if each.stage == "masks":
            assert each.iou >= IOU
        else:
            assert apart <= (BOXES if each.stage == "boxes" else LOGITS)


BLOCKS = "backbone.language_backbone.encoder.transformer.resblocks"


@torch.inference_mode()
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.reference.weight", "0.skip.weight"),
        ("0.skip.weight", "3.skip.weight"),
        ("0.scale", "0.mix_scale"),
        ("3.mix.1.bias", "3.spread.1.bias"),
    ],
)
def test_two_parameters_that_are_swapped_are_seen(both: tuple[Sam3, Any], one: str, other: str) -> None:
    ours, model = both
    a, b = (ours.network.get_parameter(f"{BLOCKS}.{name}") for name in (one, other))
    apart = []
    for _ in ("swap", "swap back"):
        a.data, b.data = b.data.clone(), a.data.clone()
        ours.detector.forget()
        mine, expected = features(ours, model, TEXTS[0])
        apart.append(float((mine - expected).abs().max()))
    assert apart[0] > 10 * FEATURES
    assert apart[1] <= FEATURES


@pytest.mark.slow
@torch.inference_mode()
@pytest.mark.parametrize("size", mobileclip.PUBLISHED)
def test_a_text_has_the_features_that_the_authors_own_code_gives_it(size: str) -> None:
    """At true size, with the same weights under the authors' names: tests/data/mobileclip says how theirs came."""
    with torch.device("meta"):
        encoder = text_encoder(mobileclip.PUBLISHED[size]).eval()
    ours = {PREFIX + key: each for key, each in encoder.state_dict().items()}
    drawn = {
        key: seeded.tensor(key, shape) if shape else torch.tensor(0)  # how many batches a norm has seen
        for key, shape in mobileclip.published(size).items()
    }
    found = mobileclip_layout.from_theirs(drawn, ours)
    encoder.load_state_dict({key.removeprefix(PREFIX): each for key, each in found.items()}, assign=True)
    features = encoder(TEXTS, device="cpu")[1]
    mine = torch.stack([sampled(each) for each in features.unbind(1)])
    apart = (mine - mobileclip.answers(size)).abs().max()
    print(f"{size}: {float(apart):.1e}")
    assert apart <= FEATURES


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", mobileclip.PUBLISHED)
def test_a_text_has_the_same_features_at_true_size(size: str) -> None:
    """The published text encoders at their width and depth, beside a tiny detector: 42 to 124 million parameters."""
    true = mobileclip.PUBLISHED[size]
    names = ("text_mixing", "text_width", "text_heads", "text_layers")
    config = replace(TINY_S0, **{name: getattr(true, name) for name in names})
    check_features(*pair(config))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@torch.inference_mode()
def test_the_detector_answers_the_same_at_true_size() -> None:
    """All of SAM3-LiteText S0 on a picture of 336 pixels, a ninth of the work of 1008: 550 million parameters."""
    check(answers(*pair(replace(mobileclip.PUBLISHED["s0"], image_size=336))))
