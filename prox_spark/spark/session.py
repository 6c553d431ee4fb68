"""One SparkSession with Delta: the one that the platform brings, else a local one with the settings measured for it.

A session that is already there, or that Databricks, EMR, spark-submit or Spark Connect provide, is taken as it is and
only checked. A local one gets Java, the two Delta JARs, and settings that make a small commit take about a second.
Environment variables are read here, because Spark itself is steered by them.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs
import pyspark
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from prox_spark.errors import SessionError
from prox_spark.spark import environment, jars, java, local, shipping
from prox_spark.spark.settings import is_classic, sets, value_of

logger = logging.getLogger(__name__)


def session(*, verbose: bool = False, brief: bool = False, **conf: object) -> SparkSession:
    """Give a SparkSession with Delta.

    Args:
        verbose: Show what Spark's JVM prints; it goes to a file in the cache folder otherwise.
        brief: Start a session for a few small jobs: ready sooner, slower where there is much to compute.
        conf: Spark settings, as `**{"spark.driver.memory": "4g"}` or `spark_driver_memory="4g"`; they win over the
            settings made here. On a session that is already there only those that it lets change are set.

    Raises:
        SessionError: Java, Spark or Delta are missing or do not fit together; says what to install.
    """
    wanted = dict(setting(key, value) for key, value in conf.items())
    if not verbose:
        _silence_query_logs()
    provider = platform(os.environ)
    live = active()
    if live is None and provider is not None:
        live = SparkSession.builder.getOrCreate()
    if live is not None:
        taken = _taken(live, wanted, provider or "the active Spark session")
        if not is_classic(taken) and provider != "Databricks":  # whose sessions have what the notebook or job installs
            shipping.ship(taken)
        return taken
    return _started({**local.BRIEF, **wanted} if brief else wanted, verbose)


def setting(key: str, value: object) -> tuple[str, str]:
    """Write a setting as Spark does.

    >>> setting("spark_ui_enabled", True), setting("spark.sql.shuffle.partitions", 8)
    (('spark.ui.enabled', 'true'), ('spark.sql.shuffle.partitions', '8'))

    Raises:
        SessionError: The name is not one of Spark's.
    """
    name = key if "." in key else key.replace("_", ".")
    if not name.startswith("spark."):
        raise SessionError(f"the name of a Spark setting begins with spark., got {key}")
    return name, str(value).lower() if isinstance(value, bool) else str(value)


def active() -> SparkSession | None:
    """Give the session that this process already has, classic or Connect; None when there is none."""
    if (found := SparkSession.getActiveSession()) is not None:
        return found
    # A session that another thread started is active there and not here, but its context is one per process.
    started = pyspark.SparkContext._active_spark_context is not None
    return SparkSession.builder.getOrCreate() if started else None


def platform(environ: Mapping[str, str]) -> str | None:
    """Name what brings its own Spark here; None where prox_spark has to start one.

    >>> platform({"SPARK_REMOTE": "sc://spark.example"})
    'Spark Connect'
    """
    if "DATABRICKS_RUNTIME_VERSION" in environ:
        return "Databricks"
    if "SPARK_REMOTE" in environ:
        return "Spark Connect"
    if "PYSPARK_GATEWAY_PORT" in environ:
        return "spark-submit"
    if Path("/usr/share/aws/delta/lib").is_dir() or Path("/mnt/var/lib/info/job-flow.json").exists():
        return "EMR"
    return None


def is_to_start(environ: Mapping[str, str]) -> bool:
    """Say whether the next `session` is started here, and so is this process's to stop.

    What a platform provides outlives the command, and must: a cluster of Databricks whose session was stopped runs
    nothing more.
    """
    return platform(environ) is None and active() is None


def has_delta(spark: SparkSession) -> bool:
    """Say whether the session can read Delta tables; works over Connect.

    The extension setting is no proof: it reads as set when the JARs are missing, too. Databricks is not asked, since it
    always has it, and where its root storage is switched off a path is an error of another kind.
    """
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return True
    try:
        spark.sql("DESCRIBE HISTORY delta.`/nonexistent/prox_spark_probe`").collect()
    except PySparkException as error:
        return (error.getCondition() or "").startswith("DELTA_")
    return True


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Name the folder for what is fetched once: PROX_SPARK_CACHE, else prox_spark in the user's cache folder.

    >>> str(cache_folder({"PROX_SPARK_CACHE": "/cache"}))
    '/cache'

    Raises:
        SessionError: There is no home to have one in.
    """
    if environ.get("PROX_SPARK_CACHE"):
        return Path(environ["PROX_SPARK_CACHE"]).expanduser().absolute()
    with contextlib.suppress(RuntimeError):  # some versions raise it, others give a path that begins with ~
        folder = platformdirs.user_cache_path("prox_spark", appauthor=False)
        if folder.is_absolute():
            return folder
    raise SessionError("this user has no home (HOME): name a folder for the cache in PROX_SPARK_CACHE")


