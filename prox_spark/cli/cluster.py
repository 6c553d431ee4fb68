"""What `doctor --cluster` says of each executor: what it has, and what to do where something is missing."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from prox_spark.engines.nvidia import driver_trouble
from prox_spark.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prox_spark.spark.executors import Executor

NEEDED = ("pandas", "pyarrow", "numpy", "pydantic")
"""Packages without which no Python worker of this package starts."""

MODEL_DISK_GIB = 20
CLOCK_SECONDS = 60


def described(executor: Executor) -> str:
    """Write what an executor has on one line."""
    packages = ", ".join(f"{name} {version}" for name, version in executor.packages.items())
    gpu = f"GPU {', '.join(executor.gpus)} of {'; '.join(executor.devices)}" if executor.devices else "no GPU"
    cuda = f", CUDA {executor.cuda} of torch" if executor.cuda else ""
    return f"Python {executor.python}; {packages}; {gpu}{cuda}; {executor.free_gib:.0f} GiB free"


def problems(executor: Executor, kinds: Sequence[str], python: str | None = None) -> list[str]:
    """List what is wrong with an executor, each with what to do.

    Args:
        executor: The executor.
        kinds: Kinds of engines that it is to run.
        python: Version of the driver's Python, `3.12`; None takes this one's.
    """
    ours = python or f"{sys.version_info[0]}.{sys.version_info[1]}"
    wrong = []
    if executor.python.split()[0] != ours:
        wrong.append(f"its Python is not the driver's {ours}: set spark.pyspark.python to one that is")
    if missing := [name for name in NEEDED if name not in executor.packages]:
        wrong.append(f"{', '.join(missing)} missing: install them into that Python")
    there = executor.packages.get("prox_spark")
    if there is None:
        wrong.append("prox_spark is missing: install the wheel there, or give spark.submit.pyFiles the .zip")
    elif there.split("+")[0] != __version__:
        wrong.append(f"prox_spark {there} is not the driver's {__version__}: install the same wheel")
    if executor.read_only:
        wrong.append(f"cannot write {', '.join(executor.read_only)}: set HOME or {_CACHES} with spark.executorEnv")
    if abs(executor.clock) > CLOCK_SECONDS:
        wrong.append(f"its clock is {executor.clock:+.0f} s off the driver's: versions are dated by it; use NTP")
    if {"vllm", "transformers", "auto"} & set(kinds):
        wrong += _model_problems(executor, kinds)
    return wrong


_CACHES = "HF_HOME, VLLM_CACHE_ROOT, TRITON_CACHE_DIR and TORCHINDUCTOR_CACHE_DIR"


def _model_problems(executor: Executor, kinds: Sequence[str]) -> list[str]:
    wrong = []
    if "vllm" in kinds and "vllm" not in executor.packages:
        wrong.append("vLLM is missing: deploy/gpu/install_vllm.sh installs the build for its driver")
    if executor.trouble:
        wrong.append(f"its libraries do not load: {executor.trouble}")
    if "vllm" in kinds and executor.devices and not executor.compiler:
        wrong.append("no C compiler or Python.h, which Triton needs: install gcc and python3-devel")
    if executor.free_gib < MODEL_DISK_GIB:
        wrong.append(
            f"{executor.free_gib:.0f} GiB of disk are free: a model and its caches take about {MODEL_DISK_GIB}"
        )
    if "vllm" in kinds and executor.noexec:
        wrong.append(f"compiled code may not run from {', '.join(executor.noexec)} (mounted noexec): set {_CACHES}")
    wrong += _driver_problems(executor)
    if executor.devices and not executor.gpus:
        wrong.append("Spark hands out no GPU: set spark.executor.resource.gpu.amount and its discovery script")
    return wrong


def _driver_problems(executor: Executor) -> list[str]:
    drivers = {device.rsplit(",", 1)[-1].strip() for device in executor.devices}
    troubles = (driver_trouble(driver, executor.cuda) for driver in sorted(drivers))
    return [trouble for trouble in troubles if trouble is not None]


def shared(executors: Sequence[Executor]) -> list[str]:
    """List what is wrong with the executors together: GPUs that two of them got."""
    addresses = Counter((executor.host, address) for executor in executors for address in executor.gpus)
    return [f"GPU {address} of {host} went to {n} executors" for (host, address), n in addresses.items() if n > 1]
