"""What NVIDIA's driver says: which GPUs there are, their memory, and how busy they are.

It is asked by its library, nvidia-ml-py, or by the command nvidia-smi where the library is not installed. Asking CUDA
would take memory of the GPU.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_FIELDS = ("uuid", "name", "memory.total", "memory.free", "compute_cap")
_MIB = 1024**2
_PATIENCE = 20.0
"""Seconds that nvidia-smi may take; on a machine with eight GPUs and no persistence daemon it takes several."""

CUDA_DRIVERS = {12: 525, 13: 580}
"""The oldest driver that runs a major version of CUDA, by NVIDIA's compatibility table; see deploy/README.md."""

_IDLE_PERCENT = 5
"""A GPU that is busy for less of a sample does nothing that anyone waits for."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as the driver describes it.

    Attributes:
        uuid: Its identity, the same in every container of the machine.
        name: Such as `NVIDIA H100 80GB HBM3`.
        total: Bytes of memory.
        free: Bytes that nobody has taken.
        capability: CUDA's compute capability, such as (9, 0); None where the driver does not tell.
    """

    uuid: str
    name: str
    total: int
    free: int
    capability: tuple[int, int] | None

    @property
    def generation(self) -> int | None:
        """The compute capability before the dot."""
        return None if self.capability is None else self.capability[0]


def driver_trouble(driver: str | None, cuda: str | None) -> str | None:
    """Say why a driver cannot run programs built for a version of CUDA; None where it can, or nobody knows.

    >>> driver_trouble("535.54.03", "12.9"), driver_trouble("580.65.06", "13.0"), driver_trouble(None, "13.0")
    (None, None, None)
    """
    majors = [(text or "").split(".")[0] for text in (driver, cuda)]
    if not all(major.isdigit() for major in majors):
        return None
    needed = CUDA_DRIVERS.get(int(majors[1]), 0)
    if int(majors[0]) >= needed:
        return None
    fitting = "the build for CUDA 12.9" if int(majors[0]) >= CUDA_DRIVERS[12] else "nothing for so old a driver"
    return (
        f"NVIDIA driver {driver} cannot run CUDA {cuda}, which torch is built for and which needs driver {needed}: "
        f"update it, or deploy/gpu/install_vllm.sh installs {fitting}"
    )


def visible_index() -> str:
    """Name the GPU that this process sees first: an index or a UUID, as CUDA_VISIBLE_DEVICES has it."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]


def visible_gpu() -> Gpu | None:
    """Describe the GPU that this process sees first; None where the driver says nothing."""
    return gpu(visible_index())


def gpu(address: str) -> Gpu | None:
    """Describe a GPU by its index or UUID; None where the driver says nothing."""
    with contextlib.suppress(Exception), _library() as nvml:  # no library, or no such GPU: the command says the same
        return _described(nvml, _handle(nvml, address))
    lines = _command(f"--query-gpu={','.join(_FIELDS)}", address)
    return _read(lines[0]) if lines else None


def gpus() -> list[Gpu]:
    """Describe all GPUs of the machine that the driver shows to this process; empty where there is no driver."""
    with contextlib.suppress(Exception), _library() as nvml:
        return [_described(nvml, nvml.nvmlDeviceGetHandleByIndex(at)) for at in range(nvml.nvmlDeviceGetCount())]
    described = [_read(line) for line in _command(f"--query-gpu={','.join(_FIELDS)}")]
    return [item for item in described if item is not None]


def driver_version() -> str | None:
    """Give the version of the driver, such as `580.159.04`; None where there is none."""
    with contextlib.suppress(Exception), _library() as nvml:
        return _text(nvml.nvmlSystemGetDriverVersion())
    lines = _command("--query-gpu=driver_version")
    return lines[0].strip() if lines else None


class Watch:
    """How busy a GPU is while something runs, sampled in a thread.

    Attributes:
        seconds: Time that was watched; 0 where the driver tells no utilisation.
        busy_seconds: The utilisation added up: the share of each sample in which a kernel ran.
        idle_seconds: Time of the samples in which next to nothing ran.
    """

    def __init__(self, percent: Callable[[], float] | None = None, *, every: float = 0.25) -> None:
        """Prepare to watch.

        Args:
            percent: Gives the utilisation, 0 to 100; None asks the driver about the GPU that this process sees.
            every: Seconds between samples.
        """
        self._percent, self._every = percent, every
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.seconds = self.busy_seconds = self.idle_seconds = 0.0

    def __enter__(self) -> Watch:
        """Begin to watch."""
        self._thread = threading.Thread(target=self._watch, name="prox-spark-gpu-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching; the numbers stay."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)

    def _watch(self) -> None:
        with contextlib.suppress(Exception), contextlib.ExitStack() as stack:  # what cannot be measured stays 0
            percent = self._percent or _utilisation(stack)
            last = time.monotonic()
            while not self._stop.wait(self._every):
                busy, now = percent(), time.monotonic()
                self.seconds += now - last
                self.busy_seconds += (now - last) * busy / 100
                self.idle_seconds += (now - last) * (busy < _IDLE_PERCENT)
                last = now


def _utilisation(stack: contextlib.ExitStack) -> Callable[[], float]:
    nvml = stack.enter_context(_library())
    handle = _handle(nvml, visible_index())
    return lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)


@contextlib.contextmanager
def _library() -> Iterator[Any]:
    import pynvml  # the module of nvidia-ml-py

    pynvml.nvmlInit()
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _handle(nvml: Any, address: str) -> Any:
    if address.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(address))
    return nvml.nvmlDeviceGetHandleByUUID(address)


def _described(nvml: Any, handle: Any) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    capability = tuple(int(part) for part in nvml.nvmlDeviceGetCudaComputeCapability(handle))
    uuid, name = _text(nvml.nvmlDeviceGetUUID(handle)), _text(nvml.nvmlDeviceGetName(handle))
    return Gpu(uuid, name, int(memory.total), int(memory.free), (capability[0], capability[1]))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _command(query: str, address: str | None = None) -> list[str]:
    """Ask nvidia-smi; one line for each GPU, none where it says nothing."""
    which = [] if address is None else ["-i", address]
    command = ["nvidia-smi", *which, query, "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=True, stdin=subprocess.DEVNULL
        )
        return [line for line in done.stdout.splitlines() if line.strip()]
    return []


def _read(line: str) -> Gpu | None:
    """Read a line of nvidia-smi, in the order of `_FIELDS`.

    >>> _read("GPU-1f, Tesla T4, 15360, 7900, 7.5").capability
    (7, 5)
    """
    try:
        uuid, name, total, free, capability = (part.strip() for part in line.split(","))
        sizes = int(float(total) * _MIB), int(float(free) * _MIB)
    except ValueError:
        return None
    major, _, minor = capability.partition(".")
    known = major.isdecimal() and minor.isdecimal()
    return Gpu(uuid, name, *sizes, (int(major), int(minor)) if known else None)
