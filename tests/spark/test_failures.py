"""Conditions of a machine, provoked: a failure says in one line what it means, with its deepest cause."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from support.mounts import mounted

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import os, sys
from prox_spark import session
from prox_spark.spark.conditions import explained
try:
    spark = session(spark_master="local[1]", spark_driver_memory="512m", brief=True)
    exec(sys.argv[1])
except Exception as error:
    print(explained(error))
"""
WRITE = "spark.range(3).write.format('delta').save(sys.argv[2])"
# Literals are computed by the driver, in the thread that asks; what comes of rows is computed by a task.
IN_DRIVER = "spark.sql(\"SELECT length(concat(repeat('x', 400000000), repeat('y', 400000000)))\").collect()"
IN_TASK = (
    "spark.sql('SELECT length(concat(a, a, a)) FROM (SELECT repeat(id, 400000000) a FROM range(10, 11))').collect()"
)
DIE = "spark.range(2).mapInArrow(lambda batches: os._exit(9), 'id LONG').collect()"

pytestmark = [pytest.mark.spark, pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are Linux's")]


def said_of(code: str, folder: Path, *before: str, files: int | None = None, **variables: str) -> str:
    """Run code with a session in a process of its own, and give what its failure is said to be."""
    limits = None if files is None else lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    done = subprocess.run(
        [*before, sys.executable, "-c", SCRIPT, code, str(folder / "table")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        preexec_fn=limits,
    )
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    return done.stdout


def test_a_process_that_may_open_few_files_says_so(tmp_path: Path) -> None:
    assert "may open 300 files at once" in said_of(WRITE, tmp_path, files=300)


def test_java_that_runs_out_of_memory_says_which_setting_gives_more(tmp_path: Path) -> None:
    said = said_of(IN_DRIVER, tmp_path)
    assert "spark.spark.driver.memory" in said
    assert "OutOfMemoryError: Java heap space" in said


def test_java_that_ends_because_a_task_wants_too_much_memory_says_the_same(tmp_path: Path) -> None:
    assert "spark.spark.driver.memory" in said_of(IN_TASK, tmp_path)


def test_a_worker_that_is_killed_is_named(tmp_path: Path) -> None:
    assert said_of(DIE, tmp_path).startswith("a Python worker died")


def test_a_temporary_folder_without_programs_is_named(tmp_path: Path) -> None:
    place = tmp_path / "noexec"
    said = said_of(WRITE, tmp_path, *mounted(place, "noexec"), JAVA_TOOL_OPTIONS=f"-Djava.io.tmpdir={place}")
    assert said.startswith("programs may not run from the temporary folder (mounted noexec)")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    large = "spark.range(100000).write.format('delta').save(sys.argv[2])"
    assert said_of(large, tmp_path, *mounted(tmp_path, "size=16k")).startswith("a disk is full")


def test_a_place_that_is_read_only_is_named(tmp_path: Path) -> None:
    assert said_of(WRITE, tmp_path, *mounted(tmp_path, "ro")).startswith("the place is read-only")
