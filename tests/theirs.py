"""``transformers``' own SAM3 with our weights: an implementation nobody here wrote, asked the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tracker import Box, Sam3, SegmentPrompt, compat, layout, weights
from tracker.model import Config

compat.prepare()  # torchvision imports afterwards, which transformers wants


def config(c: Config) -> Any:
    """A ``Sam3VideoConfig`` of the same sizes. ``memory_dim`` has to be 64: it is a constant in their attention."""
    from transformers import Sam3VideoConfig

    sizes = {"hidden_size": c.dim, "num_attention_heads": c.heads}
    wide = sizes | {"intermediate_size": c.feedforward}
    return Sam3VideoConfig(
        detector_config={
            "model_type": "sam3",
            "vision_config": _vision(c),
            "text_config": {
                "model_type": "clip_text_model",
                "vocab_size": c.text_vocabulary,
                "hidden_size": c.text_width,
                "intermediate_size": c.text_width * 4,
                "projection_dim": 512,
                "num_hidden_layers": c.text_layers,
                "num_attention_heads": c.text_heads,
                "max_position_embeddings": c.text_context,
                "hidden_act": "gelu",
                "bos_token_id": None,
                "eos_token_id": None,
            },
            "geometry_encoder_config": wide | {"num_layers": c.geometry_layers},
            "detr_encoder_config": wide | {"num_layers": c.encoder_layers},
            "detr_decoder_config": wide | {"num_layers": c.decoder_layers, "num_queries": c.queries},
            "mask_decoder_config": sizes,
        },
        tracker_config={
            "model_type": "sam3_tracker_video",
            "vision_config": _vision(c),
            "image_size": c.image_size,
            "prompt_encoder_config": {"hidden_size": c.dim, "image_size": c.image_size, "patch_size": c.patch},
            "mask_decoder_config": {"hidden_size": c.dim},
            "num_maskmem": c.memory_frames,
            "memory_attention_hidden_size": c.dim,
            "memory_attention_num_layers": c.memory_layers,
            "memory_attention_feed_forward_hidden_size": c.feedforward,
            "memory_encoder_hidden_size": c.dim,
            "memory_encoder_output_channels": c.memory_dim,
            "mask_downsampler_embed_dim": c.dim,
            "memory_fuser_embed_dim": c.dim,
            "memory_fuser_intermediate_dim": c.dim * 4,
        },
        low_res_mask_size=c.grid * 4,
    )


def _vision(c: Config) -> dict[str, Any]:
    return {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": c.vit_dim,
            "intermediate_size": int(c.vit_dim * c.vit_mlp_ratio),
            "num_hidden_layers": c.vit_depth,
            "num_attention_heads": c.vit_heads,
            "image_size": c.image_size,
            "patch_size": c.patch,
            "window_size": c.vit_window,
            "global_attn_indexes": list(c.vit_global_blocks),
            "pretrain_image_size": c.vit_pretrain_size,
        },
        "fpn_hidden_size": c.dim,
        "backbone_feature_sizes": [[c.grid * scale] * 2 for scale in (4, 2, 1)],
    }


def build(c: Config, checkpoint: dict[str, Tensor] | None = None) -> Any:
    """A ``Sam3VideoModel`` in eval mode, holding the tensors of ``checkpoint`` themselves."""
    from transformers import Sam3VideoModel

    model = Sam3VideoModel(config(c)).eval().requires_grad_(False)
    if checkpoint is not None:
        model.load_state_dict(checkpoint, assign=True)
    return model


def checkpoint(model: Sam3) -> dict[str, Tensor]:
    """The weights of a model of ours in their layout."""
    return layout.to_theirs(weights.upstream_keys(model.network))


@torch.no_grad()
def randomise(network: torch.nn.Module, seed: int = 0) -> None:
    """
    Give every parameter values of its own, so that two that are swapped, or one that is dropped, are seen.

    Fresh networks hide such errors: biases are 0, scales of norms 1, layer scales 1e-6.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, each in network.named_parameters():
        noise = torch.randn(each.shape, generator=generator)
        if name.endswith("gamma") or ("norm" in name or ".ln_" in name) and name.endswith("weight"):
            each.copy_(1 + 0.2 * noise)
        elif each.ndim == 1:
            each.copy_(0.1 * noise)
        elif "embed" in name and "patch" not in name and "layers" not in name or "token.weight" in name:
            each.copy_(0.5 * noise)
        elif "gaussian" in name:
            each.copy_(noise)
        else:
            fan = each[0].numel() if each.shape[0] > 1 else each.numel()
            each.copy_(noise * fan**-0.5)


@torch.no_grad()
def features(model: Any, pixels: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The detector's three levels of (1, 3, S, S) pixels, and the tracker's, in (1, C, h, w)."""
    seen = model.detector_model.get_vision_features(pixels)
    maps, _ = model.get_vision_features_for_tracker(seen)
    levels = [each.permute(1, 2, 0).unflatten(-1, (round(len(each) ** 0.5),) * 2) for each in maps]
    return list(seen.fpn_hidden_states[:-1]), levels


@torch.no_grad()
def detect(
    model: Any, pixels: Tensor, ids: Tensor, boxes: Sequence[Box] = (), labels: Sequence[bool] = (), size: tuple[int, int] = (1, 1)
) -> Any:  # fmt: skip
    """What their detector answers to tokens (1, L), 0 where padded, and exemplar boxes in a (height, width) picture."""
    height, width = size
    shares = [[(b.x0 + b.x1) / 2 / width, (b.y0 + b.y1) / 2 / height, (b.x1 - b.x0) / width, (b.y1 - b.y0) / height] for b in boxes]  # fmt: skip  # noqa: E501
    asked = {"input_boxes": torch.tensor([shares]), "input_boxes_labels": torch.tensor([labels]).long()} if boxes else {}
    return model.detector_model(pixel_values=pixels, input_ids=ids, attention_mask=(ids != 0).long(), **asked)
