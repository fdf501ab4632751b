"""What is counted while the server runs: it only goes up, whatever sessions come and go. metrics.py shows it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary, disable_created_metrics

from streamer.result import Result
from tracker import Stage

AGES = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)  # seconds: the upper edges of the buckets
FAILED = "failed"  # in place of a stage: the step raised

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for each counter, with the time of its birth


class Counters:
    """
    Prometheus instruments in a registry of their own, over all sessions together.

    Labels are stages, parts of a step and HTTP status codes: their number does not grow with sessions or time.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.decoded = Counter("streamer_frames_decoded", "Frames that sources gave.", registry=registry)
        self.dropped = Counter(
            "streamer_frames_dropped", "Decoded frames that were never looked at.", registry=registry
        )
        self.looked = Counter(
            "streamer_frames_looked_at", "Frames that became results, by stage.", ["stage"], registry=registry
        )
        self.age = Histogram(
            "streamer_result_age_seconds",
            "From the arrival of a decoded frame to its result.",
            buckets=AGES,
            registry=registry,
        )
        self.parts = Summary(
            "streamer_step_part_seconds", "What the parts of a step took.", ["part"], registry=registry
        )
        self.sent = Counter("streamer_results_sent", "Results that were rendered for readers.", registry=registry)
        self.missed = Counter("streamer_results_dropped", "Results that slow readers missed.", registry=registry)
        self.refused = Counter(
            "streamer_http_requests_refused", "HTTP requests answered 400 or above.", ["status"], registry=registry
        )
        for stage in (*Stage, FAILED):
            self.looked.labels(stage)  # told as 0 from the start, so that the first one is an increase

    def looked_at(self, result: Result) -> None:
        """Count a frame that was looked at."""
        self.age.observe(result.age)
        if result.step is None:
            self.looked.labels(FAILED).inc()
            return
        self.looked.labels(result.step.stage).inc()
        for part, seconds in result.step.timings.items():
            self.parts.labels(part).observe(seconds)
