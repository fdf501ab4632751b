"""Several workers' metrics as one text."""

from __future__ import annotations

from streamer.cluster.metrics import labelled

TEXT = """# HELP streamer_sessions Sessions in the list, by state.
# TYPE streamer_sessions gauge
streamer_sessions{state="live"} %s
# HELP streamer_frames_total Frames.
# TYPE streamer_frames_total counter
streamer_frames_total %s
"""


def test_names_stay_and_each_line_says_its_worker() -> None:
    text = labelled({"one": TEXT % (1.0, 10.0), "two": TEXT % (2.0, 20.0)}).decode()
    assert 'streamer_sessions{state="live",worker="one"} 1.0' in text
    assert 'streamer_sessions{state="live",worker="two"} 2.0' in text
    assert 'streamer_frames_total{worker="two"} 20.0' in text
    assert text.count("# TYPE streamer_frames_total counter") == 1
