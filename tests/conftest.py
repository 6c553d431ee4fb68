"""Fixtures for all tests: one Spark session for the whole run, and the folder of shared data."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
SHARED = Path(os.environ.get("PROX_SPARK_SHARED", ROOT.parent / "shared" / "data"))

SPARK_SETTINGS: dict[str, Any] = {
    "spark.master": "local[2]",
    "spark.driver.memory": "2g",
    # Small plans: compiling them costs more than interpreting them, and the tests run nothing else.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # A quarter of its CPU time goes into compiling; what is four times as hot as usual is compiled thoroughly.
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -Xss4m -XX:Tier4InvocationThreshold=20000 "
    "-XX:Tier4MinInvocationThreshold=4000 -XX:Tier4CompileThreshold=60000 -XX:Tier4BackEdgeThreshold=200000",
    # An error would name the line of Python that a column came from: each column looks through the stack for it.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.sql.dataFrameQueryContext.enabled": "false",
}


LONG = ("chaos", "notebooks", "cluster", "pipeline", "cli/test_commands", "audit", "documents", "connect")
"""What takes minutes, the longest first: the last file to begin must not be one of these."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first."""

    def place(item: pytest.Item) -> int:
        name = item.nodeid.removeprefix("tests/")
        return next((number for number, start in enumerate(LONG) if name.startswith(start)), len(LONG))

    items.sort(key=place)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Give the one session of the run: local, two cores, with Delta."""
    from prox_spark.spark.session import session

    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    warehouse = tmp_path_factory.mktemp("warehouse")
    live = session(**SPARK_SETTINGS, spark_sql_warehouse_dir=str(warehouse))
    yield live
    live.stop()


@pytest.fixture
def compiled_plans(spark: SparkSession) -> Iterator[None]:
    """Have Spark compile the plans of one test, as it does for users; the other tests have them interpreted."""
    from prox_spark.spark.settings import changed

    with changed(spark, {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}):
        yield


@pytest.fixture(scope="session")
def accelerator_jar(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the optional accelerator from its source; tests that need it are skipped where there is no compiler."""
    if shutil.which("javac") is None:
        pytest.skip("no JDK to build the accelerator with")
    jar = tmp_path_factory.mktemp("accelerator") / "prox-accelerator.jar"
    subprocess.run([sys.executable, str(ROOT / "accelerator" / "build.py"), "--to", str(jar)], check=True)
    return str(jar)


@pytest.fixture
def loaded_accelerator(spark: SparkSession, accelerator_jar: str) -> Iterator[None]:
    """Give the session the accelerator for one test."""
    from prox_spark.spark import accelerator

    accelerator.register(spark, accelerator_jar)
    yield
    spark.conf.unset(accelerator.CATALOG)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of shared sample data; tests that need it are skipped where it is not at hand."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not at hand (PROX_SPARK_SHARED names another place)")
    return SHARED


@pytest.fixture(scope="session")
def refiner_cases() -> Callable[[str], list[dict[str, Any]]]:
    """Give what reads the cases of other refiners' executors, by the name of the file: all where they are at hand."""
    import pyarrow.parquet as pq

    def rows(name: str) -> list[dict[str, Any]]:
        place = SHARED / "refiners" / f"{name}.parquet"
        found: list[dict[str, Any]] = pq.read_table(place if place.is_file() else DATA / place.name).to_pylist()
        return found

    return rows


@pytest.fixture(scope="session")
def reference_cases() -> list[dict[str, Any]]:
    """Give what the published executor made of texts and programs: 4,000 where they are at hand, else 400 of them."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(
        (SHARED if SHARED.is_dir() else DATA) / "reference_cases.parquet"
    ).to_pylist()
    return rows
