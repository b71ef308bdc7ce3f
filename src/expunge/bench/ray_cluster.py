"""Independent runs of a bench in parallel, on the machines of a Ray cluster."""

import os
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..core.run import Log
from ..runs.models import RunOptions
from ..runs.queue import compute
from ..runs.store import Store
from .grid import BenchPlan
from .worker import Worker

LOCAL = "local"
_CARRIED = ("EXPUNGE_DATA", "HF_HOME", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")


def compute_on_cluster(
    plan: BenchPlan,
    store: str | Path,
    address: str,
    on_log: Log | None = None,
    checkpoint_seconds: float = 20.0,
) -> list[str]:
    """Fill the store with what a plan needs, one run per GPU, or per machine without GPUs.

    References come first, because other runs start from them. Workers see the same code and
    the same paths as this process: the store and the data lie on a file system that
    they share.

    Args:
        plan: What to compute.
        store: The folder of nets and results, as the workers see it.
        address: Of the cluster, ``"auto"``, or ``"local"`` to start one here.
        on_log: Gets a row per finished run.
        checkpoint_seconds: Least time between two checkpoints of a run.

    Returns:
        A sentence for each run that could not be carried out.

    Raises:
        InputError: If Ray is not installed or there is no cluster at the address.
    """
    try:
        import ray  # noqa: PLC0415  an optional package
    except ImportError as error:
        raise InputError(
            "running on a cluster needs the package ray; install it "
            "(pip install 'expunge[cluster]'), or leave --ray out"
        ) from error
    _connect(ray, address)
    try:
        folder = str(Path(store).absolute())
        actors = _actors(ray, plan, folder, checkpoint_seconds)
        pool = ray.util.ActorPool(actors)
        numbered = list(enumerate(plan.jobs))
        failures: list[str] = []
        for references in (True, False):
            wave = [n for n, job in numbered if (job.kind != "unlearned") == references]
            done = pool.map_unordered(lambda actor, number: actor.carry_out.remote(number), wave)
            for finished, (name, problems) in enumerate(done, start=1):
                failures += problems
                if on_log is not None:
                    on_log({"doing": f"cluster: {name} is done ({finished} of {len(wave)})"})
        return failures
    finally:
        ray.shutdown()


class RemoteWorker:
    """Lives in a process of the cluster and keeps its data between runs."""

    def __init__(self, plan: BenchPlan, store: str, checkpoint_seconds: float) -> None:
        self._store = Store(store)
        self._jobs = plan.jobs
        self._worker = Worker(plan, self._store, RunOptions(True, None, None, checkpoint_seconds))

    def carry_out(self, number: int) -> tuple[str, list[str]]:
        """Compute one job of the plan; returns its name and what went wrong."""
        job = self._jobs[number]
        return str(job), list(compute(self._worker, self._store, [job]))


def _connect(ray: Any, address: str) -> None:
    variables = {name: os.environ[name] for name in _CARRIED if name in os.environ}
    try:
        ray.init(
            address=None if address == LOCAL else address,
            runtime_env={"env_vars": variables},
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level="error",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"cannot reach a Ray cluster at {address!r}: {error}; start one (ray start --head), "
            "or use --ray local"
        ) from error


def _actors(ray: Any, plan: BenchPlan, store: str, checkpoint_seconds: float) -> list[Any]:
    """One per GPU; without any, one per machine, which then has all its cores."""
    gpus = int(ray.cluster_resources().get("GPU", 0))
    if gpus:
        remote, count = ray.remote(num_gpus=1)(RemoteWorker), gpus
    else:
        nodes = [node for node in ray.nodes() if node["Alive"]]
        cores = int(min(node["Resources"].get("CPU", 1) for node in nodes))
        remote, count = ray.remote(num_cpus=cores)(RemoteWorker), len(nodes)
    return [remote.remote(plan, store, checkpoint_seconds) for _ in range(count)]
