"""The doctor: each check, on things that are right and on things that are wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from support.nvidia import pretend_nvidia_smi

from prox_spark.cli import doctor
from prox_spark.config import load
from prox_spark.errors import EngineError, LakeError, SessionError


def test_workers_of_this_interpreter_are_fine() -> None:
    assert doctor._workers(sys.executable) == f"run {sys.executable}"


def test_the_workers_of_a_session_on_this_machine_run_this_python() -> None:
    foreign = {"PYSPARK_PYTHON": "python2"}
    assert doctor._python_of_workers(load(), foreign, started_here=True) == sys.executable
    assert doctor._python_of_workers(load(), foreign, started_here=False) == "python2"
    cluster = load(overrides=["spark.spark.master=spark://host:7077"])
    assert doctor._python_of_workers(cluster, foreign, started_here=True) == "python2"


def test_a_worker_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    finding = doctor._finding("workers", lambda: doctor._workers(str(tmp_path / "python9")))
    assert not finding.ok
    assert "python9" in finding.detail


def test_a_worker_python_without_the_packages_is_wrong(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'pandas'\" >&2\nexit 1\n")
    bare.chmod(0o755)
    with pytest.raises(SessionError, match="No module named 'pandas'"):
        doctor._workers(str(bare))


def test_a_worker_python_of_another_version_is_wrong(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho 3.9\n")
    other.chmod(0o755)
    with pytest.raises(SessionError, match=r"is Python 3\.9, this is"):
        doctor._workers(str(other))


def test_a_lake_that_is_not_there_yet_is_fine(tmp_path: Path) -> None:
    assert "not there yet" in doctor._lake(str(tmp_path / "lake"))


def test_a_lake_shows_its_tables_with_their_versions(tmp_path: Path) -> None:
    for version in range(3):
        commit = tmp_path / "corpus" / "_delta_log" / f"{version:020}.json"
        commit.parent.mkdir(parents=True, exist_ok=True)
        commit.write_text("{}")
    (tmp_path / "corpus" / "_delta_log" / "00000000000000000000.crc").touch()
    assert doctor._lake(str(tmp_path)).endswith(": corpus at version 2")


def test_a_lake_that_is_a_file_or_another_folder_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LakeError, match="is a file"):
        doctor._lake(str(tmp_path / "file" / "lake"))
    with pytest.raises(LakeError, match="holds no lake"):
        doctor._lake(str(tmp_path))


def test_an_engine_that_is_not_there_yet_is_wrong() -> None:
    config = load(overrides=["engine.kind=transformers", "engine.model=/nowhere/model"])
    with pytest.raises(EngineError):
        doctor._engine(config.engine)


def test_a_gpu_that_is_asked_for_and_missing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    config = load(overrides=["engine={kind: transformers, model: m, device: cuda}"])
    with pytest.raises(EngineError, match="the driver lists no GPU"):
        doctor._gpu([config.engine])


def test_a_gpu_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", pretend_nvidia_smi(tmp_path, "echo 'GPU-1f, Pretend 9000, 8192, 8192, 9.0'"))
    assert doctor._gpu([]) == "Pretend 9000, 8 GiB"


@pytest.mark.spark
def test_all_is_well_on_a_machine_that_runs_the_tests(spark: SparkSession, tmp_path: Path) -> None:
    findings = doctor.check(load(overrides=[f"lake={json.dumps(str(tmp_path / 'lake'))}"]))
    assert [finding for finding in findings if not finding.ok] == []
    assert {"java", "delta", "workers", "gpu", "engine", "lake", "session"} <= {finding.name for finding in findings}
    assert all("\n" not in finding.detail for finding in findings)
