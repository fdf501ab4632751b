"""
Build the SAM3 network from the wheel's own classes.

The full-size model and nano differ only in their :class:`Config`. Parameter names are upstream's
(``sam3.model_builder``), so its checkpoints load unchanged.
"""

from __future__ import annotations

import warnings
from typing import Any

from torch import nn

from tracker.model import compat
from tracker.model.configs import Config
from tracker.model.conv_trunk import ConvTrunk
from tracker.model.decoder import Decoder
from tracker.model.encoder import Encoder
from tracker.model.features import Example
from tracker.model.students import Student
from tracker.model.text import Tokenizer, text_encoder

compat.prepare()

from sam3.model import decoder as sam3_decoder  # noqa: E402  (only after compat.prepare)
from sam3.model.encoder import TransformerEncoderLayer  # noqa: E402
from sam3.model.geometry_encoders import SequenceGeometryEncoder  # noqa: E402
from sam3.model.maskformer_segmentation import PixelDecoder, UniversalSegmentationHead  # noqa: E402
from sam3.model.memory import CXBlock, SimpleFuser, SimpleMaskDownSampler, SimpleMaskEncoder  # noqa: E402
from sam3.model.model_misc import MLP, DotProductScoring, MultiheadAttentionWrapper, TransformerWrapper  # noqa: E402
from sam3.model.necks import Sam3DualViTDetNeck  # noqa: E402
from sam3.model.position_encoding import PositionEmbeddingSine  # noqa: E402
from sam3.model.sam1_task_predictor import SAM3InteractiveImagePredictor  # noqa: E402
from sam3.model.sam3_image import Sam3Image  # noqa: E402
from sam3.model.sam3_tracking_predictor import Sam3TrackerPredictor  # noqa: E402
from sam3.model.vitdet import ViT  # noqa: E402
from sam3.model.vl_combiner import SAM3VLBackbone  # noqa: E402
from sam3.sam.transformer import RoPEAttention  # noqa: E402


def build(config: Config, tokenizer: Tokenizer | None = None, trunk: nn.Module | None = None) -> Sam3Image:
    """
    Build the network of ``config`` on the CPU with fresh weights, in eval mode.

    The interactive head and memory tracker is ``.inst_interactive_predictor.model``. ``tokenizer`` maps
    (texts, context_length) to ids; left out, it is CLIP's byte-pair encoding. ``trunk`` encodes pictures (its face:
    conv_trunk.py); left out, it is the configuration's.
    """
    interactive = SAM3InteractiveImagePredictor(_tracker(config))
    # Hard-coded to 288/144/72 upstream (sam1_task_predictor.py:64).
    interactive._bb_feat_sizes = [(config.grid * scale, config.grid * scale) for scale in (4, 2, 1)]
    model = Sam3Image(
        backbone=SAM3VLBackbone(
            visual=_vision(config, trunk or _trunk(config)), text=text_encoder(config, tokenizer), scalp=1
        ),
        transformer=TransformerWrapper(encoder=_fusion(config), decoder=_decoder(config), d_model=config.dim),
        input_geometry_encoder=_geometry(config),
        segmentation_head=_segmentation(config),
        num_feature_levels=1,
        o2m_mask_predict=True,
        dot_prod_scoring=_scoring(config),
        use_instance_query=False,
        multimask_output=True,
        inst_interactive_predictor=interactive,
        matcher=None,
    )
    return model.eval()


def _sine(features: int) -> PositionEmbeddingSine:
    # No precomputed resolution: it would be built on device="cuda". Encodings are cached on first use instead.
    return PositionEmbeddingSine(num_pos_feats=features, normalize=True, scale=None, temperature=10000)


def _attention(c: Config, *, dropout: float = 0.0, batch_first: bool = False) -> MultiheadAttentionWrapper:
    return MultiheadAttentionWrapper(num_heads=c.heads, dropout=dropout, embed_dim=c.dim, batch_first=batch_first)


def _vision(c: Config, trunk: nn.Module) -> Sam3DualViTDetNeck:
    return Sam3DualViTDetNeck(
        position_encoding=_sine(c.dim),
        d_model=c.dim,
        scale_factors=[4.0, 2.0, 1.0, 0.5],
        trunk=trunk,
        add_sam2_neck=True,
    )


