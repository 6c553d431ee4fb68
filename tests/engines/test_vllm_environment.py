"""What the vllm engine decides before vLLM is imported: engines a GPU, and where compiled code is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.mounts import mounted
from support.nvidia import pretend_nvidia_smi

from prox_spark.config import VllmSettings
from prox_spark.engines.vllm import environment
from prox_spark.engines.vllm.engine import engines_for

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = ("VLLM_CACHE_ROOT", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*VARIABLES, "PROX_SPARK_CACHE"):
        monkeypatch.setenv(name, "")  # so that what the code sets is taken back
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_home_folder_that_is_there_is_left_to_the_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environment.keep_compiled_code()
    assert not set(VARIABLES) & set(os.environ)


def test_without_one_they_are_in_a_folder_of_the_user_alone_and_stay_there(tmp_path: Path) -> None:
    environment.keep_compiled_code()
    folder = tmp_path / f"prox_spark-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {os.environ[name] for name in VARIABLES} == {str(folder / part) for part in ("vllm", "inductor", "triton")}


def test_a_home_folder_from_which_no_code_runs_is_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = """
import os
from prox_spark.engines.vllm import environment
environment.keep_compiled_code()
print(os.environ["TRITON_CACHE_DIR"])
"""
    variables = {**os.environ, "HOME": str(home), "PROX_SPARK_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    command = [*mounted(home, "noexec"), sys.executable, "-c", code]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.stdout == f"{tmp_path}/cache/triton\n", done.stderr


def test_what_the_user_has_said_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROX_SPARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VLLM_CACHE_ROOT", "/fast/disk")
    environment.keep_compiled_code()
    assert os.environ["VLLM_CACHE_ROOT"] == "/fast/disk"
    assert os.environ["TRITON_CACHE_DIR"] == str(tmp_path / "cache" / "triton")


def test_a_folder_that_others_can_write_is_not_used_for_code_that_is_executed(tmp_path: Path) -> None:
    folder = tmp_path / f"prox_spark-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    environment.keep_compiled_code()
    assert not set(VARIABLES) & set(os.environ)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"prox_spark-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    environment.keep_compiled_code()
    assert not set(VARIABLES) & set(os.environ)


H100 = "NVIDIA H100 80GB HBM3, 81559, 81000, 9.0"


@pytest.mark.parametrize(
    ("card", "threads", "expected"),
    [
        (H100, 16, 2),
        (H100, 4, 2),
        (H100, 3, 1),  # a core for each engine, and as many for their prompts
        ("NVIDIA A100-SXM4-80GB, 81920, 81000, 8.0", 16, 1),
        ("NVIDIA L4, 23034, 23000, 8.9", 16, 1),
        ("NVIDIA H100 PCIe MIG 1g.10gb, 10000, 10000, 9.0", 16, 1),
    ],
)
def test_a_small_model_is_loaded_twice_on_a_large_fast_gpu_where_the_task_has_the_cores(
    card: str, threads: int, expected: int, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", pretend_nvidia_smi(tmp_path, f"echo 'GPU-1f, {card}'"))
    settings = VllmSettings(model=str(model_folder), threads=threads)
    assert engines_for(settings, (str(model_folder), None)) == expected


def test_a_model_whose_size_nobody_knows_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", pretend_nvidia_smi(tmp_path, f"echo 'GPU-1f, {H100}'"))
    assert engines_for(VllmSettings(model=str(tmp_path), threads=16), (str(tmp_path), None)) == 1
