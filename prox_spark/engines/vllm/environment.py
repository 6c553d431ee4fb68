"""What vLLM reads from the environment, set before it is imported: processes, threads, and places for compiled code."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from prox_spark.engines import memory

if TYPE_CHECKING:
    from prox_spark.config import VllmSettings

_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "ERROR"}

_CACHES = {"VLLM_CACHE_ROOT": "vllm", "TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
"""Where vLLM, torch and Triton keep compiled code, by the variable that says so: under the home folder by default."""


def prepare(settings: VllmSettings, source: tuple[str, str | None], *, on_gpu: bool) -> None:
    """Set the environment, and refuse a model that cannot fit.

    Raises:
        EngineError: The model does not fit the memory of its device.
    """
    copies = settings.engines_per_gpu or 1
    # One process holds one engine.
    own_process = copies > 1 or (on_gpu if settings.own_process is None else settings.own_process)
    os.environ |= _QUIET
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1" if own_process else "0"
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"  # a fork would inherit what Spark's worker has open
    keep_compiled_code()
    if not on_gpu:
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(settings.cache_gib)
    if settings.threads is not None and not on_gpu:  # Spark starts its workers with OMP_NUM_THREADS=1
        os.environ["OMP_NUM_THREADS"] = str(settings.threads)
        if settings.threads != cores():  # vLLM binds its threads to all cores, which is faster where all are its own
            os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        import torch

        torch.set_num_threads(settings.threads)  # where torch was loaded before, it has read the variable already
    if source[1] is None:
        cache = 0.0 if on_gpu else float(settings.cache_gib)
        memory.require(Path(source[0]), memory.dtype_bytes(settings.dtype), cache, on_gpu=on_gpu, copies=copies)


def keep_compiled_code() -> None:
    """Give the caches of compiled code a lasting place where the home folder has none, as in many containers.

    It may be read-only, or on a disk from which no code may run. Without a lasting place each worker would compile the
    model again. What is in the caches is executed, so a folder that another user could write is not used.
    """
    home = Path("~").expanduser()
    if home.is_dir() and os.access(home, os.W_OK | os.X_OK) and _runs_code(home):
        return
    given = os.environ.get("PROX_SPARK_CACHE")
    folder = Path(given) if given else Path(tempfile.gettempdir()) / f"prox_spark-{os.getuid()}"
    if _is_ours(folder):
        for variable, name in _CACHES.items():
            os.environ.setdefault(variable, str(folder / name))


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # not on macOS


def _runs_code(folder: Path) -> bool:
    """Say whether code may run from the disk of a folder (not mounted noexec), as far as the system tells."""
    return not (hasattr(os, "ST_NOEXEC") and os.statvfs(folder).f_flag & os.ST_NOEXEC)


def _is_ours(folder: Path) -> bool:
    """Make a folder if it is not there, and tell whether it is this user's alone to write."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.lstat()
    except OSError:
        return False
    others = about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not others
