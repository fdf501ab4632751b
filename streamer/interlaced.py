"""Interlaced pictures, which show two moments in alternate lines, made into pictures of one moment."""

from __future__ import annotations

from fractions import Fraction

import av
from av.filter import Graph


def progressive(picture: av.VideoFrame) -> av.VideoFrame:
    """
    One moment of the picture, if the stream says that it is interlaced, else the very same picture.

    The upper field, its missing lines between those that are there. Filters that look at the pictures before and after
    keep more of what stands still, and would hold every picture back by one.
    """
    if not picture.interlaced_frame:
        return picture
    graph, size = Graph(), f"{picture.width}:{picture.height}:flags=bilinear"
    into = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base or Fraction(1)
    )
    steps = into, graph.add("field", "top"), graph.add("scale", size), graph.add("buffersink")
    graph.link_nodes(*steps).configure()
    graph.push(picture)
    found = graph.pull()
    assert isinstance(found, av.VideoFrame)
    found.pts, found.time_base = picture.pts, picture.time_base
    return found
