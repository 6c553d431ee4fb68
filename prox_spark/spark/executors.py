"""What each executor of a cluster has: one task on every one of them looks around and tells.

The task is sent by value and imports nothing of this package, so that it also tells where the package is missing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

SECONDS = 3.0
"""A task holds its slot for so long, that the tasks of a job spread over all executors."""

PACKAGES = ("prox_spark", "pandas", "pyarrow", "numpy", "pydantic", "torch", "transformers", "tokenizers", "vllm")
"""Distributions whose versions are told; `prox_spark` may have come as a .zip, without one."""

CACHES = ("HF_HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
"""Environment variables that name the folders of caches; without them they lie under HOME."""


@dataclass(frozen=True, slots=True)
class Executor:
    """One executor, as a task on it found it.

    Attributes:
        host: Name of its machine, or of its pod.
        key: Tells executors of one machine apart: the process that forks their Python workers.
        python: Version and path of the interpreter of its Python workers.
        packages: Versions by name of those of `PACKAGES` that are there.
        gpus: Addresses that Spark gave the task.
        devices: `name, memory, driver` of each GPU that nvidia-smi lists.
        cuda: Version of CUDA that torch is built for; None without torch or CUDA.
        trouble: Last line of what importing vLLM or torch said, empty where it went well or is not there.
        compiler: Whether there are a C compiler and Python's headers, which Triton needs.
        read_only: Folders of caches that cannot be written.
        noexec: Folders of caches on disks from which no code may run.
        free_gib: Free disk where temporary files go.
        clock: Seconds by which its clock is ahead of the driver's, negative where it is behind.
    """

    host: str
    key: int
    python: str
    packages: dict[str, str]
    gpus: tuple[str, ...]
    devices: tuple[str, ...]
    cuda: str | None
    trouble: str
    compiler: bool
    read_only: tuple[str, ...]
    noexec: tuple[str, ...]
    free_gib: float
    clock: float


def look(spark: SparkSession, *, tasks: int) -> tuple[Executor, ...]:
    """Have one task on every executor look around; needs no model and loads none.

    Args:
        spark: The session.
        tasks: Tasks that run at the same time on the whole cluster, so that each executor gets one.
    """
    import sys

    from pyspark import cloudpickle

    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        frame = spark.range(0, tasks, 1, tasks).mapInArrow(_look, "told STRING")
        rows = [json.loads(row["told"]) for row in frame.collect()]
    finally:
        cloudpickle.unregister_pickle_by_value(here)
    now = time.time()
    # Where the tasks did not fit at once, an executor has told more than once.
    one_each = {(row["host"], row["key"]): row for row in rows}
    return tuple(_executor(one_each[place], now) for place in sorted(one_each))


def _executor(row: dict[str, Any], now: float) -> Executor:
    # A clock that the time of the job itself explains is right: only what is beyond it is told.
    ahead, behind = row.pop("until") - now, row.pop("since") - now + row.pop("seconds")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Executor(**values, clock=ahead if ahead > 0 else min(0.0, behind))


def _look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Tell what this executor has; of several tasks on one executor the first one does."""
    import tempfile

    import pyarrow as pa

    for _ in batches:
        pass
    begin = time.monotonic()
    since, key = time.time(), os.getppid()
    place = os.path.join(tempfile.gettempdir(), f"prox_spark-look-{key}")
    try:
        os.close(os.open(place, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        time.sleep(SECONDS)
        return
    try:
        told = _told(key)
        time.sleep(max(0.0, SECONDS - (time.monotonic() - begin)))
    finally:
        os.unlink(place)
    told |= {"since": since, "until": time.time(), "seconds": time.monotonic() - begin}
    yield pa.RecordBatch.from_pydict({"told": [json.dumps(told)]})


def _told(key: int) -> dict[str, Any]:
    import shutil
    import socket
    import sys
    import sysconfig
    import tempfile

    headers = os.path.join(sysconfig.get_paths()["include"], "Python.h")
    compiler = bool(shutil.which("cc") or shutil.which("gcc")) and os.path.isfile(headers)
    cuda, trouble = _torch()
    return {
        "host": socket.gethostname(),
        "key": key,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]} at {sys.executable}",
        "packages": _packages(),
        "gpus": _addresses(),
        "devices": _lines("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"),
        "cuda": cuda,
        "trouble": trouble,
        "compiler": compiler,
        "read_only": [folder for folder in _caches() if not _is_writable(folder)],
        "noexec": [folder for folder in _caches() if _is_noexec(folder)],
        "free_gib": round(shutil.disk_usage(tempfile.gettempdir()).free / 2**30, 1),
    }


def _packages() -> dict[str, str]:
    import importlib.util
    from importlib import metadata

    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            if name == "prox_spark" and importlib.util.find_spec(name) is not None:
                from prox_spark.version import __version__

                versions[name] = __version__
    return versions


def _addresses() -> Sequence[str]:
    from pyspark import TaskContext

    context = TaskContext.get()
    resource = None if context is None else context.resources().get("gpu")
    return [] if resource is None else list(resource.addresses)


def _lines(*command: str) -> list[str]:
    import subprocess

    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _torch() -> tuple[str | None, str]:
    """Import torch and vLLM in a process of their own; give torch's CUDA and the last line of what went wrong."""
    import importlib.util
    import subprocess
    import sys

    wanted = [name for name in ("torch", "vllm") if importlib.util.find_spec(name) is not None]
    if not wanted:
        return None, ""
    text = f"import {', '.join(wanted)}; import torch; print('CUDA', torch.version.cuda)"
    command = [sys.executable, "-c", text]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return None, str(error)
    cuda = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("CUDA ")]
    said = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    return (cuda[0] if cuda and cuda[0] != "None" else None), "".join(said)


def _caches() -> list[str]:
    import tempfile

    home = os.path.join(os.path.expanduser("~"), ".cache")
    return list(dict.fromkeys((*(os.environ.get(name, home) for name in CACHES), tempfile.gettempdir())))


def _is_noexec(folder: str) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0))  # Linux tells
    except OSError:
        return False


def _is_writable(folder: str) -> bool:
    import tempfile

    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
