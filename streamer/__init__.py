"""Live video in, prompts in, masks out: the media side of the service."""

import os

# Two busy processes on two cores make spinning OpenMP threads up to 30 times slower than sleeping ones.
# Both are read once, when torch is imported, so they are set before anything of ours can import it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
