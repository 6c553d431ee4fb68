"""Files become documents: every record once, in order of shard, with one shuffle; every file of every file system."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Observation, Row, SparkSession
from pyspark.sql import functions as F
from support.source_files import line, write, write_raw

from prox_spark.errors import SourceError
from prox_spark.lake import schema
from prox_spark.sources import Unit
from prox_spark.spark.tally import Tally
from prox_spark.stages import ingest

pytestmark = pytest.mark.spark

SHARDS = 64


@dataclass(frozen=True)
class Given:
    text_column: str = "text"
    url_column: str | None = "url"
    id_column: str | None = None
    max_record_bytes: int = 1 << 26
    max_window_bytes: int = 1 << 31
    unit_bytes: int = 64_000_000


def listed(spark: SparkSession, *paths: object, source: str = "c4") -> list[str]:
    work = ingest.files(spark, ingest.adapter(source, Given()), [str(path) for path in paths], settings=Given())
    return [part.file.path for unit in work for part in unit.slices]


def found(spark: SparkSession, *paths: object, source: str = "c4", work: list[Unit] | None = None) -> DataFrame:
    adapter = ingest.adapter(source, Given())
    if work is None:
        work = ingest.files(spark, adapter, [str(path) for path in paths], settings=Given())
    return ingest.records(spark, work, adapter, settings=Given())


def kept(
    records: DataFrame, existing: DataFrame | None = None, partitions: int = 4
) -> tuple[list[Row], dict[str, Any]]:
    """Give the documents of some records, and what was counted on the way."""
    seen = Observation()
    rows = ingest.documents(
        records, existing, run_id="run", shards=SHARDS, partitions=partitions, observation=seen
    ).collect()
    return rows, seen.get


@pytest.mark.parametrize(
    "name", ["a b.json", "50%.json", "a%20b.json", "[x]{y}*.json", "größe·頁.json", "a#b?c=d&e.json", "a:b.json"]
)
def test_a_file_of_any_name_is_found_in_its_folder_and_by_its_name(
    spark: SparkSession, tmp_path: Path, name: str
) -> None:
    path = write(tmp_path, f"x y/{name}", line())
    assert listed(spark, tmp_path) == [path]
    assert listed(spark, path) == [path]
    assert [row["source_file"] for row in found(spark, path).collect()] == [path]


def test_folders_globs_and_files_are_listed_and_what_is_no_data_is_not(spark: SparkSession, tmp_path: Path) -> None:
    wanted = [write(tmp_path, name, line()) for name in ("a.json.gz", "deep/er/b.jsonl.zst", "deep/c.json")]
    for name in ("_SUCCESS", ".c.json.crc", "README.md", "deep/_temporary/d.json", "e.json.gz.part"):
        write_raw(tmp_path, name, line())
    assert sorted(listed(spark, tmp_path)) == sorted(wanted)
    assert sorted(listed(spark, f"{tmp_path}/*/c.json", f"{tmp_path}/a.*")) == sorted([wanted[0], wanted[2]])
    assert listed(spark, tmp_path, wanted[0], f"file:{wanted[0]}").count(wanted[0]) == 1


def test_a_relative_path_counts_from_where_the_user_is(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "data/a.json", line())
    monkeypatch.chdir(tmp_path)
    assert listed(spark, "data") == listed(spark, "./data/*.json") == [path]


def test_a_file_that_the_user_names_needs_no_suffix(spark: SparkSession, tmp_path: Path) -> None:
    path = write_raw(tmp_path, "part-00000", gzip.compress(line("a")))
    assert listed(spark, path) == [path]
    assert [row["text"] for row in found(spark, path).collect()] == ["a"]


@pytest.mark.parametrize("missing", ["gone", "gone/*.json", "there/*.jsonl"])
def test_a_path_that_matches_nothing_is_named(spark: SparkSession, tmp_path: Path, missing: str) -> None:
    path = write(tmp_path, "there/a.json", line())
    with pytest.raises(SourceError, match=f"{missing}: there is no such file or folder".replace("*", r"\*")):
        listed(spark, path, tmp_path / missing)


def test_a_folder_without_data_is_named(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path, "there/a.json", line())
    write_raw(tmp_path, "notes/README.md", b"x")
    with pytest.raises(SourceError, match="notes: there is no file for c4 in it"):
        listed(spark, path, tmp_path / "notes")


def test_signals_alone_are_no_documents(spark: SparkSession, shared: Path) -> None:
    with pytest.raises(SourceError, match="there is no file for redpajama-v2 in it"):
        listed(spark, shared / "raw" / "redpajama_v2" / "quality_signals", source="redpajama-v2")


def test_every_unit_is_a_partition_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    paths = [write(tmp_path, f"{n}.json", line(f"Page {n}")) for n in range(23)]
    work = [unit for path in paths for unit in ingest.files(spark, ingest.adapter("c4"), [path], settings=Given())]
    rows = found(spark, work=work).select("unit", F.spark_partition_id().alias("partition")).collect()
    assert sorted(row["unit"] for row in rows) == list(range(23))
    assert sorted(row["partition"] for row in rows) == list(range(23))


def test_a_tally_is_told_of_every_record_and_byte(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path, "in/a.json", b"".join(line(f"Page {n}") for n in range(300)) + b"not JSON\n")
    write(tmp_path, "in/b.json", line("One more"))
    adapter = ingest.adapter("c4", Given())
    work = ingest.files(spark, adapter, [str(tmp_path / "in")], settings=Given())
    (tmp_path / "tally").mkdir()
    tally = Tally(str(tmp_path / "tally"))
    assert ingest.records(spark, work, adapter, settings=Given(), tally=tally).count() == 302
    size = sum(file.stat().st_size for file in Path(path).parent.iterdir())
    assert tally.sums() == (302, 0, size)


@pytest.mark.parametrize("partitions", [1, 3, 8, 1000])
def test_a_partition_holds_a_range_of_shards_in_order(spark: SparkSession, tmp_path: Path, partitions: int) -> None:
    write(tmp_path, "a.json.gz", b"".join(line(f"Page {n}") for n in range(500)))
    frame = ingest.documents(found(spark, tmp_path), None, run_id="run", shards=SHARDS, partitions=partitions)
    rows = frame.select("shard", "text_sha256", F.spark_partition_id().alias("partition")).collect()
    assert len(rows) == 500
    assert {row["partition"] for row in rows} == set(range(min(partitions, SHARDS)))
    in_order = sorted(rows, key=lambda row: row["partition"])  # rows of one partition stay in their order
    assert [row["shard"] for row in in_order] == sorted(row["shard"] for row in rows)
    hashed = spark.createDataFrame(rows).select(F.expr(f"shard = pmod(xxhash64(text_sha256), {SHARDS})")).distinct()
    assert [row[0] for row in hashed.collect()] == [True]


@pytest.mark.parametrize("again", [False, True])
def test_text_is_shuffled_once_and_sorted_once(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], again: bool
) -> None:
    write(tmp_path, "a.json", line())
    existing = spark.createDataFrame([("x", 1)], "doc_id STRING, shard INT") if again else None
    ingest.documents(found(spark, tmp_path), existing, run_id="run", shards=SHARDS, partitions=4).explain()
    plan = capsys.readouterr().out
    above, below = plan.split("MapInArrow", 1)
    assert (above.count("Exchange "), above.count("Sort ")) == (1, 1)
    assert below.count("Exchange ") == 1  # the units on their way to the tasks


def test_of_equal_records_the_first_is_kept_and_the_others_are_counted(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "b/en/1.json", line("a") + line("b") + line("c"))
    write(tmp_path, "a/en.noclean/2.json", line("c") + line("b") + line("b"))
    rows, counted = kept(found(spark, tmp_path))
    assert sorted((row["text"], Path(row["source_file"]).name, row["snapshot"]) for row in rows) == [
        ("a", "1.json", "en"), ("b", "2.json", "en.noclean"), ("c", "2.json", "en.noclean"),
    ]  # fmt: skip
    assert counted == {"records": 6, "documents": 3, "urls": 3, "quarantined": 0, "damaged": ""}


def test_what_the_lake_has_is_not_added_again(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, "1.json", b"".join(line(f"Page {n}") for n in range(100)))
    first, _ = kept(found(spark, tmp_path))
    existing = spark.createDataFrame([(row["doc_id"], row["shard"]) for row in first], "doc_id STRING, shard INT")
    assert kept(found(spark, tmp_path), existing) == (
        [],
        {"records": 100, "documents": 0, "urls": 0, "quarantined": 0, "damaged": ""},
    )
    write(tmp_path, "2.json", b"".join(line(f"Page {n}") for n in range(95, 105)))
    rows, counted = kept(found(spark, tmp_path), existing)
    assert sorted(row["text"] for row in rows) == [f"Page {n}" for n in range(100, 105)]
    assert (counted["records"], counted["documents"]) == (110, 5)


def test_ids_and_shards_do_not_depend_on_units_or_partitions(spark: SparkSession, tmp_path: Path) -> None:
    data = b"".join(line(f"Page {n}") for n in range(200))
    write(tmp_path / "one", "a.json.gz", data)
    half = data.index(b"\n", len(data) // 2) + 1
    write(tmp_path / "two", "x.jsonl", data[half:])
    write(tmp_path / "two", "y.jsonl.zst", data[:half])

    def rows(folder: str, partitions: int) -> set[tuple[object, ...]]:
        frame = ingest.documents(
            found(spark, tmp_path / folder), None, run_id="run", shards=SHARDS, partitions=partitions
        )
        return {tuple(row) for row in frame.drop("source_file").collect()}

    assert rows("one", 2) == rows("two", 5)


def test_documents_and_bad_records_have_the_columns_of_their_tables(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path, "en/a.json", line("a") + b"rubbish\n")
    records = found(spark, path)
    documents = ingest.documents(records, None, run_id="run", shards=SHARDS, partitions=1)
    bad = ingest.quarantined(records, run_id="run")
    for frame, expected in ((documents, schema.DOCUMENTS), (bad, schema.QUARANTINE)):
        schema.require(frame, expected)
        assert frame.columns == expected.fieldNames()
    (row,) = documents.collect()
    assert (row["source"], row["snapshot"], row["ingest_run_id"], row["source_file"]) == ("c4", "en", "run", path)
    (row,) = bad.collect()
    assert (row["reason"], row["position"], bytes(row["raw"]), row["raw_bytes"], row["run_id"], row["source"]) == (
        "invalid_json", len(line("a")), b"rubbish", 7, "run", "c4",
    )  # fmt: skip
    assert row["record_id"] == ingest.quarantined(found(spark, path), run_id="later").collect()[0]["record_id"]


def test_units_with_bad_records_are_named(spark: SparkSession, tmp_path: Path) -> None:
    data = [line("a"), b"rubbish\n", line("b"), b"", line("c") + b"[]\n{}\n"]
    work = []
    for number, content in enumerate(data):
        path = write(tmp_path, f"{number}.json", content)
        work += ingest.files(spark, ingest.adapter("c4"), [path], settings=Given())
    _, counted = kept(found(spark, work=work))
    assert counted == {"records": 7, "documents": 3, "urls": 3, "quarantined": 4, "damaged": "1 3 4"}
    again = found(spark, work=[work[int(number)] for number in counted["damaged"].split()])
    reasons = [row["reason"] for row in ingest.quarantined(again, run_id="run").collect()]
    assert sorted(reasons) == ["empty_file", "invalid_json", "missing_text", "not_an_object"]


def test_odd_characters_and_long_lines_survive_the_way_to_a_table(spark: SparkSession, tmp_path: Path) -> None:
    pages = ["a\x00b", "c\r\nd\re", "f\u2028g\u2029h\x85", "😀\U0010ffff\ufdd0", "word " * 1_000_000, ""]
    write(tmp_path, "a.json.gz", b"".join(line(page) for page in pages))
    ingest.documents(found(spark, tmp_path), None, run_id="run", shards=SHARDS, partitions=2).write.format(
        "delta"
    ).save(str(tmp_path / "table"))
    rows = spark.read.format("delta").load(str(tmp_path / "table")).collect()
    assert sorted(row["text"] for row in rows) == sorted(pages)


def test_a_bad_snapshot_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a snapshot is named by"):
        ingest.records(spark, [], ingest.adapter("c4"), snapshot="a/b", settings=Given())


@pytest.fixture
def mounted(spark: SparkSession, tmp_path: Path) -> Any:
    """Give a folder the address of a Hadoop file system that no worker can open by itself."""
    name = f"m{abs(hash(tmp_path))}"  # Hadoop keeps what it once mounted under a name
    key = f"fs.viewfs.mounttable.{name}.link./data"
    spark.conf.set(key, f"file://{tmp_path}")
    yield f"viewfs://{name}/data"
    spark.conf.unset(key)


def columns(frame: DataFrame) -> list[tuple[object, ...]]:
    return sorted(
        tuple(row) for row in frame.select("doc_id", "snapshot", "position", "text", "metadata", "reason").collect()
    )  # fmt: skip


def test_a_file_system_that_only_spark_reads_gives_the_same_records(
    spark: SparkSession, tmp_path: Path, mounted: str, shared: Path
) -> None:
    raw = shared / "raw"
    for source, folder in (("c4", "c4/en"), ("fineweb", "fineweb/real"), ("redpajama-v2", "redpajama_v2/documents")):
        for path in [*(raw / folder).rglob("*.*"), *(raw / "redpajama_v2/quality_signals").rglob("*.gz")]:
            if path.is_file():
                write_raw(tmp_path, str(path.relative_to(raw)), path.read_bytes())
        one = columns(found(spark, tmp_path / folder, source=source))
        two = found(spark, f"{mounted}/{folder}", source=source)
        assert columns(two) == one
        assert all(row["source_file"].startswith(mounted) for row in two.select("source_file").collect())
    assert sum("quality_signals" in str(row[4]) for row in one) == 571


def test_odd_names_and_missing_files_are_handled_there_too(spark: SparkSession, tmp_path: Path, mounted: str) -> None:
    for name in ("a b/50%.json", "a b/größe [1].json"):
        write(tmp_path, name, line(name))
    write(tmp_path, "a b/none.json", b"")
    rows = found(spark, f"{mounted}/a b").where("reason IS NULL").collect()
    assert sorted((row["text"], row["source_file"]) for row in rows) == [
        ("a b/50%.json", f"{mounted}/a b/50%.json"), ("a b/größe [1].json", f"{mounted}/a b/größe [1].json"),
    ]  # fmt: skip
    (empty,) = found(spark, f"{mounted}/a b").where("reason IS NOT NULL").collect()
    assert (empty["reason"], empty["source_file"]) == ("empty_file", f"{mounted}/a b/none.json")
    with pytest.raises(SourceError, match=f"{mounted}/gone: there is no such file or folder"):
        listed(spark, f"{mounted}/gone")


def test_documents_without_their_signals_are_read_and_the_user_is_told(
    spark: SparkSession, tmp_path: Path, mounted: str, caplog: pytest.LogCaptureFixture
) -> None:
    record = json.dumps({"raw_content": "a", "url": "u"}).encode()
    path = write(tmp_path, "documents/2023-06/0000/en_head.json.gz", record)
    for given in (path, f"{mounted}/documents"):
        caplog.clear()
        assert [row["text"] for row in found(spark, given, source="redpajama-v2").collect()] == ["a"]
        assert "1 of 1 files have no quality signals beside them" in caplog.text


@pytest.mark.parametrize(
    ("source", "folder", "records", "documents"),
    [
        ("c4", "c4", 1102, 1102), ("fineweb", "fineweb", 584, 584), ("openwebmath", "openwebmath", 333, 333),
        ("redpajama-v2", "redpajama_v2", 1162, 591), ("jsonl", "c4", 1102, 1102), ("parquet", "openwebmath", 333, 333),
    ],
)  # fmt: skip
def test_the_samples_are_ingested_whole(
    spark: SparkSession, shared: Path, source: str, folder: str, records: int, documents: int
) -> None:
    rows, counted = kept(found(spark, shared / "raw" / folder, source=source))
    assert counted == {
        "records": records, "documents": documents, "urls": documents, "quarantined": 0, "damaged": "",
    }  # fmt: skip
    assert len({row["doc_id"] for row in rows}) == documents


def test_damaged_copies_of_the_samples_never_stop_the_job(spark: SparkSession, shared: Path, tmp_path: Path) -> None:
    made = random.Random(5)
    for source, folder in (("c4", "c4"), ("fineweb", "fineweb"), ("redpajama-v2", "redpajama_v2/merged")):
        for path in sorted((shared / "raw" / folder).rglob("*.*")):
            if path.is_file():
                data = bytearray(path.read_bytes())
                for _ in range(5):
                    data[made.randrange(len(data))] ^= made.randrange(1, 256)
                write_raw(tmp_path / source, f"flipped/{path.name}", bytes(data))
                write_raw(tmp_path / source, f"cut/{path.name}", path.read_bytes()[: len(data) // 2])
        _, counted = kept(found(spark, tmp_path / source, source=source))
        assert counted["records"] >= counted["documents"] + counted["quarantined"]
        assert counted["quarantined"] >= len(list((tmp_path / source).rglob("*.*"))) // 2
        assert counted["damaged"]
