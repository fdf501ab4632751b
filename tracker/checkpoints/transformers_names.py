"""
Where every tensor of a SAM3 checkpoint stands in ``transformers``' layout: two tables, and nothing else.

``#`` is a number. The first column is upstream's, what ``sam3.pt`` holds; the second that of ``Sam3VideoModel``.
"""

from __future__ import annotations

from tracker.checkpoints.keymap import How, Modules

PREFIXES = ("detector_model.", "tracker_model.", "tracker_neck.")

# Modules with a weight and mostly a bias. A module of theirs with "*" is three: q, k and v, stacked in ours.
_NORMS = tuple((f"norm{number}", f"layer_norm{number}") for number in (1, 2, 3))
_SELF = (("self_attn.in_proj", "self_attn.*_proj"), ("self_attn.out_proj", "self_attn.o_proj"))
_FEEDFORWARD = (("linear1", "mlp.fc1"), ("linear2", "mlp.fc2"))
_CROSS = (("cross_attn_image.in_proj", "cross_attn.*_proj"), ("cross_attn_image.out_proj", "cross_attn.o_proj"))
_NECK = (
    ("#.conv_1x1", "#.proj1"),
    ("#.conv_3x3", "#.proj2"),
    ("#.dconv_2x2", "#.scale_layers.0"),
    ("#.dconv_2x2_0", "#.scale_layers.0"),
    ("#.dconv_2x2_1", "#.scale_layers.2"),
)
_PROJECTIONS = (("q_proj", "q_proj"), ("k_proj", "k_proj"), ("v_proj", "v_proj"), ("out_proj", "o_proj"))


def _layers(*names: str) -> tuple[tuple[str, str], ...]:
    """The layers of a small network: numbered in ours, named in theirs."""
    return tuple((f"layers.{number}", name) for number, name in enumerate(names))


