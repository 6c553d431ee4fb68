"""What works on this machine and what does not, one line each, with what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyspark
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from prox_spark import engines, tracking
from prox_spark.cli import cluster
from prox_spark.config import Config, EngineSettings, ModelSettings
from prox_spark.engines import nvidia
from prox_spark.errors import EngineError, LakeError, ProxError, SessionError
from prox_spark.lake import schema
from prox_spark.lake.location import absolute, check_folder, is_catalog_schema, is_uri
from prox_spark.spark import accelerator, executors, jars, java, local
from prox_spark.spark.conditions import explained
from prox_spark.spark.session import cache_folder, delta_jars, is_to_start, parallelism, session, wanted_delta
from prox_spark.spark.session import platform as provider
from prox_spark.version import __version__

_WORKER_IMPORTS = "import sys, pandas, pyarrow, prox_spark; print('%d.%d' % sys.version_info[:2])"
_WORKER_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `detail` says what to do where `ok` is false."""

    name: str
    ok: bool
    detail: str


def check(config: Config, *, verbose: bool = False) -> list[Finding]:
    """Check all that a run with this configuration needs; the last check starts Spark and writes a table of one row."""
    kinds = [config.engine_of(item) for item in config.passes if item.kind == "engine"]
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("java", partial(_java, os.environ)),
        ("delta", partial(_delta, os.environ)),
        ("workers", partial(_workers, _python_of_workers(config, os.environ, started_here=is_to_start(os.environ)))),
        ("machine", partial(_machine, config)),
        ("gpu", partial(_gpu, kinds)),
        *(("engine", partial(_engine, engine)) for engine in dict.fromkeys(kinds)),
        ("lake", partial(_lake, config.lake)),
        *([("mlflow", partial(tracking.check, config.mlflow))] if config.mlflow.experiment else []),
        ("session", partial(_session, config, verbose=verbose)),
    ]
    return [_finding(name, run) for name, run in checks]


def check_cluster(config: Config, *, verbose: bool = False) -> list[Finding]:
    """Check every executor of the session's cluster: one finding each, and what is wrong with them together."""
    findings = [_finding("python", _python)]
    ours = is_to_start(os.environ)
    try:
        spark = session(verbose=verbose, brief=True, **config.spark)
    except ProxError as error:
        return [*findings, Finding("session", False, str(error))]
    kinds = [config.engine_of(item).kind for item in config.passes if item.kind == "engine"]
    there = executors.look(spark, tasks=parallelism(spark))
    findings.append(Finding("session", True, f"Spark {spark.version} with Delta, executors: {len(there)}"))
    for number, executor in enumerate(there, 1):
        wrong = cluster.problems(executor, kinds)
        detail = "; ".join([*wrong, cluster.described(executor)])
        findings.append(Finding(f"executor {number} on {executor.host}", not wrong, detail))
    findings += [Finding("gpu", False, line) for line in cluster.shared(there)]
    if ours:
        spark.stop()
    return findings


def _finding(name: str, run: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, run())
    except ProxError as error:
        return Finding(name, False, str(error))
    except OSError as error:
        return Finding(name, False, f"{error.strerror or error}: {error.filename or name}")


def _python() -> str:
    return f"{platform.python_version()} at {sys.executable}, prox_spark {__version__}, pyspark {pyspark.__version__}"


def _java(environ: Mapping[str, str]) -> str:
    if platform_name := provider(environ):
        return f"brought by {platform_name}"
    found = java.find(environ)
    return f"{found.version} from {found.origin}"


def _delta(environ: Mapping[str, str]) -> str:
    if platform_name := provider(environ):
        return f"brought by {platform_name}"
    paths = delta_jars(environ)
    if environ.get("PROX_SPARK_JARS"):
        return f"{', '.join(path.name for path in paths)} from PROX_SPARK_JARS"
    delta = wanted_delta(environ)
    tested = "" if delta.version == jars.TESTED.get(delta.spark) else f" (tested: {jars.TESTED.get(delta.spark)})"
    return f"{delta.version} for Spark {delta.spark}{tested} in {delta.folder(cache_folder(environ))}"


def _python_of_workers(config: Config, environ: Mapping[str, str], *, started_here: bool) -> str:
    """Name the Python of Spark's workers: where a session starts here it is this one, PYSPARK_PYTHON or not."""
    if local.runs_here(config.spark.get("spark.master", "local")) and started_here:
        return config.spark.get("spark.pyspark.python", sys.executable)
    return environ.get("PYSPARK_PYTHON", sys.executable)


