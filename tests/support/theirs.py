"""``transformers``' own SAM3 with our weights: an implementation nobody here wrote, asked the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tracker import Sam3, SegmentPrompt
from tracker.checkpoints import litetext_layout, transformers_layout, weights
from tracker.model import compat
from tracker.model.bank import Memory
from tracker.model.configs import Config

PADDING = -10  # their label of a box that is none

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
            "text_config": _text(c),
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


def _text(c: Config) -> dict[str, Any]:
    if c.text_tower == "mobileclip":
        return {
            "model_type": "sam3_lite_text_text_model",
            "vocab_size": c.text_vocabulary,
            "hidden_size": c.text_width,
            "intermediate_size": c.text_width * 4,
            "projection_dim": c.text_width,
            "num_hidden_layers": c.text_layers + 2 * c.text_mixing,
            "num_attention_heads": c.text_heads,
            "max_position_embeddings": c.text_context,
            "use_repmixer_blocks": c.text_mixing,
        }
    return {
        "model_type": "clip_text_model",
        "vocab_size": c.text_vocabulary,
        "hidden_size": c.text_width,
        "intermediate_size": c.text_width * 4,
        "projection_dim": 512,
        "num_hidden_layers": c.text_layers,
        "num_attention_heads": c.text_heads,
        "max_position_embeddings": c.text_context,
        "hidden_act": "gelu",
        "bos_token_id": c.text_vocabulary - 2,
        "eos_token_id": c.text_vocabulary - 1,
    }


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

    model: Any = Sam3VideoModel(config(c))
    model.eval().requires_grad_(False)
    if checkpoint is not None:
        model.load_state_dict(checkpoint, assign=True)
    return model


def litetext(c: Config, checkpoint: dict[str, Tensor] | None = None) -> Any:
    """A ``Sam3LiteTextModel``, a detector alone, in eval mode, with its tensors of ``checkpoint``."""
    from transformers import Sam3LiteTextConfig, Sam3LiteTextModel

    sizes = config(c).detector_config.to_dict()
    parts = ("vision", "text", "geometry_encoder", "detr_encoder", "detr_decoder", "mask_decoder")
    wanted: dict[str, Any] = {
        f"{part}_config": {k: v for k, v in sizes[f"{part}_config"].items() if k != "model_type"} for part in parts
    }
    wanted["vision_config"] = _vision(c)
    wanted["text_config"] = _text(c)
    model: Any = Sam3LiteTextModel(Sam3LiteTextConfig(**wanted))
    model.eval().requires_grad_(False)
    if checkpoint is not None:
        prefix = "detector_model."
        mine = {key.removeprefix(prefix): each for key, each in checkpoint.items() if key.startswith(prefix)}
        model.load_state_dict(mine, assign=True)
    return model


def checkpoint(model: Sam3) -> dict[str, Tensor]:
    """The weights of a model of ours in their layout."""
    layout: Any = litetext_layout if model.config.text_tower == "mobileclip" else transformers_layout
    found: dict[str, Tensor] = layout.to_theirs(weights.upstream_keys(model.network))
    return found


@torch.no_grad()
def randomise(network: torch.nn.Module, seed: int = 0) -> None:
    """
    Give every parameter values of its own, so that two that are swapped, or one that is dropped, are seen.

    Fresh networks hide such errors: biases are 0, scales of norms 1, layer scales 1e-6.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, each in network.named_parameters():
        noise = torch.randn(each.shape, generator=generator)
        if name.endswith("gamma") or (("norm" in name or ".ln_" in name) and name.endswith("weight")):
            each.copy_(1 + 0.2 * noise)
        elif each.ndim == 1:
            each.copy_(0.1 * noise)
        elif ("embed" in name and "patch" not in name and "layers" not in name) or "token.weight" in name:
            each.copy_(0.5 * noise)
        elif "gaussian" in name:
            each.copy_(noise)
        else:
            fan = each[0].numel() if each.shape[0] > 1 else each.numel()
            each.copy_(noise * fan**-0.5)
    for name, seen in network.named_buffers():
        if name.endswith("running_mean"):
            seen.copy_(0.1 * torch.randn(seen.shape, generator=generator))
        elif name.endswith("running_var"):
            seen.copy_(0.5 + torch.rand(seen.shape, generator=generator))


def tokens(model: Sam3, text: str) -> Tensor:
    """The ids (1, L) of a text, 0 where padded."""
    ids: Tensor = model.network.backbone.language_backbone.tokenizer([text], context_length=model.config.text_context)
    return ids


