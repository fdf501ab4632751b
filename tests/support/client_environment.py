"""An environment that holds the hosted API's own clients from PyPI, whose numpy, OpenCV and Pillow are not ours."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from tests.support import needs
from tests.support.documents import ROOT

CLIENTS = ("inference-sdk==1.8.3", "supervision==0.30.9", "requests==2.34.2")


def python() -> Path:
    """
    Its interpreter. It is made once a checkout, and made again when the clients' versions change.

    Tests that want it at the same moment wait for the one that makes it.
    """
    versions = hashlib.sha256(" ".join(CLIENTS).encode()).hexdigest()[:12]
    folder = ROOT / ".pytest_cache" / f"clients-{versions}"  # `make clean` removes it
    folder.mkdir(parents=True, exist_ok=True)
    made, complete = folder / "bin" / "python", folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            venv.create(folder)  # our own pip fills it, and compiles nothing: most of it is never imported
            pip = [sys.executable, "-m", "pip", "--python", str(made), "--disable-pip-version-check"]
            command = [*pip, "install", "--quiet", "--no-compile", *CLIENTS]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                needs.absent(f"the clients cannot be installed: {done.stderr[-400:]}")
            complete.touch()
    return made
