"""What is counted while the server runs: it only goes up, whatever sessions come and go. metrics.py shows it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary, disable_created_metrics

from streamer.frame import LeftOut
from streamer.result import Result
from tracker import Stage, Step

AGES = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)  # seconds: the upper edges of the buckets
LAGS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)  # seconds: the same of the event loop
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
        self.dropped = Counter("streamer_frames_dropped", "Decoded frames that have no result.", registry=registry)
        self.late = Counter("streamer_frames_late", "Frames not decoded: decoding was behind.", registry=registry)
        self.corrupt = Counter("streamer_frames_corrupt", "Decoded frames that came damaged.", registry=registry)
        self.results = Counter("streamer_results", "Results, of looked-at and presented frames.", registry=registry)
        self.looked = Counter(
            "streamer_frames_looked_at", "Frames that the model looked at, by stage.", ["stage"], registry=registry
        )
        self.age = Histogram(
            "streamer_result_age_seconds",
            "From the arrival of a decoded frame to its result.",
            buckets=AGES,
            registry=registry,
        )
        self.received = Histogram(
            "streamer_result_received_seconds",
            "From the arrival of a frame's packet to its result.",
            buckets=AGES,
            registry=registry,
        )
        self.parts = Summary(
            "streamer_step_part_seconds", "What the parts of a step took.", ["part"], registry=registry
        )
        self.lag = Histogram(
            "streamer_event_loop_lag_seconds",
            "How late the event loop comes to what is due.",
            buckets=LAGS,
            registry=registry,
        )
        self.sent = Counter("streamer_results_sent", "Results that were rendered for readers.", registry=registry)
        self.missed = Counter("streamer_results_dropped", "Results that slow readers missed.", registry=registry)
        self.presenters_lost = Counter(
            "streamer_presenters_lost", "Processes that presented frames and were lost or killed.", registry=registry
        )
        self.refused = Counter(
            "streamer_http_requests_refused", "HTTP requests answered 400 or above.", ["status"], registry=registry
        )
        self.keys_refused = Counter(
            "streamer_keys_refused", "API keys and tokens that opened nothing.", ["reason"], registry=registry
        )
        self.out_of_memory = Counter("streamer_out_of_memory", "Steps that there was no room for.", registry=registry)
        for stage in (*Stage, FAILED):
            self.looked.labels(stage)  # told as 0 from the start, so that the first one is an increase

    def published(self, result: Result) -> None:
        """Count a result."""
        self.results.inc()
        self.age.observe(result.age)
        if result.frame.decoding is not None:
            self.received.observe(result.age + result.frame.decoding)
        if result.presented and result.step is not None:
            self._parts(result.step)

    def lost(self, now: LeftOut, before: LeftOut) -> LeftOut:
        """Count what a source has left out since before, which is given back as it is now."""
        self.late.inc(now.late - before.late)
        self.corrupt.inc(now.corrupt - before.corrupt)
        return now

    def looked_at(self, result: Result) -> None:
        """Count a frame that was looked at."""
        if result.step is None:
            self.looked.labels(FAILED).inc()
            return
        self.looked.labels(result.step.stage).inc()
        self._parts(result.step)

    def _parts(self, step: Step) -> None:
        for part, seconds in step.timings.items():
            self.parts.labels(part).observe(seconds)
