"""Whether a model fits the memory of its device, and what it says when it does not."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from math import prod
from pathlib import Path

import psutil

from prox_spark.engines import nvidia
from prox_spark.errors import EngineError

_GIB = 1024**3
_OVERHEAD = 1.1
"""A loaded model takes about a tenth more than its weights, without the cache of its prompts."""

_CGROUPS = (
    (Path("/sys/fs/cgroup"), ("memory.max", "memory.current", "inactive_file")),
    (Path("/sys/fs/cgroup/memory"), ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
)
"""Where control groups, in their second and first version, say what a container may take and has taken."""


def dtype_bytes(number_type: str) -> int:
    """Count the bytes of one weight.

    >>> dtype_bytes("bfloat16"), dtype_bytes("float32")
    (2, 4)
    """
    return 4 if number_type == "float32" else 2


def require(folder: Path, width: int, cache_gib: float, *, on_gpu: bool, copies: int = 1) -> None:
    """Check that the model of a folder fits, before it is loaded.

    Args:
        folder: With the safetensors.
        width: Bytes of one weight as it will be loaded.
        cache_gib: What the prompts take beside it.
        on_gpu: Which memory.
        copies: How often the model is loaded into it.

    Raises:
        EngineError: It does not fit; names both sizes.
    """
    free, total, place = _device_memory() if on_gpu else (*host_memory(), "this machine")
    needed = copies * (parameters(folder) * width * _OVERHEAD / _GIB + cache_gib)
    if (message := refusal(folder, needed, free / _GIB, total / _GIB, place)) is not None:
        raise EngineError(message if copies == 1 else f"{message} (engine.engines_per_gpu: {copies} times the model)")


def refusal(folder: Path | str, needed: float, free: float, total: float, place: str) -> str | None:
    """Write in one line that a model does not fit; None if it does; sizes in GiB.

    >>> refusal("m", 14.2, 7.9, 15.0, "GPU 0 (T4)")
    'engine.model m does not fit GPU 0 (T4): it needs about 14.2 GiB, and 7.9 of 15.0 GiB are free'
    """
    if needed <= free:
        return None
    return (
        f"engine.model {folder} does not fit {place}: it needs about {needed:.1f} GiB, and {free:.1f} of "
        f"{total:.1f} GiB are free"
    )


def parameters(folder: Path) -> int:
    """Count the weights in a folder's safetensors; only their headers are read, and broken files count for nothing.

    Whoever loads a broken file says what is wrong with it.
    """
    return sum(_weights(path) for path in folder.glob("*.safetensors"))


def _weights(path: Path) -> int:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - it is no mapping
    except (OSError, SafetensorError):
        return 0


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error is that the memory of the device, or of the machine, is too small."""
    import torch

    return isinstance(error, (MemoryError, torch.OutOfMemoryError))


def _device_memory() -> tuple[float, float, str]:
    """Ask the driver; asking CUDA would already take memory. Where the driver does not say, everything fits."""
    gpu = nvidia.visible_gpu()
    if gpu is None:
        return float("inf"), float("inf"), f"GPU {nvidia.visible_index()}"
    return float(gpu.free), float(gpu.total), f"GPU {nvidia.visible_index()} ({gpu.name})"


def host_memory(groups: Sequence[tuple[Path, tuple[str, str, str]]] = _CGROUPS) -> tuple[float, float]:
    """Measure the bytes that are free and those there are, of this machine or of its container where that has less.

    Args:
        groups: Folders of control groups, each with the names of its limit, of what is taken, and in `memory.stat` of
            the part of it that is files nobody uses.
    """
    machine = psutil.virtual_memory()
    free, total = float(machine.available), float(machine.total)
    for folder, names in groups:
        with contextlib.suppress(OSError, ValueError, KeyError):  # no such file, or the word `max`
            limit, used, cache = _container(folder, names)
            total, free = min(total, limit), min(free, limit - (used - cache))
    return max(0.0, free), total


def _container(folder: Path, names: tuple[str, str, str]) -> tuple[float, float, float]:
    """Read what a container may take, what it has taken, and how much of that is files that the kernel would drop."""
    most, used, cache = names
    limit, taken = (float((folder / name).read_text(encoding="ascii")) for name in (most, used))
    stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    return limit, taken, float(stat[cache])