def features(model: Any, seen: Any) -> tuple[list[Tensor], list[Tensor]]:
    """The detector's three levels, and the tracker's, in (1, C, h, w), of what their backbone saw."""
    maps, _ = model.get_vision_features_for_tracker(seen)
    levels = [each.permute(1, 2, 0).unflatten(-1, (round(len(each) ** 0.5),) * 2) for each in maps]
    return list(seen.fpn_hidden_states[:-1]), levels


def detect(model: Any, seen: Any, ids: Tensor, boxes: Tensor | None = None, labels: Sequence[int] = ()) -> Any:
    """
    What their detector answers to tokens (1, L), 0 where padded, and exemplar boxes (N, 4): shares, centre and size.

    Without boxes it is given one that is padding: see docs/agreement.md.
    """
    return model.detector_model(
        vision_embeds=seen,
        input_ids=ids,
        attention_mask=(ids != 0).long(),
        input_boxes=torch.zeros(1, 1, 4) if boxes is None else boxes[None],
        input_boxes_labels=torch.tensor([[PADDING] if boxes is None else list(labels)]),
    )


def clicker(c: Config, checkpoint: dict[str, Tensor]) -> Any:
    """A ``Sam3TrackerModel`` for embedded pictures only: its backbone has one layer, which nobody asks."""
    from transformers import Sam3TrackerConfig, Sam3TrackerModel

    whole = config(c).tracker_config
    vision = whole.vision_config.to_dict()
    vision["backbone_config"] |= {"num_hidden_layers": 1, "global_attn_indexes": [0]}
    model: Any = Sam3TrackerModel(
        Sam3TrackerConfig(
            vision_config=vision,
            prompt_encoder_config=whole.prompt_encoder_config.to_dict() | {"model_type": "sam3_tracker_prompt_encoder"},
            mask_decoder_config={"hidden_size": c.dim},
        )
    )
    prefix = "tracker_model."
    wanted = {name for name in model.state_dict() if not name.startswith("vision_encoder.")}
    model.load_state_dict({name: checkpoint[prefix + name] for name in wanted}, strict=False, assign=True)
    model.eval().requires_grad_(False)
    return model


def click(model: Any, levels: Sequence[Tensor], prompt: SegmentPrompt, scale: tuple[float, float], many: bool) -> Any:
    """What their clicker answers to a prompt on embedded ``levels``; ``scale``: their pixels for one of ours."""
    asked: dict[str, Tensor] = {}
    if prompt.points:
        places = [[point.x * scale[0], point.y * scale[1]] for point in prompt.points]
        asked["input_points"] = torch.tensor([[places]])
        asked["input_labels"] = torch.tensor([[[int(point.positive) for point in prompt.points]]])
    if prompt.box:
        corners = torch.tensor([prompt.box.x0, prompt.box.y0, prompt.box.x1, prompt.box.y1])
        asked["input_boxes"] = (corners * torch.tensor(scale).repeat(2))[None, None]
    if prompt.logits is not None:
        asked["input_masks"] = prompt.logits[None, None]
    fine, middle, coarse = levels
    embedded = [fine, middle, coarse + model.no_memory_embedding.view(1, -1, 1, 1)]
    return model(image_embeddings=embedded, multimask_output=many, **asked)


class Following:
    """One object in their memory tracker, seen on embedded frames."""

    def __init__(self, model: Any) -> None:
        from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import Sam3TrackerVideoInferenceSession

        self.model = model
        self.session: Any = Sam3TrackerVideoInferenceSession(video_height=1, video_width=1, dtype=torch.float32)
        self.place = self.session.obj_id_to_idx(1)

    def step(self, pixels: Tensor, seen: Any, tick: int, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The next frame, by memory or with the (H, W) binary ``mask`` taken as true; what they keep of it."""
        if mask is not None:
            self.session.add_mask_inputs(self.place, tick, mask[None, None].float())
            self.session.obj_with_new_inputs = [1]
        maps, places = self.model.get_vision_features_for_tracker(seen)
        self.session.cache.cache_vision_features(tick, {"vision_feats": maps, "vision_pos_embeds": places})
        self.model.tracker_model(inference_session=self.session, frame=pixels)
        return self.kept(tick, conditioning=mask is not None)

    def kept(self, tick: int, *, conditioning: bool) -> dict[str, Tensor]:
        """Their outputs of a frame."""
        outputs = self.session.output_dict_per_obj[self.place]
        kept: dict[str, Tensor] = outputs["cond_frame_outputs" if conditioning else "non_cond_frame_outputs"][tick]
        return kept

    def condition(self, memory: Memory) -> None:
        """Put a memory of ours in the place of what they made of the same frame."""
        assert memory.features is not None
        kept = self.kept(memory.tick, conditioning=True)
        kept["object_pointer"] = memory.pointer[None]
        kept["maskmem_features"] = memory.features.bfloat16().flatten(2).permute(2, 0, 1)
