"""Borders and the regions that they close."""

from __future__ import annotations

import cv2
import numpy as np

from tracker.worlds.borders import strength, superpixels, tree


def halves(texture: bool = False) -> np.ndarray:
    """Left and right differ in colour, or in nothing but texture."""
    image = np.full((60, 80, 3), 120, np.uint8)
    if texture:
        image[:, :40] += (np.indices((60, 40)).sum(0) % 4 // 2 * 60).astype(np.uint8)[..., None]
        image[:, 40:] += 30
    else:
        image[:, 40:] = (150, 60, 60)
    return image


def test_a_border_is_strong_where_colours_differ_and_weak_elsewhere() -> None:
    border = strength(halves())
    assert border.shape == (60, 80)
    assert border[:, 38:42].max(1).min() > 4 * border[10:50, 5:25].max()


def test_a_border_between_textures_is_stronger_than_what_is_within_them() -> None:
    border = cv2.GaussianBlur(strength(halves(texture=True)), (0, 0), 2)
    assert border[10:50, 38:42].mean() > 1.2 * border[10:50, 10:25].mean()


def test_superpixels_share_out_the_picture_and_keep_to_the_border() -> None:
    labels = superpixels(strength(halves()))
    assert labels.min() == 0 and set(np.unique(labels)) == set(range(labels.max() + 1))
    assert not set(np.unique(labels[:, :37])) & set(np.unique(labels[:, 44:]))


def test_what_is_merged_last_is_what_the_strongest_border_divides() -> None:
    made = tree(halves())
    root = made.nodes[-1]
    assert root.parent == -1 and made.mask(len(made.nodes) - 1).all()
    left, right = sorted((made.mask(part) for part in root.parts), key=lambda mask: -mask[:, :20].sum())
    assert left[:, :37].all() and right[:, 43:].all()
    assert all(node.made <= node.lost for node in made.nodes)
    for number, node in enumerate(made.nodes):
        for part in node.parts:
            assert made.nodes[part].parent == number and set(made.nodes[part].leaves) <= set(node.leaves)
