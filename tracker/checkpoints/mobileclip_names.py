"""
Where every tensor of MobileCLIP's text encoder stands in published files: tables, and nothing else.

Ours is the first column of each (tracker/model/mobileclip.py). ``EFFICIENTSAM3``: the files of SAM3-LiteText and
EfficientSAM3, in which all else is named as in upstream's ``sam3.pt``. ``LITETEXT``: ``Sam3LiteTextModel`` of
``transformers``, in which all else is named as in its ``Sam3VideoModel``.
"""

from __future__ import annotations

from tracker.checkpoints.keymap import How, Modules

TEXT = "detector.backbone.language_backbone"
_BLOCKS = f"{TEXT}.encoder.transformer.resblocks.#"

_LAYERS = f"{TEXT}.encoder.transformer.#"
EFFICIENTSAM3_POSITIONS = f"{TEXT}.encoder.positional_embedding.pos_embed.pos_embed"
EFFICIENTSAM3_MODULES: Modules = (
    (
        TEXT,
        TEXT,
        (
            ("encoder.token_embedding", "encoder.embedding_layer"),
            ("encoder.ln_final", "encoder.final_layer_norm"),
            ("resizer", "projector"),
        ),
    ),
    (
        _BLOCKS,
        _LAYERS,
        (
            ("ln_1", "pre_norm_mha.0"),
            ("attn.in_proj", "pre_norm_mha.1.qkv_proj"),
            ("attn.out_proj", "pre_norm_mha.1.out_proj"),
            ("ln_2", "pre_norm_ffn.0"),
            ("mlp.c_fc", "pre_norm_ffn.1"),
            ("mlp.c_proj", "pre_norm_ffn.4"),
            ("reference", "token_mixer.norm.rbr_skip"),
            ("skip", "token_mixer.mixer.rbr_skip"),
            ("mix.1", "token_mixer.mixer.rbr_conv.0.bn"),
            ("spread.1", "convffn.conv.bn"),
            ("inner", "convffn.fc1"),
            ("outer", "convffn.fc2"),
        ),
    ),
)
EFFICIENTSAM3_PARAMETERS = (
    (f"{TEXT}.encoder.positional_embedding", EFFICIENTSAM3_POSITIONS, How.POSITIONS),
    (f"{TEXT}.encoder.text_projection", f"{TEXT}.encoder.projection_layer", How.SAME),
    (f"{_BLOCKS}.mix.0.weight", f"{_LAYERS}.token_mixer.mixer.rbr_conv.0.conv.weight", How.PICTURE),
    (f"{_BLOCKS}.mix_scale", f"{_LAYERS}.token_mixer.layer_scale", How.PICTURE),
    (f"{_BLOCKS}.spread.0.weight", f"{_LAYERS}.convffn.conv.conv.weight", How.PICTURE),
    (f"{_BLOCKS}.inner.weight", f"{_LAYERS}.convffn.fc1.weight", How.PICTURE),
    (f"{_BLOCKS}.outer.weight", f"{_LAYERS}.convffn.fc2.weight", How.PICTURE),
    (f"{_BLOCKS}.scale", f"{_LAYERS}.layer_scale", How.PICTURE),
)

_THEIRS = "detector_model.text_encoder"
_THEIR_LAYERS = f"{_THEIRS}.layers.#"
LITETEXT_POSITIONS = f"{_THEIRS}.embeddings.position_embedding.position_embedding"
LITETEXT_MODULES: Modules = (
    (
        TEXT,
        "detector_model",
        (
            ("encoder.token_embedding", "text_encoder.embeddings.token_embedding"),
            ("encoder.ln_final", "text_encoder.final_layer_norm"),
            ("resizer", "text_projection"),
        ),
    ),
    (
        _BLOCKS,
        _THEIR_LAYERS,
        (
            ("ln_1", "layer_norm1"),
            ("attn.in_proj", "self_attn.*_proj"),
            ("attn.out_proj", "self_attn.out_proj"),
            ("ln_2", "layer_norm2"),
            ("mlp.c_fc", "mlp.fc1"),
            ("mlp.c_proj", "mlp.fc2"),
            ("reference", "token_mixer.reference_batchnorm"),
            ("skip", "token_mixer.mixer.batchnorm_skip"),
            ("mix.1", "token_mixer.mixer.batchnorm_conv"),
            ("spread.1", "conv_feed_forward.depthwise_batchnorm"),
            ("inner", "conv_feed_forward.mlp.fc1"),
            ("outer", "conv_feed_forward.mlp.fc2"),
        ),
    ),
)
LITETEXT_PARAMETERS = (
    (f"{TEXT}.encoder.positional_embedding", LITETEXT_POSITIONS, How.POSITIONS),
    (f"{TEXT}.encoder.text_projection", f"{_THEIRS}.projection.weight", How.TRANSPOSED),
    (f"{_BLOCKS}.mix.0.weight", f"{_THEIR_LAYERS}.token_mixer.mixer.conv.weight", How.PICTURE),
    (f"{_BLOCKS}.mix_scale", f"{_THEIR_LAYERS}.token_mixer.layer_scale", How.PICTURE),
    (f"{_BLOCKS}.spread.0.weight", f"{_THEIR_LAYERS}.conv_feed_forward.depthwise_conv.weight", How.PICTURE),
    (f"{_BLOCKS}.inner.weight", f"{_THEIR_LAYERS}.conv_feed_forward.mlp.fc1.weight", How.PICTURE),
    (f"{_BLOCKS}.outer.weight", f"{_THEIR_LAYERS}.conv_feed_forward.mlp.fc2.weight", How.PICTURE),
    (f"{_BLOCKS}.scale", f"{_THEIR_LAYERS}.layer_scale", How.PICTURE),
)