def wanted_delta(environ: Mapping[str, str]) -> jars.Delta:
    """Name the Delta version: PROX_SPARK_DELTA_VERSION, else that of the installed delta-spark, else the tested one.

    Raises:
        SessionError: This pyspark is not supported.
    """
    return jars.fitting(pyspark.__version__, environ.get("PROX_SPARK_DELTA_VERSION") or jars.wheel_version())


def delta_jars(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Give the Delta JARs: those that the user names, those in the cache, or fetched into it.

    Raises:
        SessionError: They cannot be had.
    """
    if environ.get("PROX_SPARK_JARS"):
        return jars.named(environ["PROX_SPARK_JARS"])
    delta, cache = wanted_delta(environ), cache_folder(environ)
    return jars.cached(delta, cache) or jars.fetch(delta, cache, environ.get("PROX_SPARK_MAVEN") or jars.CENTRAL)


def _taken(live: SparkSession, wanted: Mapping[str, str], provider: str) -> SparkSession:
    if not has_delta(live):
        raise SessionError(
            f"{provider} has no Delta Lake: add Delta to its Spark, or start a new Python process in which "
            "prox_spark.session() is the first to start Spark"
        )
    if live.version == "4.2.0":
        wanted = {local.COLUMNAR_INPUT: "false", **wanted}
    for key, value in wanted.items():
        if value_of(live, key) == value or (live.conf.isModifiable(key) and sets(live, key, value)):
            continue
        if key != local.COLUMNAR_INPUT:
            logger.warning("%s keeps its own %s: a running session cannot change it", provider, key)
    return live


def _started(wanted: Mapping[str, str], verbose: bool) -> SparkSession:
    environment.check_user()
    environment.check_open_files()
    cache = cache_folder(os.environ)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        found = java.usable(java.find(os.environ), cache)
        settings = _with_jars(local.with_defaults(wanted, cache), delta_jars(os.environ))
        (cache / "logs").mkdir(exist_ok=True)
    except OSError as error:
        raise SessionError(f"cannot use the cache folder {cache} (PROX_SPARK_CACHE names another): {error}") from error
    spark = local.start(settings, found.home, None if verbose else cache / "logs")
    if not has_delta(spark):
        spark.stop()
        raise SessionError(
            "Spark started without Delta: PROX_SPARK_JARS names JARs for another Spark, or this Python process had "
            "another Spark before (start a new one)"
        )
    return spark


def _with_jars(settings: Mapping[str, str], paths: tuple[Path, ...]) -> dict[str, str]:
    # Inside one JVM the class path will do, and nothing is copied: that saves two seconds at every start.
    key, separator = ("spark.driver.extraClassPath", os.pathsep) if local.is_local(settings) else ("spark.jars", ",")
    return {**settings, key: separator.join([*map(str, paths), *filter(None, [settings.get(key)])])}


def _silence_query_logs() -> None:
    """Keep pyspark from logging each failed query as a JSON record on stderr beside raising it."""
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def shares_disk(spark: SparkSession) -> bool:
    """Say whether the workers run on this machine, as far as the session tells."""
    return is_classic(spark) and local.runs_here(str(spark.conf.get("spark.master", None)))


def parallelism(spark: SparkSession) -> int:
    """Give the number of tasks that can run at once, as far as the session tells; over Connect it is a guess."""
    if is_classic(spark):
        with contextlib.suppress(PySparkException):
            return spark.sparkContext.defaultParallelism
    told = value_of(spark, "spark.default.parallelism") or value_of(spark, "spark.sql.shuffle.partitions")
    return int(told) if told and told.isdigit() else 2  # serverless says "auto"
