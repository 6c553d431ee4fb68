"""The line over Spark Connect, as serverless and shared clusters have it: no JVM, no RDD, no cluster settings."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def without_spark() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK", "SPARK"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}


@pytest.fixture(scope="module")
def address(spark: SparkSession) -> Iterator[str]:
    """Have the JVM of the tests' session serve Spark Connect as well, on a free loopback port."""
    pytest.importorskip("grpc", reason="pip install grpcio grpcio-status googleapis-common-protos, they are in dev")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    jvm: Any = spark._jvm
    conf = jvm.org.apache.spark.SparkEnv.get().conf()
    conf.set("spark.connect.grpc.binding.address", "127.0.0.1").set("spark.connect.grpc.binding.port", str(port))
    service = jvm.org.apache.spark.sql.connect.service.SparkConnectService
    service.start(spark._jsc.sc())
    yield f"sc://127.0.0.1:{port}"
    service.stop(jvm.scala.Option.empty(), jvm.scala.Option.empty())


def test_the_line_sql_and_time_travel_work_over_connect(address: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", str(HERE / "client.py"), str(tmp_path / "lake")]
    environ = {**without_spark(), "SPARK_REMOTE": address}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=900, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr[-9000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["documents"] == 193
    assert told["versions"] == [0, 1, 2, 3, 4]
    assert told["counts"][1:] == [193] * 4  # no pass changes the number of rows
    assert told["dropped"][1] > told["dropped"][0]
    assert (told["wrong_words"], told["parsed"]) == (0, "drop_doc")
    assert told["edits"] > 100
    diff = told["diff"]
    assert diff["kept"] + diff["edited"] + diff["dropped"] == diff["documents"] == 193
    assert diff["dropped"] > 0 < diff["edited"]
    assert told["differing"] == [0, 0]
    assert told["came_along"]  # the server's workers need not have the package


def test_no_module_touches_the_jvm_or_an_rdd_without_a_check() -> None:
    found = {}
    for path in (ROOT / "prox_spark").rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        if hits := re.findall(r"\._jvm\b|\._jsparkSession|\._jdf|\.rdd\b|\.sparkContext|\._sc\b|accumulator", code):
            found[path.name] = hits
    # Each behind a check: `parallelism`, the tasks and executors of `gpus`, descriptions of jobs, the file system of
    # plain paths, and the progress bar, which goes without.
    counts = {"session.py": 1, "gpus.py": 2, "tasks.py": 1, "settings.py": 3, "listing.py": 1}
    assert found == {name: [".sparkContext"] * count for name, count in counts.items()}


def test_the_steps_without_a_model_need_nothing_that_serverless_refuses(address: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", str(HERE / "refusing.py"), str(tmp_path)]
    environ = {**without_spark(), "SPARK_REMOTE": address}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=900, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr[-9000:]
    told = json.loads(done.stdout)
    assert {"persist", "spark.databricks.delta.commitInfo.userMetadata"} <= set(told.pop("refusals"))  # they were tried
    assert "does not let spark.databricks.delta" in told.pop("forgotten")  # what has no other way says so
    assert told.pop("edits") >= 0
    assert told == {
        "documents": 5, "texts": 5, "version": 1, "versions": [0, 1], "verified": True, "diff": 5, "compared": 5,
        "report": True, "copies": 4,  # all pages but one: digits count as the same
    }  # fmt: skip
