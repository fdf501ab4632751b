"""
EfficientSAM3 (Zeng et al. 2025): SAM 3's heads on a small image encoder and MobileCLIP's text encoder.

What was trained is the image encoder and the concept neck after it (its repository's issue 45). All else is SAM 3's as
it was, and in its files: clicks and memory were never tuned to what the small encoders see.
"""

from __future__ import annotations

from dataclasses import replace

from tracker.model.configs.config import Config
from tracker.model.configs.entry import Entry, RemoteFile

EFFICIENTSAM3_EV = Config(
    name="efficientsam3-ev",
    resolutions=(1008, 840, 672, 504, 336),
    trunk="efficientvit_b1",
    text_tower="mobileclip",
    text_width=512,
    text_heads=8,
    text_layers=4,
    text_context=16,
    threshold=0.2,  # scores, times presence as its own code has it, are about 0.5 below SAM 3's (the same issue)
)
EFFICIENTSAM3_RV = replace(EFFICIENTSAM3_EV, name="efficientsam3-rv", trunk="repvit_m1_1")
EFFICIENTSAM3_TV = replace(EFFICIENTSAM3_EV, name="efficientsam3-tv", trunk="tiny_vit_11m_224")

_REPOSITORY, _REVISION = "Simon7108528/EfficientSAM3", "85b05896928f974e308f889d7ccb2eefc069de98"
_KNOWS = "Noun phrases in English, far less surely than SAM 3; anything can be clicked, which nobody tuned."
_LICENCE = "SAM License"
_ENCODER = "detector.backbone.vision_backbone.trunk.features."

_EV_ENTRY = Entry(
    config=EFFICIENTSAM3_EV,
    title="EfficientSAM3 EV (EfficientViT-B1)",
    knows=_KNOWS,
    licence=_LICENCE,
    gflop=70.4,
    file=RemoteFile(
        repository=_REPOSITORY,
        name="efficientsam3_ft/efficientsam3_efficientvit.pt",
        revision=_REVISION,
        size=468_394_477,
        sha256="086b04b2e7da7cc98aa4621b70c7291608aa9d187357b98d03bd4d6533ed5a17",
    ),
    marks={f"{_ENCODER}stem.in_conv.conv.weight": (16, 3, 3, 3)},
)
_RV_ENTRY = Entry(
    config=EFFICIENTSAM3_RV,
    title="EfficientSAM3 RV (RepViT-M1.1)",
    knows=_KNOWS,
    licence=_LICENCE,
    gflop=105.0,
    file=RemoteFile(repository=_REPOSITORY, name="efficientsam3_ft/efficientsam3_repvit.pt", revision=_REVISION),
    marks={f"{_ENCODER}stem.conv1.c.weight": (32, 3, 3, 3)},
)
_TV_ENTRY = Entry(
    config=EFFICIENTSAM3_TV,
    title="EfficientSAM3 TV (TinyViT-11M)",
    knows=_KNOWS,
    licence=_LICENCE,
    gflop=137.2,
    file=RemoteFile(
        repository=_REPOSITORY,
        name="efficientsam3_ft/efficientsam3_tinyvit.pt",
        revision=_REVISION,
        sha256="3a52c42f975a9562cb656a57aebb60314d7871c3956e4955c91364a8fe3875dc",
    ),
    marks={f"{_ENCODER}patch_embed.conv1.conv.weight": (32, 3, 3, 3)},
)

EFFICIENTSAM3_ENTRIES = (_EV_ENTRY, _RV_ENTRY, _TV_ENTRY)
