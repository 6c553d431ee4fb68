"""Tables among the paths: a Delta table is read as it is now, what cannot be told from its files is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from support.source_files import line, write

from prox_spark.errors import SourceError
from prox_spark.sources import adapter
from prox_spark.spark import listing

pytestmark = pytest.mark.spark


def listed(spark: SparkSession, *paths: object, lake: Path | None = None) -> listing.Listing:
    given = [str(path) for path in paths]
    return listing.files(spark, adapter("parquet"), given, lake=None if lake is None else str(lake))


def test_of_a_delta_table_the_files_of_its_current_version_are_read(spark: SparkSession, tmp_path: Path) -> None:
    table = tmp_path / "tables" / "50% a:b [x]"
    for number in (1, 2):
        rows = spark.createDataFrame([(f"Page {number}", "en")], "text STRING, language STRING").coalesce(1)
        rows.write.format("delta").partitionBy("language").mode("overwrite").save(str(table))
    assert len(list(table.rglob("*.parquet"))) == 2
    for path in (table, table.parent, table / "language=en", f"{tmp_path}/**/*.parquet"):
        found = listed(spark, path)
        assert [file.path for file in found.files] == [
            str(max(table.rglob("*.parquet"), key=lambda f: f.stat().st_mtime_ns))
        ]
        assert found.left_out["table"] == 1


@pytest.mark.parametrize("key", ["delta.columnMapping.mode", "delta.enableDeletionVectors"])
def test_a_delta_table_whose_files_do_not_say_its_rows_is_refused(
    spark: SparkSession, tmp_path: Path, key: str
) -> None:
    value = "name" if "Mapping" in key else "true"
    spark.sql(f"CREATE TABLE delta.`{tmp_path}/t` (text STRING) USING delta TBLPROPERTIES ('{key}' = '{value}')")
    spark.sql(f"INSERT INTO delta.`{tmp_path}/t` VALUES ('a')")
    with pytest.raises(SourceError, match=f"{tmp_path}/t: a Delta table with {key} = {value}"):
        listed(spark, tmp_path)


def test_a_lake_and_a_table_of_another_format_are_refused_with_what_to_do(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "table/metadata/v1.metadata.json", b"{}")
    write(tmp_path, "lake/a.parquet", b"PAR1")
    with pytest.raises(SourceError, match=r"lies in .*/table, which is an Iceberg table.*: write its rows to a folder"):
        listed(spark, write(tmp_path, "table/data/a.parquet", b"PAR1"))
    with pytest.raises(SourceError, match="left out: 1 of an Iceberg or Hudi table"):
        listed(spark, tmp_path / "table")
    with pytest.raises(SourceError, match="lies in the lake"):
        listed(spark, tmp_path / "lake" / "a.parquet", lake=tmp_path / "lake")


def test_a_file_whose_name_looks_like_a_uri_is_a_file(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "s3:x/a.json", line())
    monkeypatch.chdir(tmp_path)
    assert [file.path for file in listed(spark, "s3:x").files] == [path]
    assert [file.path for file in listed(spark, "s3:x/*.json", "file:" + path).files] == [path]


@pytest.fixture
def mounted(spark: SparkSession, tmp_path: Path) -> str:
    """Give a folder the address of a Hadoop file system that this process cannot list by itself."""
    name = f"l{abs(hash(tmp_path))}"
    spark.conf.set(f"fs.viewfs.mounttable.{name}.link./data", f"file://{tmp_path}")
    return f"viewfs://{name}/data"


def test_patterns_mean_the_same_on_another_file_system(spark: SparkSession, tmp_path: Path, mounted: str) -> None:
    for name in ("a b.json", "x/b.jsonl", "x/y/c.jsonl", "x/notes.txt", "z/metadata/v1.metadata.json"):
        write(tmp_path, name, line())

    def below(path: str) -> list[str]:
        return sorted(file.path.removeprefix(f"{mounted}/") for file in listed(spark, f"{mounted}/{path}").files)

    assert below("**/*.jsonl") == ["x/b.jsonl", "x/y/c.jsonl"]
    assert below("*.json") == ["a b.json"]
    assert below("{x,q}/[bc].jsonl") == ["x/b.jsonl"]
    assert below("x/*.txt") == ["x/notes.txt"]
    assert listed(spark, f"{mounted}/").left_out == {"unknown_suffix": 1, "table": 1}
