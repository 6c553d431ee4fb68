"""What the driver says, by the command where its library is not there, and how busy a GPU is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.nvidia import pretend_nvidia_smi

from prox_spark.engines import nvidia

LINES = "GPU-1f, NVIDIA H100 80GB HBM3, 81559, 80000, 9.0\\nGPU-2e, Tesla K80, 11441, 11441, [N/A]"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a driver of two GPUs into the way."""
    script = f"echo \"$@\" >> {tmp_path}/asked\nprintf '{LINES}\\n'"
    monkeypatch.setenv("PATH", pretend_nvidia_smi(tmp_path, script))
    return tmp_path / "asked"


def test_the_command_describes_all_gpus(driver: Path) -> None:
    first, second = nvidia.gpus()
    assert (first.uuid, first.name, first.capability) == ("GPU-1f", "NVIDIA H100 80GB HBM3", (9, 0))
    assert (first.total, first.free, first.generation) == (81559 * 2**20, 80000 * 2**20, 9)
    assert second.capability is None
    assert "-i" not in driver.read_text()


def test_the_gpu_that_this_process_sees_is_the_first_of_the_environment(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1f,GPU-2e")
    gpu = nvidia.visible_gpu()
    assert gpu is not None and gpu.uuid == "GPU-1f"
    assert driver.read_text().startswith("-i GPU-1f --query-gpu=uuid,")


@pytest.mark.parametrize("says", ["exit 9", "echo nothing of use", "true"])
def test_a_driver_that_says_nothing_of_use_is_none(says: str, driver: Path) -> None:
    pretend_nvidia_smi(driver.parent, says)
    assert nvidia.gpu("0") is None
    assert nvidia.gpus() == []


def test_without_a_driver_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert nvidia.gpu("0") is None
    assert nvidia.driver_version() is None


def test_a_watch_adds_up_what_was_busy_and_what_was_idle() -> None:
    samples = iter([100.0, 0.0] * 1000)
    with nvidia.Watch(lambda: next(samples), every=0.01) as watch:
        time.sleep(0.3)
    assert 0.05 < watch.seconds <= 0.5
    assert watch.busy_seconds + watch.idle_seconds == pytest.approx(watch.seconds)
    assert 0.3 < watch.busy_seconds / watch.seconds < 0.7


def test_what_cannot_be_watched_is_no_time_and_no_error() -> None:
    def broken() -> float:
        raise RuntimeError("no such counter")

    with nvidia.Watch(broken, every=0.01) as watch:
        time.sleep(0.05)
    assert (watch.seconds, watch.busy_seconds, watch.idle_seconds) == (0.0, 0.0, 0.0)
