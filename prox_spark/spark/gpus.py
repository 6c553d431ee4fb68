"""GPUs as Spark hands them out: how many engines a job gets, and which GPU a task's engine sees."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from prox_spark import engines
from prox_spark.config import ModelSettings
from prox_spark.engines import nvidia
from prox_spark.errors import EngineError, TaskError
from prox_spark.spark.session import parallelism
from prox_spark.spark.settings import is_classic

if TYPE_CHECKING:
    from pyspark.resource import ResourceProfile
    from pyspark.sql import SparkSession

    from prox_spark.config import EngineSettings

logger = logging.getLogger(__name__)

TASKS_PER_ENGINE = 3
"""Tasks of a wave for each of several engines: one that is done early takes a task that another would come to late."""

PATIENCE_SECONDS = 90.0
"""Spark ends a worker that has idled for 60 seconds; one that waits for its GPU outlasts that."""


@dataclass(frozen=True, slots=True)
class Share:
    """How a stage with engines is cut.

    Attributes:
        tasks: Spark partitions of a wave.
        resources: What a task asks of its executor, so that one engine lives on each GPU or executor; None where Spark
            hands out nothing (a local session) or there is nothing to share.
        engines: Tasks, and so engines, that work at the same time.
        threads: CPU threads that a model of such a task may take, since Spark starts its workers with
            OMP_NUM_THREADS=1; None leaves it to the engine.
        waves: Waves that may be in flight at the same time: two where Spark gives each task an engine of its own. Where
            nothing keeps two tasks from one GPU, as in a local session, a second wave would load a second model.
    """

    tasks: int
    resources: ResourceProfile | None = None
    engines: int = 1
    threads: int | None = None
    waves: int = 1


def share(spark: SparkSession, settings: EngineSettings, tasks: int | None = None) -> Share:
    """Cut a stage so that each GPU, or each executor where there is none, has one task at a time.

    An engine without a model takes all cores. In a local session all tasks share one worker pool: one task at a time,
    and so one model.

    Args:
        spark: The session.
        settings: The engine.
        tasks: Spark partitions that the user wants; None leaves it to the rule above.
    """
    share = _share(spark, settings)
    return share if tasks is None else replace(share, tasks=tasks)


def _share(spark: SparkSession, settings: EngineSettings) -> Share:
    slots = parallelism(spark)
    if not engines.kind_of(settings).resident or not is_classic(spark):  # Spark Connect does not tell its executors
        return Share(slots, engines=slots)
    conf = spark.sparkContext.getConf()
    master = conf.get("spark.master", "") or ""
    if master.startswith("local") and not master.startswith("local-cluster"):
        return Share(1, threads=slots)
    cores = int(conf.get("spark.executor.cores", "0") or 0)
    gpus = int(float(conf.get("spark.executor.resource.gpu.amount", "0") or 0))
    instances = int(conf.get("spark.executor.instances", "0") or 0)
    at_once, each = engines_of(slots, executors=max(executors(spark), instances), cores=cores, gpus=gpus)
    resources = _resources(each, gpus)
    alone = resources is not None or cores == 1  # an executor takes one such task at a time
    return Share(at_once * TASKS_PER_ENGINE, resources, at_once, each, waves=2 if alone else 1)


def recut(share: Share, now: Share, *, most: int) -> Share:
    """Cut the next wave by the engines that there are now: executors join and leave while a pass runs.

    What a task asks of its executor stays as it was for the first wave, so that workers keep their models.

    >>> recut(Share(12, engines=4), Share(24, engines=8), most=50_000)
    Share(tasks=24, resources=None, engines=8, threads=None, waves=1)

    Args:
        share: How the first wave was cut.
        now: How it would be cut now.
        most: Texts that there are; no more tasks than these.
    """
    return replace(share, tasks=max(1, min(now.tasks, most)), engines=now.engines)


def engines_of(slots: int, *, executors: int, cores: int, gpus: int) -> tuple[int, int]:
    """Count the engines that work at the same time on a cluster, and the cores of each.

    >>> engines_of(64, executors=4, cores=0, gpus=1)  # Databricks leaves spark.executor.cores unset
    (4, 16)
    >>> engines_of(32, executors=0, cores=16, gpus=2)  # none has registered yet
    (4, 8)

    Args:
        slots: Tasks that run at once on all executors, as Spark counts cores.
        executors: Executors that are there or are asked for; 0 where nobody knows.
        cores: Cores of one executor; 0 where nobody says.
        gpus: GPUs of one executor.
    """
    cores = cores or max(1, slots // executors if executors else 1)
    number = executors or max(1, slots // cores)
    return number * max(1, gpus), max(1, cores // max(1, gpus))


def executors(spark: SparkSession) -> int:
    """Count the executors that have registered, without the driver; 0 where the session does not tell."""
    with contextlib.suppress(Exception):  # a platform may keep its JVM from being asked
        return max(0, len(spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()) - 1)
    return 0


def _resources(cores: int, gpus: int) -> ResourceProfile | None:
    from pyspark.resource import ResourceProfileBuilder, TaskResourceRequests

    if cores <= 1 and not gpus:
        return None  # an executor has one core: it takes one task at a time without being told
    requests = TaskResourceRequests().cpus(cores)
    if gpus:
        requests = requests.resource("gpu", 1.0)
    return ResourceProfileBuilder().require(requests).build


def claim(settings: EngineSettings) -> str | None:
    """Show this process the GPU that Spark gave its task, and nobody else; call it before the engine is loaded.

    Returns:
        The address of the GPU; None where Spark hands out none.

    Raises:
        EngineError: Another worker holds the GPU: two models would share its memory.
        TaskError: This worker holds a model on another GPU than the task got; a fresh one may take it.
    """
    if not isinstance(settings, ModelSettings) or settings.device == "cpu":
        return None
    addresses = _addresses()
    if not addresses:
        return None
    if len(addresses) > 1:
        raise EngineError(
            f"a task got {len(addresses)} GPUs ({', '.join(addresses)}) and its engine uses one: set "
            "spark.task.resource.gpu.amount to 1 or less"
        )
    address = addresses[0]
    if _HELD and address not in _HELD:
        raise TaskError(f"this worker holds GPU {next(iter(_HELD))} and its task got GPU {address}")
    hold(address, Path(tempfile.gettempdir()), PATIENCE_SECONDS)
    os.environ["CUDA_VISIBLE_DEVICES"] = address  # Spark leaves it unset
    return address


def _addresses() -> Sequence[str]:
    from pyspark import TaskContext

    context = TaskContext.get()
    gpu = None if context is None else context.resources().get("gpu")
    return [] if gpu is None else list(gpu.addresses)


_HELD: dict[str, FileLock] = {}
"""The GPU that this process holds; the system gives the lock back when the process ends."""


def hold(address: str, folder: Path, patience: float) -> None:
    """Take a GPU for this process until it ends.

    Args:
        address: As Spark names it.
        folder: Where the lock file is; the same for all workers of the machine.
        patience: Seconds to wait for a worker that may be about to end.

    Raises:
        EngineError: Another process holds it; names the process and what to set.
    """
    if address in _HELD:
        return
    path = folder / f"prox_spark-{os.getuid()}-gpu-{identity(address)}.lock"
    owner = path.with_suffix(".pid")  # taking a lock empties its own file
    lock = FileLock(path, timeout=patience, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise EngineError(
            f"two workers would share GPU {address}: process {_said_by(owner)} holds it; give each task a whole GPU "
            "(spark.task.resource.gpu.amount=1) and keep one Python worker an executor "
            "(spark.python.factory.idleWorkerMaxPoolSize=1)"
        ) from None
    _HELD[address] = lock
    with open(os.open(owner, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(str(os.getpid()))


def _said_by(owner: Path) -> str:
    try:
        return owner.read_text(encoding="ascii").strip() or "unknown"
    except OSError:
        return "unknown"


def identity(address: str) -> str:
    """Name a GPU so that all containers of a machine mean the same: by its UUID where the driver tells it."""
    gpu = nvidia.gpu(address)
    if gpu is not None:
        return gpu.uuid
    return "".join(letter for letter in address if letter.isalnum() or letter in "-_") or "0"