def _parts(parts: tuple[str, ...], rows: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The same rows for several parts that have one name in both."""
    return tuple((f"{part}.{ours}", f"{part}.{theirs}") for part in parts for ours, theirs in rows)


_THREE, _TWO, _SAM = ("layer1", "layer2", "layer3"), ("layer1", "layer2"), ("proj_in", "layers.0", "proj_out")

MODULES: Modules = (
    (
        "detector.backbone.vision_backbone.trunk",
        "detector_model.vision_encoder.backbone",
        (("patch_embed.proj", "embeddings.patch_embeddings.projection"), ("ln_pre", "layer_norm")),
    ),
    (
        "detector.backbone.vision_backbone.trunk.blocks.#",
        "detector_model.vision_encoder.backbone.layers.#",
        (
            ("norm1", "layer_norm1"),
            ("norm2", "layer_norm2"),
            ("attn.qkv", "attention.*_proj"),
            ("attn.proj", "attention.o_proj"),
            ("mlp.fc1", "mlp.fc1"),
            ("mlp.fc2", "mlp.fc2"),
        ),
    ),
    ("detector.backbone.vision_backbone.convs", "detector_model.vision_encoder.neck.fpn_layers", _NECK),
    ("detector.backbone.vision_backbone.sam2_convs", "tracker_neck.fpn_layers", _NECK),
    (
        "detector.backbone.language_backbone",
        "detector_model",
        (
            ("encoder.token_embedding", "text_encoder.text_model.embeddings.token_embedding"),
            ("encoder.ln_final", "text_encoder.text_model.final_layer_norm"),
            ("resizer", "text_projection"),
        ),
    ),
    (
        "detector.backbone.language_backbone.encoder.transformer.resblocks.#",
        "detector_model.text_encoder.text_model.encoder.layers.#",
        (
            ("attn.in_proj", "self_attn.*_proj"),
            ("attn.out_proj", "self_attn.out_proj"),
            ("ln_1", "layer_norm1"),
            ("ln_2", "layer_norm2"),
            ("mlp.c_fc", "mlp.fc1"),
            ("mlp.c_proj", "mlp.fc2"),
        ),
    ),
    (
        "detector.geometry_encoder",
        "detector_model.geometry_encoder",
        (
            ("boxes_direct_project", "boxes_direct_project"),
            ("boxes_pool_project", "boxes_pool_project"),
            ("boxes_pos_enc_project", "boxes_pos_enc_project"),
            ("label_embed", "label_embed"),
            ("cls_embed", "cls_embed"),
            ("final_proj", "final_proj"),
            ("img_pre_norm", "vision_layer_norm"),
            ("norm", "prompt_layer_norm"),
            ("encode_norm", "output_layer_norm"),
        ),
    ),
    (
        "detector.geometry_encoder.encode.#",
        "detector_model.geometry_encoder.layers.#",
        (*_SELF, *_CROSS, *_FEEDFORWARD, *_NORMS),
    ),
    (
        "detector.transformer.encoder.layers.#",
        "detector_model.detr_encoder.layers.#",
        (*_SELF, *_CROSS, *_FEEDFORWARD, *_NORMS),
    ),
    (
        "detector.transformer.decoder",
        "detector_model.detr_decoder",
        (
            ("query_embed", "query_embed"),
            ("reference_points", "reference_points"),
            ("presence_token", "presence_token"),
            ("presence_token_out_norm", "presence_layer_norm"),
            ("norm", "output_layer_norm"),
        ),
    ),
    (
        "detector.transformer.decoder.layers.#",
        "detector_model.detr_decoder.layers.#",
        (
            *_SELF,
            ("ca_text.in_proj", "text_cross_attn.*_proj"),
            ("ca_text.out_proj", "text_cross_attn.o_proj"),
            ("cross_attn.in_proj", "vision_cross_attn.*_proj"),
            ("cross_attn.out_proj", "vision_cross_attn.o_proj"),
            *_FEEDFORWARD,
            ("norm1", "vision_cross_attn_layer_norm"),
            ("catext_norm", "text_cross_attn_layer_norm"),
            ("norm2", "self_attn_layer_norm"),
            ("norm3", "mlp_layer_norm"),
        ),
    ),
    ("detector.transformer.decoder.presence_token_head", "detector_model.detr_decoder.presence_head", _layers(*_THREE)),
    ("detector.transformer.decoder.bbox_embed", "detector_model.detr_decoder.box_head", _layers(*_THREE)),
    ("detector.transformer.decoder.ref_point_head", "detector_model.detr_decoder.ref_point_head", _layers(*_TWO)),
    ("detector.transformer.decoder.boxRPB_embed_x", "detector_model.detr_decoder.box_rpb_embed_x", _layers(*_TWO)),
    ("detector.transformer.decoder.boxRPB_embed_y", "detector_model.detr_decoder.box_rpb_embed_y", _layers(*_TWO)),
    (
        "detector.dot_prod_scoring",
        "detector_model.dot_product_scoring",
        (
            ("prompt_mlp.layers.0", "text_mlp.layer1"),
            ("prompt_mlp.layers.1", "text_mlp.layer2"),
            ("prompt_mlp.out_norm", "text_mlp_out_norm"),
            ("prompt_proj", "text_proj"),
            ("hs_proj", "query_proj"),
        ),
    ),
    (
        "detector.segmentation_head",
        "detector_model.mask_decoder",
        (
            ("pixel_decoder.conv_layers.#", "pixel_decoder.conv_layers.#"),
            ("pixel_decoder.norms.#", "pixel_decoder.norms.#"),
            ("mask_predictor.mask_embed.layers.#", "mask_embedder.layers.#"),
            ("instance_seg_head", "instance_projection"),
            ("semantic_seg_head", "semantic_projection"),
            ("cross_attend_prompt.in_proj", "prompt_cross_attn.*_proj"),
            ("cross_attend_prompt.out_proj", "prompt_cross_attn.o_proj"),
            ("cross_attn_norm", "prompt_cross_attn_norm"),
        ),
    ),
    (
        "tracker",
        "tracker_model",
        (
            ("mask_downsample", "mask_downsample"),
            ("obj_ptr_tpos_proj", "temporal_positional_encoding_projection_layer"),
            ("transformer.encoder.norm", "memory_attention.layer_norm"),
        ),
    ),
    ("tracker.obj_ptr_proj", "tracker_model.object_pointer_proj", _layers(*_SAM)),
    (
        "tracker.transformer.encoder.layers.#",
        "tracker_model.memory_attention.layers.#",
        (
            *_parts(("self_attn", "cross_attn_image"), _PROJECTIONS),
            ("linear1", "linear1"),
            ("linear2", "linear2"),
            *_NORMS,
        ),
    ),
    (
        "tracker.maskmem_backbone",
        "tracker_model.memory_encoder",
        (
            *((f"mask_downsampler.encoder.{3 * stage}", f"mask_downsampler.layers.{stage}.conv") for stage in range(4)),
            *(
                (f"mask_downsampler.encoder.{3 * stage + 1}", f"mask_downsampler.layers.{stage}.layer_norm")
                for stage in range(4)
            ),
            ("mask_downsampler.encoder.12", "mask_downsampler.final_conv"),
            ("pix_feat_proj", "feature_projection"),
            ("out_proj", "projection"),
            ("fuser.layers.#.dwconv", "memory_fuser.layers.#.depthwise_conv"),
            ("fuser.layers.#.norm", "memory_fuser.layers.#.layer_norm"),
            ("fuser.layers.#.pwconv1", "memory_fuser.layers.#.pointwise_conv1"),
            ("fuser.layers.#.pwconv2", "memory_fuser.layers.#.pointwise_conv2"),
        ),
    ),
    (
        "tracker.sam_prompt_encoder",
        "tracker_model.prompt_encoder",
        (
            ("mask_downscaling.0", "mask_embed.conv1"),
            ("mask_downscaling.1", "mask_embed.layer_norm1"),
            ("mask_downscaling.3", "mask_embed.conv2"),
            ("mask_downscaling.4", "mask_embed.layer_norm2"),
            ("mask_downscaling.6", "mask_embed.conv3"),
            ("no_mask_embed", "no_mask_embed"),
            ("not_a_point_embed", "not_a_point_embed"),
        ),
    ),
    (
        "tracker.sam_mask_decoder",
        "tracker_model.mask_decoder",
        (
            ("conv_s0", "conv_s0"),
            ("conv_s1", "conv_s1"),
            ("iou_token", "iou_token"),
            ("mask_tokens", "mask_tokens"),
            ("obj_score_token", "obj_score_token"),
            ("output_upscaling.0", "upscale_conv1"),
            ("output_upscaling.1", "upscale_layer_norm"),
            ("output_upscaling.3", "upscale_conv2"),
            ("transformer.norm_final_attn", "transformer.layer_norm_final_attn"),
        ),
    ),
    ("tracker.sam_mask_decoder.iou_prediction_head", "tracker_model.mask_decoder.iou_prediction_head", _layers(*_SAM)),
    ("tracker.sam_mask_decoder.pred_obj_score_head", "tracker_model.mask_decoder.pred_obj_score_head", _layers(*_SAM)),
    (
        "tracker.sam_mask_decoder.output_hypernetworks_mlps.#",
        "tracker_model.mask_decoder.output_hypernetworks_mlps.#",
        _layers(*_SAM),
    ),
    (
        "tracker.sam_mask_decoder.transformer.layers.#",
        "tracker_model.mask_decoder.transformer.layers.#",
        (
            *_parts(("self_attn", "cross_attn_token_to_image", "cross_attn_image_to_token"), _PROJECTIONS),
            ("mlp.lin1", "mlp.proj_in"),
            ("mlp.lin2", "mlp.proj_out"),
            *_NORMS,
            ("norm4", "layer_norm4"),
        ),
    ),
    (
        "tracker.sam_mask_decoder.transformer.final_attn_token_to_image",
        "tracker_model.mask_decoder.transformer.final_attn_token_to_image",
        _PROJECTIONS,
    ),
)


_TEXT, _VIT = "detector.backbone.language_backbone.encoder", "detector.backbone.vision_backbone.trunk"
PARAMETERS: tuple[tuple[str, str | None, How], ...] = (
    (f"{_VIT}.pos_embed", "detector_model.vision_encoder.backbone.embeddings.position_embeddings", How.CLASS_ROW),
    (f"{_VIT}.blocks.#.attn.freqs_cis", None, How.COMPUTED),
    (
        f"{_TEXT}.positional_embedding",
        "detector_model.text_encoder.text_model.embeddings.position_embedding.weight",
        How.SAME,
    ),
    (f"{_TEXT}.text_projection", "detector_model.text_encoder.text_projection.weight", How.TRANSPOSED),
    *(
        (f"detector.geometry_encoder.points_{name}_project.{part}", None, How.UNUSED)
        for name in ("direct", "pool", "pos_enc")
        for part in ("weight", "bias")
    ),
    (
        "tracker.sam_prompt_encoder.point_embeddings.#.weight",
        "tracker_model.prompt_encoder.point_embed.weight",
        How.ROW,
    ),
    (
        "tracker.sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "tracker_model.prompt_encoder.shared_embedding.positional_embedding",
        How.SAME,
    ),
    (
        "tracker.maskmem_backbone.fuser.layers.#.gamma",
        "tracker_model.memory_encoder.memory_fuser.layers.#.scale",
        How.SAME,
    ),
    ("tracker.maskmem_tpos_enc", "tracker_model.memory_temporal_positional_encoding", How.SAME),
    ("tracker.no_mem_embed", "tracker_model.no_memory_embedding", How.SAME),
    ("tracker.no_mem_pos_enc", "tracker_model.no_memory_positional_encoding", How.SAME),
    ("tracker.no_obj_ptr", "tracker_model.no_object_pointer", How.SAME),
    ("tracker.no_obj_embed_spatial", "tracker_model.occlusion_spatial_embedding_parameter", How.SAME),
)

# What theirs has twice: the same numbers under a second name, which must be equal.
TWICE = {
    "tracker_model.shared_image_embedding.positional_embedding": (
        "tracker_model.prompt_encoder.shared_embedding.positional_embedding"
    )
}