def _trunk(c: Config) -> nn.Module:
    if c.trunk == "conv":
        return ConvTrunk(c.conv_channels, c.conv_depths, c.conv_dim)
    if c.trunk != "vit":
        return Student(c.trunk, c.vit_dim, c.patch)
    vit: nn.Module = ViT(
        img_size=c.image_size,
        pretrain_img_size=c.vit_pretrain_size,
        patch_size=c.patch,
        embed_dim=c.vit_dim,
        depth=c.vit_depth,
        num_heads=c.vit_heads,
        mlp_ratio=c.vit_mlp_ratio,
        norm_layer="LayerNorm",
        drop_path_rate=0.0,
        qkv_bias=True,
        use_abs_pos=True,
        tile_abs_pos=True,
        global_att_blocks=c.vit_global_blocks,
        rel_pos_blocks=(),
        use_rope=True,
        use_interp_rope=True,
        window_size=c.vit_window,
        pretrain_use_cls_token=True,
        retain_cls_token=False,
        ln_pre=True,
        ln_post=False,
        return_interm_layers=False,
        bias_patch_embed=False,
        use_act_checkpoint=False,
    )
    return vit


def _fusion(c: Config) -> Encoder:
    layer = TransformerEncoderLayer(
        activation="relu",
        d_model=c.dim,
        dim_feedforward=c.feedforward,
        dropout=0.0,
        pos_enc_at_attn=True,
        pos_enc_at_cross_attn_keys=False,
        pos_enc_at_cross_attn_queries=False,
        pre_norm=True,
        self_attention=_attention(c, batch_first=True),
        cross_attention=_attention(c, batch_first=True),
    )
    return Encoder(
        layer=layer,
        num_layers=c.encoder_layers,
        d_model=c.dim,
        num_feature_levels=1,
        frozen=False,
        use_act_checkpoint=True,
        add_pooled_text_to_img_feat=False,
        pool_text_with_mask=True,
    )


def _decoder(c: Config) -> Decoder:
    layer = sam3_decoder.TransformerDecoderLayer(
        activation="relu",
        d_model=c.dim,
        dim_feedforward=c.feedforward,
        dropout=0.0,
        cross_attention=_attention(c),
        n_heads=c.heads,
        use_text_cross_attention=True,
    )
    for attention in (layer.self_attn, layer.ca_text):
        # Upstream asks for attention weights and throws them away: without them torch's fused attention is used.
        attention.__class__ = MultiheadAttentionWrapper
    decoder = Decoder(
        layer=layer,
        num_layers=c.decoder_layers,
        num_queries=c.queries,
        return_intermediate=True,
        box_refine=True,
        num_o2m_queries=0,
        dac=True,
        boxRPB="log",
        d_model=c.dim,
        frozen=False,
        interaction_layer=None,
        dac_use_selfatt_ln=True,
        # With sizes given, box coordinates are precomputed on device="cuda"; without, cached on first use.
        resolution=None,
        stride=None,
        use_act_checkpoint=True,
        presence_token=True,
    )
    decoder.grid = c.grid
    return decoder


def _scoring(c: Config) -> DotProductScoring:
    mlp = MLP(
        input_dim=c.dim,
        hidden_dim=c.feedforward,
        output_dim=c.dim,
        num_layers=2,
        dropout=0.0,
        residual=True,
        out_norm=nn.LayerNorm(c.dim),
    )
    return DotProductScoring(d_model=c.dim, d_proj=c.dim, prompt_mlp=mlp)


def _segmentation(c: Config) -> UniversalSegmentationHead:
    return UniversalSegmentationHead(
        hidden_dim=c.dim,
        upsampling_stages=3,
        aux_masks=False,
        presence_head=False,
        dot_product_scorer=None,
        act_ckpt=False,  # it would wrap what is not trained too, and load torch._dynamo for that
        cross_attend_prompt=_attention(c),
        pixel_decoder=PixelDecoder(num_upsampling_stages=3, interpolation_mode="nearest", hidden_dim=c.dim),
    )


