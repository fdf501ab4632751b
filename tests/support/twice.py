"""
pytest, and where a few tests fail, these a second time, one after another: that answer counts.

Cameras, browsers and clocks are real, and a shared machine pauses when it likes; a fault of ours fails twice. How to
run it: ``python -m tests.support.twice FOR_BOTH -- FOR_THE_FIRST``, both of them arguments of pytest.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

MOST = 5  # failures of a machine that pauses: more are of something that is broken


class Failed:
    """A plugin that knows which tests failed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self.names:
            self.names.append(report.nodeid)


def main(arguments: Sequence[str]) -> int:
    """Run them; the exit status of the answer that counts."""
    place = list(arguments).index("--")
    both, first = arguments[:place], arguments[place + 1 :]
    failed = Failed()
    status = int(pytest.main([*both, *first], plugins=[failed]))
    if status != pytest.ExitCode.TESTS_FAILED or not 0 < len(failed.names) <= MOST:
        return status
    print("\nFailed, and run once more, one after another; that answer counts:", *failed.names, sep="\n", flush=True)
    more = ["--cov-append"] if any(each.startswith("--cov") for each in both) else []
    return subprocess.run([sys.executable, "-m", "pytest", *both, *more, *failed.names]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
