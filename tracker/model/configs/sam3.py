"""Meta's SAM 3, full size."""

from __future__ import annotations

from tracker.model.configs.config import Config
from tracker.model.configs.entry import Entry, RemoteFile

FULL = Config()

SAM3_ENTRY = Entry(
    config=FULL,
    title="SAM 3",
    knows="Any noun phrase in English.",
    licence="SAM License",
    gflop=4668.6,
    file=RemoteFile(repository="facebook/sam3", name="sam3.pt", gated=True),
    marks={
        "detector.backbone.vision_backbone.trunk.patch_embed.proj.weight": (1024, 3, 14, 14),
        "detector.backbone.language_backbone.encoder.token_embedding.weight": (49408, 1024),
    },
)
