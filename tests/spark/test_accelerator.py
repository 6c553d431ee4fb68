"""The compiled executor in the straight line: the same corpus, and one clear line where it cannot be used."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.verify import verify
from prox_spark.errors import SessionError
from prox_spark.lake.tables import Lake
from prox_spark.passes import resolve
from prox_spark.pipeline import catch_up
from prox_spark.spark import accelerator

pytestmark = pytest.mark.spark

PAGES = (
    '{"url": "1", "text": "Home | About\\nA paragraph that is worth keeping, with a number of words in it."}\n'
    '{"url": "2", "text": "Cookies\\nCookies\\nLogin\\nLogin"}\n'
    '{"url": "3", "text": "中文 page\\r\\n\\u2028 as it is"}\n'
)


@pytest.mark.usefixtures("loaded_accelerator")
def test_a_lake_refined_with_it_is_the_one_refined_without(spark: SparkSession, tmp_path: Path) -> None:
    config = configuration.load(overrides=["engine.kind=rules", "engine.rules=[c4]"])
    (tmp_path / "pages.jsonl").write_text(PAGES, encoding="utf-8")
    lake = Lake.open(spark, str(tmp_path / "lake"))
    pipeline.ingest(lake, "jsonl", [str(tmp_path / "pages.jsonl")], settings=config.ingest)
    pipeline.refine(lake, "doc", config=config)
    rows, _ = catch_up.applied(lake, resolve(config)[:1], version=0, run_id="")
    plan = rows._jdf.queryExecution().toString()
    assert "prox_spark.ExecuteFunction" in plan, plan
    pipeline.run(lake, config)
    spark.conf.unset(accelerator.CATALOG)
    assert verify(lake).findings == ()  # which replays every row with Spark's own expressions


def test_a_session_without_it_does_not_have_it(spark: SparkSession) -> None:
    assert not accelerator.check(spark)


def test_a_jar_that_is_missing_is_one_line_and_leaves_the_session_as_it_was(
    spark: SparkSession, tmp_path: Path
) -> None:
    fresh = spark.newSession()
    with pytest.raises(SessionError, match=r"is not there: name it in spark\.jars") as caught:
        # Under a name of its own: other tests have loaded the real one.
        accelerator.register(fresh, str(tmp_path / "nowhere.jar"), name="prox_spark.NotThere")
    assert not accelerator.check(fresh)
    assert "\n" not in str(caught.value)


def test_a_setting_without_the_jar_is_one_line(spark: SparkSession) -> None:
    fresh = spark.newSession()
    fresh.conf.set(accelerator.CATALOG, "prox_spark.NotThere")
    with pytest.raises(SessionError, match=r"is not there: name it in spark\.jars") as caught:
        accelerator.check(fresh)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("loaded_accelerator")
def test_a_jar_of_another_version_is_refused(spark: SparkSession) -> None:
    assert accelerator.check(spark)
    with pytest.raises(SessionError, match=r"is of prox_spark .*, and this is 9\.9\.9: make accelerator"):
        accelerator.check(spark, version="9.9.9")


def test_the_jar_holds_its_own_classes_alone(accelerator_jar: str) -> None:
    names = zipfile.ZipFile(Path(accelerator_jar)).namelist()
    assert names and all(name.startswith("prox_spark/") and name.endswith(".class") for name in names)