class _Geometry(SequenceGeometryEncoder):  # type: ignore[misc]
    """The same; an example that it made of another picture it gives back as it is."""

    def forward(self, geo_prompt: Any, *args: Any, **kwargs: Any) -> Any:
        """Tokens (T, P, C) and their padding (P, T)."""
        if isinstance(geo_prompt, Example):
            return geo_prompt.tokens, geo_prompt.padding
        return super().forward(geo_prompt, *args, **kwargs)


def _geometry(c: Config) -> SequenceGeometryEncoder:
    layer = TransformerEncoderLayer(
        activation="relu",
        d_model=c.dim,
        dim_feedforward=c.feedforward,
        dropout=0.0,
        pos_enc_at_attn=False,
        pre_norm=True,
        self_attention=_attention(c),
        pos_enc_at_cross_attn_queries=False,
        pos_enc_at_cross_attn_keys=True,
        cross_attention=_attention(c),
    )
    return _Geometry(
        pos_enc=_sine(c.dim),
        encode_boxes_as_points=False,
        points_direct_project=True,
        points_pool=True,
        points_pos_enc=True,
        boxes_direct_project=True,
        boxes_pool=True,
        boxes_pos_enc=True,
        d_model=c.dim,
        num_layers=c.geometry_layers,
        layer=layer,
        use_act_ckpt=True,
        add_cls=True,
        add_post_encode_proj=True,
    )


def _memory_attention(c: Config) -> TransformerWrapper:
    def rope(**extra: object) -> RoPEAttention:
        return RoPEAttention(
            embedding_dim=c.dim,
            num_heads=1,
            downsample_rate=1,
            dropout=0.0,
            rope_theta=10000.0,
            feat_sizes=[c.grid, c.grid],
            **extra,
        )

    layer = sam3_decoder.TransformerDecoderLayerv2(
        cross_attention_first=False,
        activation="relu",
        dim_feedforward=c.feedforward,
        dropout=0.0,
        pos_enc_at_attn=False,
        pre_norm=True,
        d_model=c.dim,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        self_attention=rope(),
        cross_attention=rope(kv_in_dim=c.memory_dim, rope_k_repeat=True),
    )
    encoder = sam3_decoder.TransformerEncoderCrossAttention(
        remove_cross_attention_layers=[],
        batch_first=True,
        d_model=c.dim,
        frozen=False,
        pos_enc_at_input=True,
        layer=layer,
        num_layers=c.memory_layers,
        use_act_checkpoint=False,
    )
    return TransformerWrapper(encoder=encoder, decoder=None, d_model=c.dim)


def _tracker(c: Config) -> Sam3TrackerPredictor:
    fuser_block = CXBlock(dim=c.dim, kernel_size=7, padding=3, layer_scale_init_value=1e-6, use_dwconv=True)
    memory_encoder = SimpleMaskEncoder(
        out_dim=c.memory_dim,
        in_dim=c.dim,
        position_encoding=_sine(c.memory_dim),
        mask_downsampler=SimpleMaskDownSampler(
            embed_dim=c.dim, kernel_size=3, stride=2, padding=1, interpol_size=[c.grid * 16, c.grid * 16]
        ),
        fuser=SimpleFuser(layer=fuser_block, num_layers=2),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="CUDA is not available", category=UserWarning)
        tracker = Sam3TrackerPredictor(
            image_size=c.image_size,
            num_maskmem=c.memory_frames,
            backbone=None,
            backbone_stride=c.patch,
            transformer=_memory_attention(c),
            maskmem_backbone=memory_encoder,
            multimask_output_in_sam=True,
            forward_backbone_per_frame_for_eval=True,
            trim_past_non_cond_mem_for_eval=False,
            multimask_output_for_tracking=True,
            multimask_min_pt_num=0,
            multimask_max_pt_num=1,
            always_start_from_first_ann_frame=False,
            non_overlap_masks_for_mem_enc=False,
            non_overlap_masks_for_output=False,
            max_cond_frames_in_attn=4,
            offload_output_to_cpu_for_eval=False,
            sam_mask_decoder_extra_args={
                "dynamic_multimask_via_stability": True,
                "dynamic_multimask_stability_delta": 0.05,
                "dynamic_multimask_stability_thresh": 0.98,
            },
            clear_non_cond_mem_around_input=True,
            fill_hole_area=0,
            use_memory_selection=False,
        )
    compat.leave_autocast(tracker)
    return tracker
