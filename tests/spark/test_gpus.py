"""GPUs as Spark hands them out, on a machine that need not have one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.nvidia import pretend_nvidia_smi
from support.passes import with_engine

from prox_spark import config as configuration
from prox_spark.config import TaggerSettings, VllmSettings
from prox_spark.errors import EngineError
from prox_spark.spark import gpus
from prox_spark.stages import refine as refining

ROOT = Path(__file__).resolve().parents[2]
VLLM = VllmSettings(model="m")


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give the addresses that a task of this process would get."""
    given: list[str] = []

    class Resource:
        addresses = given

    class Context:
        @staticmethod
        def get() -> type[Context]:
            return Context

        @staticmethod
        def resources() -> dict[str, type[Resource]]:
            return {"gpu": Resource} if given else {}

    monkeypatch.setattr("pyspark.TaskContext", Context)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield given
    for lock in gpus._HELD.values():
        lock.release()
    gpus._HELD.clear()


def test_the_address_of_the_task_decides_which_gpu_is_visible(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    addresses.append("3")
    assert gpus.claim(VLLM) == "3"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"


def test_a_model_takes_the_threads_of_its_task_unless_it_is_told_how_many() -> None:
    config = configuration.load(overrides=["passes=[{name: chunk, profile: tiny-chunk}]"])
    this = replace(with_engine(config)[0], engine=VLLM)
    share = gpus.Share(2, threads=3)
    assert refining._threaded(this, share).engine.threads == 3
    told = replace(this, engine=this.engine.model_copy(update={"threads": 1}))
    assert refining._threaded(told, share).engine.threads == 1
    assert refining._threaded(this, gpus.Share(2)) is this


def test_without_a_gpu_from_spark_nothing_is_changed(addresses: list[str]) -> None:
    assert gpus.claim(VLLM) is None
    assert gpus.claim(TaggerSettings()) is None
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_more_than_one_gpu_a_task_is_refused(addresses: list[str]) -> None:
    addresses += ["0", "1"]
    with pytest.raises(EngineError, match=r"a task got 2 GPUs \(0, 1\)"):
        gpus.claim(VLLM)


def test_two_workers_never_share_a_gpu(addresses: list[str], tmp_path: Path) -> None:
    script = f"""
        import sys; sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from prox_spark.spark import gpus
        gpus.hold("0", Path({str(tmp_path)!r}), 0.0)
        print("held", flush=True)
        sys.stdin.read()
    """
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None and other.stdout.readline().strip() == "held"
        with pytest.raises(EngineError, match=f"two workers would share GPU 0: process {other.pid} holds it"):
            gpus.hold("0", tmp_path, 0.1)
        gpus.hold("1", tmp_path, 0.1)
    finally:
        other.communicate("")
    gpus.hold("0", tmp_path, 5.0)  # the other has ended


def test_the_discovery_script_writes_what_spark_reads(tmp_path: Path) -> None:
    script = ROOT / "deploy/gpu/discover_gpus.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    environ = {"PATH": pretend_nvidia_smi(tmp_path, "printf '0\\n1\\n'")}
    found = subprocess.run([str(script)], env=environ, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == '{"name": "gpu", "addresses": ["0","1"]}'


def test_the_discovery_script_says_when_there_is_no_gpu(tmp_path: Path) -> None:
    script = ROOT / "deploy/gpu/discover_gpus.sh"
    found = subprocess.run(["/bin/bash", str(script)], env={"PATH": "/bin"}, capture_output=True, text=True)
    if found.returncode == 0:
        pytest.skip("there is a GPU here")
    assert "nvidia-smi" in found.stderr
