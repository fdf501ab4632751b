"""
Photographs that other packages ship, for backdrops and for the light and shade on things.

From scikit-image (which the model needs anyway) and, where it is installed, Debian's opencv-doc. What lies in
``tests/data/real`` is measured on and never used here.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from tracker.worlds.looks import Picture

LONGEST = 512  # pixels
SCIKIT_IMAGE = ("brick.png", "camera.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "retina.jpg")
OPENCV_DOC = Path("/usr/share/doc/opencv-doc/examples")
OPENCV = (
    *("data/baboon.jpg", "data/building.jpg", "data/home.jpg", "data/leuvenA.jpg", "data/leuvenB.jpg"),
    *("data/starry_night.jpg", "data/aloeR.jpg", "data/text_motion.jpg", "hfs/data/000.jpg", "hfs/data/001.jpg"),
    *("text/scenetext01.jpg", "text/scenetext02.jpg", "text/scenetext03.jpg", "text/scenetext04.jpg"),
    *("text/scenetext05.jpg", "text/scenetext06.jpg"),
)


def load() -> list[Picture]:
    """Those that are there, (height, width, 3) RGB, none longer than LONGEST pixels."""
    shipped = Path(str(files("skimage").joinpath("data")))
    paths = [*(shipped / name for name in SCIKIT_IMAGE), *(OPENCV_DOC / name for name in OPENCV)]
    found = []
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.exists() else None
        if image is not None:
            scale = min(1.0, LONGEST / max(image.shape[:2]))
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            found.append(np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8))
    return found
