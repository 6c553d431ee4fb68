"""Commands that read create nothing: not a file of a lake's folder, and no view in a catalog that others own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.errors import AnalysisException

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.compare import compare_modes
from prox_spark.audit.diff import diff
from prox_spark.audit.export import export, packing
from prox_spark.audit.history import document, history
from prox_spark.audit.maintain import expiring
from prox_spark.audit.verify import verify
from prox_spark.lake import ddl
from prox_spark.lake.tables import Lake
from prox_spark.pipeline.plan import plan
from prox_spark.report import report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

VIEWS = ("versions", "refined", "edits", "removed", "duplicates")
WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "MERGE", "DELETE", "UPDATE", "COMMENT", "OPTIMIZE", "VACUUM")


class Visitor:
    """A session that may read and nothing else, in a catalog that remembers, as Unity Catalog has them."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self.conf = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spark, name)

    def get(self, key: str, default: str | None = None) -> str | None:
        if key == "spark.sql.catalogImplementation":
            return "hive"
        return self._spark.conf.get(key, default)

    def set(self, key: str, value: str) -> None:
        self._spark.conf.set(key, value)

    def unset(self, key: str) -> None:
        self._spark.conf.unset(key)

    def sql(self, query: str, **more: Any) -> Any:
        if query.lstrip().upper().startswith(WRITES):
            raise AnalysisException(f"[PERMISSION_DENIED] User does not own it: {query[:60]}")
        return self._spark.sql(query, **more)


@pytest.fixture(scope="module")
def config() -> Any:
    return configuration.load(overrides=["engine.kind=rules"])


@pytest.fixture(scope="module")
def owned(spark: SparkSession, config: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Give a lake in the session's catalog that its owner has taken through a pass."""
    folder = tmp_path_factory.mktemp("reading")
    pages = [f"Page {number} with some words.\nHome | About\nAnd more." for number in range(6)]
    (folder / "pages.jsonl").write_text("".join(f"{json.dumps({'text': page})}\n" for page in pages))
    lake = Lake.open(spark, "spark_catalog.prox_reading")
    pipeline.ingest(lake, "jsonl", [str(folder / "pages.jsonl")], snapshot="one", settings=config.ingest)
    pipeline.refine(lake, "doc", config=config)
    # As in a catalog that remembers: written by name, where Spark does not tell what an overwrite has observed.
    by_name = Lake(spark, lake.location, lake.database, None)
    assert pipeline.apply(by_name, "doc", config=config).dropped == 6
    yield lake
    spark.sql("DROP DATABASE spark_catalog.prox_reading CASCADE")


def commands(config: Any, to: Path) -> dict[str, Callable[[Lake], Any]]:
    """Give what every reading command does with its lake."""
    return {
        "sql": lambda lake: [lake.sql(f"SELECT * FROM {view}").collect() for view in VIEWS],
        "history": lambda lake: (history(lake), expiring(lake)),
        "show": lambda lake: document(lake, lake.read("corpus").first()["doc_id"]),
        "diff": lambda lake: diff(lake, 0, 1).summary(),
        "verify": lambda lake: verify(lake).ok or pytest.fail("something is wrong"),
        "report": lambda lake: report(lake, None, gallery=1),
        "compare-modes": lambda lake: compare_modes(lake, config),
        "plan": lambda lake: plan(lake, "chunk", config=config, sample=1),
        "export": lambda lake: export(lake, "0", str(to), format="parquet", packing=packing(None, None)),
    }


def contents(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_reading_commands_need_no_view_and_no_right_of_others(owned: Lake, config: Any, tmp_path: Path) -> None:
    folder = Path(str(owned.folder))
    before = contents(folder)
    owned.spark.sql(f"DROP VIEW {owned.name('edits')}")  # its owner has not made it yet
    lake = Lake.open(Visitor(owned.spark), owned.location, reads=True)  # type: ignore[arg-type]
    for name, command in commands(config, tmp_path / "export").items():
        assert command(lake) is not None, name
    assert contents(folder) == before
    assert not owned.exists("edits")
    with pytest.raises(AnalysisException):  # nor is one left behind in the session
        owned.spark.sql("SELECT * FROM edits")


def test_a_writer_leaves_views_alone_that_are_right_or_that_are_not_its_own(
    owned: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    owned.create_views()
    assert [owned._text_of(view) for view in VIEWS] == [dict(owned._views())[view] for view in VIEWS]

    def as_visitor() -> None:
        Lake(Visitor(owned.spark), owned.location, owned.database, owned.folder).create_views()  # type: ignore[arg-type]

    as_visitor()
    assert caplog.records == []  # they are right
    owned.spark.sql(f"CREATE OR REPLACE VIEW {owned.name('refined')} AS SELECT 1 AS one")
    as_visitor()
    assert [record.args for record in caplog.records] == [("refined",)]
    Lake.open(owned.spark, owned.location)  # its owner puts it right again
    assert owned._text_of("refined") == dict(owned._views())["refined"]


def test_a_reader_is_told_of_a_schema_that_is_not_there(spark: SparkSession) -> None:
    from prox_spark.errors import LakeError

    with pytest.raises(LakeError, match=r"there is no schema spark_catalog\.nobody"):
        Lake.open(Visitor(spark), "spark_catalog.nobody", reads=True)  # type: ignore[arg-type]


def test_tables_and_columns_say_in_the_catalog_what_they_hold(owned: Lake) -> None:
    for table in ("documents", "corpus"):
        rows = {row["col_name"]: row for row in owned.spark.sql(f"DESCRIBE EXTENDED {owned.name(table)}").collect()}
        assert rows["text_sha256"]["comment"].startswith("Hash of the text")
    properties = owned.spark.sql(f"SHOW TBLPROPERTIES {owned.name('corpus')}").collect()
    assert ("delta.enableDeletionVectors", "false") in [(row["key"], row["value"]) for row in properties]


def test_what_a_catalog_made_of_a_new_tables_retention_is_looked_at_and_set_again(
    owned: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    key = "delta.deletedFileRetentionDuration"
    owned.spark.sql(f"ALTER TABLE {owned.name('corpus')} UNSET TBLPROPERTIES ('{key}')")
    owned._keep_history("corpus")
    assert owned.properties("corpus")[key] == ddl.RETENTION
    assert [record.args for record in caplog.records] == [(key, "corpus")]
