"""Figures of ``benchmarks.tracking``: kept in a file, printed as tables, drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.first_light import table
from benchmarks.tracking_policies import LIVE, POLICIES, Policy

Figures = dict[str, float]
HEAD = ("HOTA", "IDF1", "switches", "J&F", "cgF1", "live HOTA", "live J&F", "encoder", "detector", "ms a frame")
COLUMNS = ("HOTA", "IDF1", "switches", "J&F", "cgF1", "live HOTA", "live J&F", "encoder", "detector", "ms")

SEEN = ("newest look", "presented", "ahead")  # what a live viewer is shown
LIVE_COLUMNS = tuple(f"{seen} {name}" for name in ("J&F", "HOTA") for seen in SEEN)
PLACES = (*POLICIES, *LIVE)  # by which a policy is named in the file


def rows_of(figures: Mapping[Policy, Sequence[Mapping[str, float]]]) -> list[list[str]]:
    """One row for each policy: means over seeds."""
    rows = []
    for policy, runs in figures.items():
        values = {name: float(np.nanmean([run[name] for run in runs])) for name in COLUMNS}
        shown = [f"{value:.1f}" if name in ("ms", "switches") else f"{value:.3f}" for name, value in values.items()]
        rows.append([policy.name, policy.follower, *shown])
    return rows


def live_rows_of(figures: Mapping[Policy, Sequence[Mapping[str, float]]]) -> list[list[str]]:
    """One row for each machine on which every frame is presented: means over seeds."""
    return [
        [policy.name, *(f"{np.mean([run[name] for run in runs]):.3f}" for name in LIVE_COLUMNS)]
        for policy, runs in figures.items()
        if runs
    ]


def plot(figures: Mapping[Policy, float], costs: Mapping[Policy, float], path: Path) -> None:
    """Quality against cost, one point for each policy of the usual machine; those in one place share a label."""
    figures = {policy: quality for policy, quality in figures.items() if policy.slower == 1}
    words: dict[tuple[int, int], str] = {}
    width, height = 900, 520
    picture = np.full((height, width, 3), 255, np.uint8)
    left, top, right, bottom = 70, 20, width - 30, height - 50
    low, high = min(figures.values()) - 0.03, max(figures.values()) + 0.03
    most = max(costs[policy] for policy in figures) * 1.25
    cv2.rectangle(picture, (left, top), (right, bottom), (190, 190, 190), 1)
    for policy, quality in figures.items():
        x = int(left + (right - left) * costs[policy] / most)
        y = int(bottom - (bottom - top) * (quality - low) / (high - low))
        cv2.circle(picture, (x, y), 6, (160, 90, 30), -1, cv2.LINE_AA)
        same = next((spot for spot in words if abs(spot[0] - x) < 60 and abs(spot[1] - y) < 9), (x, y))
        words[same] = " / ".join(filter(None, (words.get(same, ""), f"{policy.name}, {policy.follower}")))
    for (x, y), said in words.items():
        cv2.putText(picture, said, (x + 9, y + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    for share in np.linspace(0, 1, 5):
        quality, cost = low + share * (high - low), share * most
        place = (8, int(bottom - (bottom - top) * share) + 4)
        cv2.putText(picture, f"{quality:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (90, 90, 90), 1, cv2.LINE_AA)
        place = (int(left + (right - left) * share) - 12, bottom + 18)
        cv2.putText(picture, f"{cost:.0f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (90, 90, 90), 1, cv2.LINE_AA)
    title = "HOTA, mean of all scenarios, against milliseconds a frame"
    cv2.putText(picture, title, (left, height - 12), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
    cv2.imwrite(str(path), picture)


class Kept:
    """Figures by scenario, seed and policy: in memory, and in a file of JSON lines if one is named."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        self._known: dict[tuple[str, int, int], list[Figures]] = {}
        for line in lines:
            one = json.loads(line)
            self._known[one["scenario"], one["seed"], one["policy"]] = [one["figures"]]

    def find(self, scenario: str, seed: int, policy: Policy) -> list[Figures]:
        """What was measured: one, or nothing."""
        return self._known.get((scenario, seed, PLACES.index(policy)), [])

    def add(self, scenario: str, seed: int, policy: Policy, figures: Figures) -> None:
        """Keep what was measured."""
        place = PLACES.index(policy)
        self._known[scenario, seed, place] = [figures]
        if self.path is not None:
            with self.path.open("a") as file:
                print(json.dumps({"scenario": scenario, "seed": seed, "policy": place, "figures": figures}), file=file)


def show(title: str, figures: Mapping[Policy, Sequence[Figures]]) -> None:
    """Print one scenario's tables: every policy, and what a live viewer sees; those that were measured."""
    print(f"\n## {title}")
    judged = {policy: runs for policy, runs in figures.items() if policy in POLICIES and runs}
    if judged:
        print(f"\n{table(['policy', 'follower', *HEAD], rows_of(judged))}", flush=True)
    live = {policy: runs for policy, runs in figures.items() if policy in LIVE and runs}
    if live:
        print(f"\n{table(['machine', *LIVE_COLUMNS], live_rows_of(live))}", flush=True)
