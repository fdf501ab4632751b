"""Ray, joined or started: the one module that imports it. Its actors are the roster and the workers."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from streamer.cluster.roster import Ask, Roster
from streamer.cluster.worker import Worker
from streamer.config import Config
from streamer.errors import BadRequest
from streamer.store import Database

NAMESPACE = "sam3-streamer"
ROSTER = "roster"
AUTO, LOCAL = "auto", "local"
HEAD = {"node:__internal_head__": 0.001}  # the machine that has the roster's file
AT_ONCE = 1000  # calls of one actor: most of them wait
AGAIN = 0.2  # seconds until a worker that ended is asked to serve again: Ray starts its process anew meanwhile
LASTING: dict[str, Any] = {
    "namespace": NAMESPACE,
    "lifetime": "detached",  # whichever front door made it, it outlives that
    "max_restarts": -1,
    "get_if_exists": True,
    "max_concurrency": AT_ONCE,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What the roster is made with.

    ``file``: where it keeps sessions, on Ray's head node; ``host``: where workers listen, None: on their node's
    address; ``resources``: what Ray reserves for each worker.
    """

    config: Config
    file: Path
    workers: int
    resources: dict[str, float]
    host: str | None


class RosterActor:
    """The roster, as one of Ray's actors."""

    def __init__(self, plan: Plan) -> None:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
        self._plan = plan
        self._database = Database(plan.file)
        self._handles: dict[str, Any] = {}
        self._secret = _secret(plan.file)
        self._roster = Roster(self._database, self._ask, plan.workers, secret=self._secret)
        self._runs = False

    async def call(self, method: str, *given: Any) -> Any:
        """What the roster answers."""
        if not self._runs:  # after a restart, too: then workers, and front doors, go on asking
            self._runs = True
            ray.get_runtime_context().current_actor.run.remote()
        return await getattr(self._roster, method)(*given)

    async def run(self) -> None:
        """Make the workers, and see to them for ever."""
        for number in range(1, self._plan.workers + 1):
            name = f"worker-{number}"
            made = ray.remote(WorkerActor).options(name=name, **LASTING, **self._plan.resources)
            self._handles[name] = made.remote(name, self._plan.config, self._plan.host, self._secret)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._roster.watch())
            for name in self._handles:
                tasks.create_task(self._tend(name))

    async def _tend(self, name: str) -> None:
        """Let a worker serve, for ever; when it ends, its sessions go to others at once."""
        while True:
            try:
                await self._handles[name].serve.remote()
            except Exception as error:
                log.warning("Worker %s ended: %s", name, type(error).__name__)
            self._roster.lost(name)
            await asyncio.sleep(AGAIN)

    async def _ask(self, name: str, method: str, *given: Any) -> Any:
        return await getattr(self._handles[name], method).remote(*given)


class WorkerActor(Worker):
    """A worker, as one of Ray's actors."""

    def __init__(self, name: str, config: Config, host: str | None, secret: bytes) -> None:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
        super().__init__(name, config, ask, host=host or ray.util.get_node_ip_address(), secret=secret)


async def ask(method: str, *given: Any) -> Any:
    """Ask the roster of the cluster that this process is in."""
    handle = await asyncio.to_thread(ray.get_actor, ROSTER, NAMESPACE)
    return await handle.call.remote(method, *given)


def join(address: str, config: Config, file: Path) -> Ask:
    """
    Be in a cluster: the one at ``address``; ``auto``: the one of this machine, if there is one; ``local``: a new one.

    One that is started here ends with this process. Returns what asks the roster, which is made with these settings if
    there is none. Raises BadRequest where Ray cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers of us
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a Ray that is started here: its own 15 is for batch work
    quiet: dict[str, Any] = {"namespace": NAMESPACE, "log_to_driver": False, "logging_level": logging.WARNING}
    try:
        if address != LOCAL:
            ray.init(address=address, **quiet)
    except ConnectionError as error:
        if address != AUTO:
            raise BadRequest(f"--cluster: Ray cannot be reached at {address}: {error}") from None
    ours = not ray.is_initialized()
    if ours:
        cores = os.cpu_count() or 1
        ray.init(address=LOCAL, num_cpus=max(cores, config.workers or 1), include_dashboard=False, **quiet)
    plan = _plan(config, file, alone=ours)
    made = ray.remote(RosterActor).options(name=ROSTER, num_cpus=0, resources=HEAD, **LASTING)
    made.remote(plan)
    return ask


def place() -> str:
    """Where the Ray of this process is, for others on this network to join it."""
    return str(ray.get_runtime_context().gcs_address)


def leave() -> None:
    """Be in it no longer; one that was started here ends."""
    ray.shutdown()


def _plan(config: Config, file: Path, *, alone: bool) -> Plan:
    """How many workers there are to be, and what each gets. ``alone``: no other machine is in the cluster."""
    has = ray.cluster_resources()
    gpus, cores = int(has.get("GPU", 0)), int(has.get("CPU", 1))
    workers = config.workers or gpus or max(1, cores // CORES)
    threads = config.threads or max(1, cores // workers)
    theirs = config.model_copy(update={"cluster": None, "workers": None, "store": None, "threads": threads})
    resources = {"num_gpus": 1.0} if gpus >= workers else {"num_cpus": 1.0}
    return Plan(theirs, file.resolve(), workers, resources, "127.0.0.1" if alone else None)


CORES = 4  # for each worker where there is no GPU and nobody says how many there are to be


def _secret(file: Path) -> bytes:
    """What tokens are signed with, the same after a restart of the roster: beside its file."""
    path = file.with_name(file.name + ".secret")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file_:
            file_.write(made := secrets.token_bytes(32))
        return made
