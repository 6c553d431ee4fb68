"""Spark on this machine alone: the settings measured for it, and the start of its JVM without its chatter."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyspark
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException, PySparkRuntimeError
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from prox_spark.engines.memory import host_memory
from prox_spark.errors import SessionError
from prox_spark.spark import conditions, environment

if TYPE_CHECKING:
    from py4j.java_gateway import JavaGateway

KEPT_LOGS = 5

GENERAL = {
    "spark.app.name": "prox_spark",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # The columns of a table are a contract: a write with others must fail and not widen it.
    "spark.databricks.delta.schema.autoMerge.enabled": "false",
    # Workers are started with `python -m`, which looks into the working folder before all others: a random.py there
    # would be run in place of Python's own. Python heeds this from 3.11 on.
    "spark.executorEnv.PYTHONSAFEPATH": "1",
}
"""Settings of every session that prox_spark starts, on a standalone cluster too."""

LOCAL = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Each query's plan is written out for the page that is switched off here; the long form costs a twentieth of it.
    "spark.sql.ui.explainMode": "simple",
    # A Delta commit computes the state of the table in this many tasks; the default of 50 costs seconds per commit.
    "spark.databricks.delta.snapshotPartitions": "1",
    # Every tenth commit writes a checkpoint, which costs more than reading a hundred small commit files.
    "spark.databricks.delta.properties.defaults.checkpointInterval": "100",
    # Web pages take 13 MB where snappy takes 21, at the same cost to write and less to read.
    "spark.sql.parquet.compression.codec": "zstd",
    # A task keeps the files of a few snapshots open at once; it would sort whole texts by snapshot otherwise.
    "spark.sql.maxConcurrentOutputFileWriters": "8",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Web pages are large rows: 10,000 of them in one Arrow batch are 30 MB and more, on both sides of the socket.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1024",
    # A model has one task at a time here, and of several idle workers Spark takes the one that has waited longest: with
    # more than one kept, the tasks alternate between them and each worker loads the model.
    "spark.python.factory.idleWorkerMaxPoolSize": "1",
    # A Python worker that dies in native code leaves its stack in Spark's log.
    "spark.python.worker.faulthandler.enabled": "true",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
}
"""Settings of a session on this machine alone; anything that the user gives wins over them."""

COLUMNAR_INPUT = "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled"
"""Spark 4.2.0 hangs for ever on a plain `@udf` above a Parquet or Delta scan while this is true (SPARK-58241)."""

BRIEF = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m"}
"""For a session of a few small jobs: half its CPU time went into compiling code for speed that it never got to use.

`prox-spark sql "SELECT count(*) FROM edits"` costs 16 CPU seconds with it and 32 without.
"""


def with_defaults(given: Mapping[str, str], cache: Path) -> dict[str, str]:
    """Give the settings for a session started here: what the user wants over what was measured for this machine."""
    # A task whose Python worker died is tried once more, where Spark's own `local[*]` fails the whole command.
    settings = {**GENERAL, "spark.master": f"local[{cores()},2]", **given}
    if not is_local(settings):
        return settings
    machine = machine_settings(cores(), memory_bytes())
    return {**LOCAL, **machine, "spark.sql.warehouse.dir": str(cache / "warehouse"), **settings}


def is_local(settings: Mapping[str, str]) -> bool:
    """Say whether these settings keep Spark inside one JVM on this machine."""
    master = settings["spark.master"]
    return master == "local" or master.startswith("local[")


def runs_here(master: str) -> bool:
    """Say whether all executors are on this machine, in this JVM or in others of a `local-cluster[…]`."""
    return master.startswith("local")


def machine_settings(cores: int, memory_bytes: int) -> dict[str, str]:
    """Give the settings that depend on the machine.

    >>> machine_settings(cores=2, memory_bytes=24 * 2**30)["spark.driver.memory"]
    '8192m'
    """
    settings = {
        "spark.driver.memory": f"{max(1024, min(memory_bytes // 2**20 // 2, 8192))}m",
        "spark.sql.shuffle.partitions": str(cores),
        "spark.default.parallelism": str(cores),
        # This collector gets the most work out of a CPU second, and nobody waits for a pause here; deep column
        # expressions need more stack than the default.
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC -Xss4m",
    }
    if pyspark.__version__ == "4.2.0":
        settings[COLUMNAR_INPUT] = "false"
    return settings


def cores() -> int:
    """Give the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Give the memory that this process may use: the machine's, or its container's where that is less."""
    return int(host_memory()[1])


def start(settings: Mapping[str, str], java_home: Path, logs: Path | None) -> SparkSession:
    """Start a session; Spark's JVM writes what it has to say to a file in `logs`, or to stderr where that is None.

    Raises:
        SessionError: It does not start; gives the deepest cause, and the variables that may be to blame.
    """
    conf = pyspark.SparkConf().setAll(list(settings.items()))
    suspects = environment.named_suspects(os.environ)
    with contextlib.ExitStack() as stack:
        log = _log_file(logs) if logs else None
        output = stack.enter_context(log.open("wb")) if log else sys.__stderr__
        stack.enter_context(environment.changed(_variables(settings, java_home)))
        try:
            pyspark.SparkContext(conf=conf, gateway=_gateway(conf, output))
        except (PySparkException, Py4JError, OSError) as error:
            raise SessionError(f"Spark did not start: {_reason(error, log)}{suspects}") from error
    return SparkSession.builder.getOrCreate()


def _variables(settings: Mapping[str, str], java_home: Path) -> dict[str, str | None]:
    """Give what changes in the environment while the JVM starts."""
    python = settings.get("spark.pyspark.python")
    if runs_here(settings["spark.master"]):
        environment.check_working_folder(Path.cwd())
        return environment.of_a_local_spark(os.environ, java_home, python or sys.executable)
    # spark-submit heeds spark.pyspark.python; a session that Python starts would have workers run the python3 of PATH.
    chosen = {"PYSPARK_PYTHON": python} if python and "PYSPARK_PYTHON" not in os.environ else {}
    return {"JAVA_HOME": str(java_home), **chosen}


def _reason(error: Exception, log: Path | None) -> str:
    """Say why a session did not start: in the words of its JVM where that ended, else in those of the error."""
    if isinstance(error, (PySparkRuntimeError, Py4JNetworkError, ConnectionError)) and log:
        return f"{conditions.last_words(log.read_text(encoding='utf-8', errors='replace'))} (all of it: {log})"
    return conditions.explained(error)


def _gateway(conf: pyspark.SparkConf, output: IO[bytes] | IO[str] | None) -> JavaGateway | None:
    """Start the JVM with its output redirected, startup lines included; None where one is running already.

    pyspark makes the JVM ignore Ctrl-C, so that jobs are cancelled by this process and a commit is never cut in two.
    """
    if pyspark.SparkContext._gateway is not None:
        return None
    return launch_gateway(conf, {"stdout": output, "stderr": output})


def _log_file(folder: Path) -> Path:
    """Name a new log file and delete all but the newest few."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("spark-*.log"))[: -(KEPT_LOGS - 1)]:
        old.unlink(missing_ok=True)
    return folder / f"spark-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
