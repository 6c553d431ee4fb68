"""A Spark standalone cluster for real: master and workers as processes, the package shipped, a worker killed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from prox_spark import Lake, execute
from prox_spark.chunks import Chunk
from prox_spark.demo import sample
from prox_spark.spark import java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "standalone" / "cluster.sh"

COMMANDS = """
import sys
from prox_spark import load, session
from prox_spark.cli import main
conf, *files = sys.argv[1:]
session(**load([conf]).spark)
for command in (["ingest", *files], ["run"]):
    if code := main(["--conf", conf, "--json", *command]):
        sys.exit(code)
"""
"""Two commands over one session: each would start executors of its own, which is most of what this test takes."""


@dataclass
class Process:
    """One process of the cluster, with all that it starts in a group of its own, and the file with what it says."""

    running: subprocess.Popen[bytes]
    log: Path

    def said(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self.log.read_text(encoding="utf-8", errors="replace"))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait(30)


@dataclass(frozen=True)
class Cluster:
    """The cluster and the environment of those who use it."""

    master: str
    workers: tuple[Process, Process]
    folder: Path
    environ: dict[str, str]


def until(ready: Callable[[], object], what: str, seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.2)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK", "SPARK", "PYTHON"))},
        "JAVA_HOME": str(java.find(os.environ).home),
        "PROX_HOME": sys.prefix,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "MASTER_PORT": "0",
        "MASTER_WEBUI_PORT": "0",
        "WORKER_WEBUI_PORT": "0",
        "WORKER_CORES": "1",
        "WORKER_MEMORY": "1g",
    }
    with contextlib.ExitStack() as stack:

        def start(name: str, *arguments: str) -> Process:
            log = tmp_path / f"{name}.log"
            with log.open("wb") as output:
                started = subprocess.Popen(
                    [SCRIPT, *arguments],
                    env={**environ, "WORKER_DIR": str(tmp_path / name)},
                    cwd=tmp_path,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            process = Process(started, log)
            stack.callback(process.kill)
            return process

        master = start("master", "master")
        until(lambda: master.said(r"spark://[\d.]+:\d+"), "the start of the master")
        found = master.said(r"spark://[\d.]+:\d+")
        assert found is not None
        workers = start("one", "worker", found[0]), start("two", "worker", found[0])
        for worker in workers:
            until(partial(worker.said, "Successfully registered"), "the start of a worker")
        yield Cluster(found[0], workers, tmp_path, environ)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, str(ROOT / "deploy" / "wheel.py"), "--to", str(folder)]
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("no hatchling: it is among the extra dev")
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def settings(cluster: Cluster, wheel: Path) -> Path:
    """Write what a user fills in, for a cluster as small as this one."""
    given = yaml.safe_load((ROOT / "deploy" / "standalone" / "prox.yaml").read_text(encoding="utf-8"))
    spark = {key: value for key, value in given["spark"].items() if "gpu" not in key}
    spark |= {
        "spark.master": cluster.master,
        "spark.submit.pyFiles": str(wheel.with_name("prox_spark.zip")),
        "spark.pyspark.python": sys.executable,
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.executor.cores": 1,
        "spark.executor.memory": "768m",
        "spark.ui.enabled": False,
        "spark.sql.shuffle.partitions": 2,
        "spark.databricks.delta.snapshotPartitions": 1,
        "spark.sql.codegen.wholeStage": False,
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m",
    }
    filled = {
        "lake": str(cluster.folder / "lake"),
        "spark": spark,
        "ingest": {"shards": 16, "unit_bytes": 200_000},
        "refine": {"wave_texts": 40, "batch_texts": 8, "partitions": 4},
    }
    path = cluster.folder / "prox.yaml"
    path.write_text(yaml.safe_dump(filled), encoding="utf-8")
    return path


def test_both_passes_survive_a_worker_that_is_killed(spark: SparkSession, cluster: Cluster, wheel: Path) -> None:
    site = cluster.folder / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    environ = {**cluster.environ, "PYTHONPATH": str(site)}
    deadly = str(ROOT / "tests" / "data" / "aborts_pyarrow.parquet")  # whoever reads its footer is ended by pyarrow
    program = [sys.executable, "-c", COMMANDS, str(settings(cluster, wheel)), *sample()[0], deadly]
    running = subprocess.Popen(
        program, env=environ, cwd=cluster.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        commits = cluster.folder / "lake" / "programs" / "_delta_log"
        until(lambda: len([*commits.glob("*.json")]) > 2 or running.poll() is not None, "the second wave")
        assert running.poll() is None, running.communicate()[1]
        cluster.workers[0].kill()
        waves_before = len([*commits.glob("*.json")]) - 1
        said, complained = running.communicate(timeout=240)
    finally:
        running.kill()
    assert running.returncode == 0, complained

    shipped = {path.relative_to(cluster.folder).parts[0] for path in cluster.folder.glob("*/app-*/*/prox_spark.zip")}
    assert shipped == {"one", "two"}
    ingested, ran = map(json.loads, said.splitlines())
    assert ingested["quarantined"] == 1
    assert sum(item["refine"]["waves"] for item in ran["passes"]) > waves_before
    check(Lake.open(spark, str(cluster.folder / "lake"), create=False), ingested["documents"])


def check(lake: Lake, documents: int) -> None:
    """Check the lake against the Python twin: every document is there once, and is what its programs make of it."""
    programs: dict[tuple[str, str], list[tuple[Chunk, str]]] = {}
    for row in lake.read("programs").collect():
        key = row["pass_name"], row["text_sha256"]
        assert key not in programs, "a program was written twice"
        assert row["error"] is None
        programs[key] = [
            (Chunk(part["chunk_index"], part["line_start"], part["line_end"], "", 0), part["completion"] or "")
            for part in row["chunks"]
        ]
    texts = {row["doc_id"]: (row["text"], row["text_sha256"]) for row in lake.read("documents").collect()}
    assert len(texts) == documents
    verdicts = {row["doc_id"]: row["text"] for row in lake.read("corpus", 1).collect()}
    final = {row["doc_id"]: row["text"] for row in lake.read("corpus").collect()}
    assert len(final) == lake.count("corpus") == documents
    for doc_id, (text, sha256) in texts.items():
        assert verdicts[doc_id] == execute(text, programs["doc", sha256], level="document").text
        expected = None if verdicts[doc_id] is None else execute(text, programs["chunk", sha256]).text
        assert final[doc_id] == expected
    assert None in final.values() and set(final.values()) != {None}