def _workers(python: str) -> str:
    """Check the Python of the workers: it must be of this version and have these packages."""
    command = [shutil.which(python) or python, "-c", _WORKER_IMPORTS]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_WORKER_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONSAFEPATH": "1"},  # as the workers have it
        )
    except subprocess.TimeoutExpired as error:
        waited = f"does not say what it has within {_WORKER_SECONDS} s"
        raise SessionError(f"Spark's workers run {python} (PYSPARK_PYTHON), which {waited}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it does not start"])[-1]
        raise SessionError(f"Spark's workers run {python} (PYSPARK_PYTHON), which cannot: {last}")
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if done.stdout.strip() != ours:
        raise SessionError(f"PYSPARK_PYTHON={python} is Python {done.stdout.strip()}, this is {ours}; unset it")
    return f"run {python}"


def _machine(config: Config) -> str:
    settings = local.with_defaults(config.spark, cache_folder(os.environ))
    heap = settings.get("spark.driver.memory", "the default")
    return (
        f"{local.cores()} cores, {local.memory_bytes() / 2**30:.0f} GiB of memory, {heap} of it for Spark, "
        f"{settings['spark.master']}"
    )


def _gpu(settings: list[EngineSettings]) -> str:
    gpus = [f"{gpu.name}, {gpu.total / 2**30:.0f} GiB" for gpu in nvidia.gpus()]
    if not gpus and any(isinstance(engine, ModelSettings) and engine.device == "cuda" for engine in settings):
        raise EngineError("engine.device is cuda and the driver lists no GPU: install it, or set engine.device to auto")
    return ", ".join(gpus) if gpus else "none, and the configuration needs none"


def _engine(wanted: EngineSettings) -> str:
    settings = engines.resolve(wanted)
    kind = engines.kind_of(settings)
    if missing := kind.missing():
        needs = f"engine.kind {settings.kind} needs {', '.join(missing)}"
        raise EngineError(f"{needs}: install the extra {kind.extra} of prox-spark")
    if not isinstance(settings, ModelSettings):
        engines.create(settings).close()
        return settings.kind
    return f"{settings.kind} with {settings.model}, fingerprint {engines.fingerprint(settings)[:12]}"


def _lake(location: str) -> str:
    if is_catalog_schema(location) or is_uri(location):
        return f"{location}, which shows when it is opened"
    folder = Path(absolute(location))
    check_folder(str(folder), create=True)
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not place.is_dir():
        raise LakeError(f"{place} is a file; a lake is a folder or catalog.schema")
    if not os.access(place, os.W_OK | os.X_OK):
        raise LakeError(f"{place} cannot be written; choose another folder with --lake")
    if not folder.exists():
        return f"{folder} is not there yet; the first ingest makes it"
    tables = {name: _newest_version(folder / name) for name in schema.TABLES}
    there = [f"{name} at version {version}" for name, version in tables.items() if version is not None]
    return f"{folder}: {', '.join(there) or 'empty'}"


def _newest_version(table: Path) -> int | None:
    """Read the newest version off the names of the commit files; None when there is no commit."""
    versions = [int(path.stem) for path in table.glob("_delta_log/*.json") if path.stem.isdigit()]
    return max(versions, default=None)


def _session(config: Config, *, verbose: bool) -> str:
    """Start Spark, and write and read a table of one row where Spark is on this machine."""
    ours = is_to_start(os.environ)
    begin = time.monotonic()
    try:
        spark = session(verbose=verbose, brief=True, **config.spark)
        said = f"Spark {spark.version} with Delta, {time.monotonic() - begin:.0f} s to start"
        if provider(os.environ) is None:
            begin = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="prox-spark-doctor-") as folder:
                spark.range(1).write.format("delta").save(f"{folder}/table")
                spark.read.format("delta").load(f"{folder}/table").collect()
            said += f", {time.monotonic() - begin:.0f} s to write and read a first table"
        if accelerator.check(spark):
            said += ", the accelerator is loaded"
        if ours:
            spark.stop()
    except (PySparkException, Py4JError) as error:
        raise SessionError(f"Spark starts and cannot write a Delta table: {explained(error)}") from error
    return said
