"""The script that installs vLLM: which build it takes for which driver, tried with a pretended driver and pip."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "gpu" / "install_vllm.sh"


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def installed(folder: Path, driver: str | None, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the script where nvidia-smi tells a driver (None: it is not up yet); pip says what it is asked for."""
    program(folder, "nvidia-smi", "exit 9" if driver is None else f"echo {driver}")
    program(folder, "modinfo", "exit 1")
    python = program(folder, "python", 'echo "asked: $*"')
    environ = {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin", **settings}
    command = ["bash", str(SCRIPT), str(python)]
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)


@pytest.mark.parametrize("driver", ["580.65.06", "590.1"])
def test_a_driver_for_cuda_13_gets_the_ordinary_wheel(tmp_path: Path, driver: str) -> None:
    asked = installed(tmp_path, driver).stdout.splitlines()[-1]
    assert asked.endswith("vllm==0.32.0") and "index" not in asked


@pytest.mark.parametrize("driver", ["535.54.03", "550.90.07", "575.51.03", "525.60.13"])
def test_an_older_driver_gets_the_build_for_cuda_12(tmp_path: Path, driver: str) -> None:
    asked = installed(tmp_path, driver, VLLM_VERSION="0.31.0").stdout.splitlines()[-1]
    assert "vllm==0.31.0+cu129" in asked
    assert "https://wheels.vllm.ai/0.31.0/cu129" in asked and "https://download.pytorch.org/whl/cu129" in asked


def test_a_driver_that_is_not_up_yet_gets_the_build_that_runs_on_all(tmp_path: Path) -> None:
    assert "vllm==0.32.0+cu129" in installed(tmp_path, None).stdout
    assert "vllm==0.32.0+" not in installed(tmp_path, None, VLLM_CUDA="cu130").stdout


def test_a_driver_that_no_build_runs_on_is_refused(tmp_path: Path) -> None:
    done = installed(tmp_path, "470.57.02")
    assert done.returncode != 0 and "470.57.02 is too old" in done.stderr and "asked" not in done.stdout


def test_nothing_is_installed_without_a_gpu(tmp_path: Path) -> None:
    if Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has a GPU")
    python = program(tmp_path, "python", 'echo "asked: $*"')
    environ = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", str(SCRIPT), str(python)], capture_output=True, text=True, env=environ, check=True)
    assert "no GPU" in done.stdout and "asked" not in done.stdout
