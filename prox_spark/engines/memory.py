"""Whether a model fits the memory of its device, and what it says when it does not."""

from __future__ import annotations

import json
import os
import subprocess
from math import prod
from pathlib import Path

from prox_spark.errors import EngineError

_GIB = 1024**3
_OVERHEAD = 1.1
"""A loaded model takes about a tenth more than its weights, without the cache of its prompts."""

_AMPERE = 8
"""The first generation of GPUs (CUDA's compute capability, before the dot) that computes in bfloat16."""

_LONGEST_HEADER = 100_000_000  # what the library itself reads at most


def wants_gpu(device: str) -> bool:
    """Say whether the model goes to a GPU: `auto` takes one if torch finds it.

    Raises:
        EngineError: The device is cuda and there is no GPU.
    """
    import torch

    available = bool(torch.cuda.is_available())
    if device == "cuda" and not available:
        shown = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        raise EngineError(f"engine.device is cuda, but torch finds no GPU (CUDA_VISIBLE_DEVICES is {shown})")
    return available and device != "cpu"


def dtype(wanted: str, *, on_gpu: bool) -> str:
    """Give the number type that a model is loaded in: `auto` is what the device computes in hardware.

    GPUs before Ampere, such as a T4, have no bfloat16: they get float16.

    >>> dtype("auto", on_gpu=False), dtype("bfloat16", on_gpu=True)
    ('float32', 'bfloat16')
    """
    if wanted != "auto":
        return wanted
    if not on_gpu:
        return "float32"
    generation = (_asked_of_the_driver("compute_cap") or "").split(".")[0]
    return "float16" if generation.isdecimal() and int(generation) < _AMPERE else "bfloat16"


def dtype_bytes(number_type: str) -> int:
    """Give the bytes of one weight.

    >>> dtype_bytes("bfloat16"), dtype_bytes("float32")
    (2, 4)
    """
    return 4 if number_type == "float32" else 2


def require(folder: Path, width: int, cache_gib: float, *, on_gpu: bool) -> None:
    """Check that the model of a folder fits, before it is loaded.

    Args:
        folder: With the safetensors.
        width: Bytes of one weight as it will be loaded.
        cache_gib: What the prompts take beside it.
        on_gpu: Which memory.

    Raises:
        EngineError: It does not fit; names both sizes.
    """
    free, total, place = _device_memory() if on_gpu else (*_host_memory(), "this machine")
    needed = parameters(folder) * width * _OVERHEAD / _GIB + cache_gib
    if (message := refusal(folder, needed, free / _GIB, total / _GIB, place)) is not None:
        raise EngineError(message)


def refusal(folder: Path | str, needed: float, free: float, total: float, place: str) -> str | None:
    """Say in one line that a model does not fit, or give None if it does; sizes in GiB.

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
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _LONGEST_HEADER)))
        return sum(prod(about["shape"]) for name, about in header.items() if name != "__metadata__")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return 0


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error is that the memory of the device, or of the machine, is too small."""
    import torch

    return isinstance(error, (MemoryError, torch.OutOfMemoryError))


def _device_memory() -> tuple[float, float, str]:
    """Ask the driver; asking CUDA would already take memory. Where the driver does not say, everything fits."""
    said = _asked_of_the_driver("memory.free,memory.total,name")
    try:
        free, total, name = (said or "").split(",", 2)
        return float(free) * 1024**2, float(total) * 1024**2, f"GPU {_visible()} ({name.strip()})"
    except ValueError:
        return float("inf"), float("inf"), f"GPU {_visible()}"


def _visible() -> str:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]


def _asked_of_the_driver(what: str) -> str | None:
    """Give what the driver says about the GPU that this process sees; None where it says nothing."""
    command = ["nvidia-smi", "-i", _visible(), f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return said.strip().splitlines()[0] if said.strip() else None


def _host_memory() -> tuple[float, float]:
    """Read what is free and what there is; where the system does not say, everything fits."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("inf"), float("inf")
    kib = {line.split(":")[0]: float(line.split()[1]) for line in lines if len(line.split()) > 1}
    return kib["MemAvailable"] * 1024, kib["MemTotal"] * 1024
