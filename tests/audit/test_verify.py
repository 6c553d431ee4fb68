"""Verifying finds what was tampered with, and nothing where all is as it must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructType

from prox_spark import passes, pipeline
from prox_spark.audit.verify import verify
from prox_spark.config import IngestSettings
from prox_spark.lake import ledger, schema
from prox_spark.lake.tables import Lake
from prox_spark.program.stored import read
from prox_spark.stages.verify import READ_BEFORE, other_than_parsed, placed, reparsed, replayed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.config import Config

pytestmark = pytest.mark.spark

TAMPERINGS = {
    "text": "concat(text, '!')",
    "text_sha256": "sha2('other', 256)",
    "outcome": "'failed'",
    "reason": "'because'",
    "ops": "CAST(NULL AS STRING)",
    "words_before": "words_before + 1",
    "words_after": "words_after + 1",
    "metadata": '\'{"license": "mine"}\'',
    "url": "'https://elsewhere.example'",
    "source": "'c4'",
    "snapshot": "'three'",
    "pass_name": "'doc'",
}


def chain_of(lake: Lake) -> tuple[tuple[passes.PastPass, ...], DataFrame]:
    """Give the longest chain of the lake, and the rows that went through it."""
    runs = ledger.chains(lake)
    longest = max(runs.values(), key=len)
    rows = lake.read("corpus").where(F.col("run_id").isin([run for run, keys in runs.items() if keys == longest]))
    return longest.passes(), rows


def test_a_lake_of_random_documents_and_programs_verifies_in_every_version(
    lake: Lake, settings: Config, ingest_more: Callable[[], None]
) -> None:
    ingest_more()  # version 3 holds documents of which no pass has heard yet
    pipeline.run(lake, settings)
    outcomes = {row[0] for row in lake.read("corpus").select("outcome").distinct().collect()}
    assert outcomes == {"kept", "edited", "dropped"}
    newest, third = verify(lake), verify(lake, 3)
    assert (newest.findings, newest.documents) == ((), 80)
    assert (third.findings, third.documents) == ((), 80)
    assert newest.programs >= 80


def chunk_type(programs: DataFrame) -> StructType:
    """Give the type of one chunk of the table `programs`."""
    kind = programs.schema["chunks"].dataType
    assert isinstance(kind, ArrayType) and isinstance(kind.elementType, StructType)
    return kind.elementType


def test_any_single_tampering_with_a_row_is_found_and_no_other_row_is_blamed(finished: Lake) -> None:
    chain, rows = chain_of(finished)
    edited = rows.where("outcome = 'edited' AND size(ops) > 0").select("doc_id").orderBy("doc_id")
    victims = dict(zip(TAMPERINGS, [row[0] for row in edited.collect()], strict=False))
    assert {"text", "ops"} <= victims.keys(), "the random lake has too few edited documents"
    tampered = rows
    for column, victim in victims.items():
        value, is_victim = TAMPERINGS[column], F.col("doc_id") == victim
        changed = F.expr(value).cast(rows.schema[column].dataType) if column != "ops" else F.lit(None)
        tampered = tampered.withColumn(column, F.when(is_victim, changed).otherwise(F.col(column)))
    found = replayed(tampered, finished.read("documents"), finished.read("programs"), chain).collect()
    assert {row["key"] for row in found} == set(victims.values())
    named = {row["key"]: row["detail"] for row in found if row["check"] == "row" and row["detail"].startswith("other")}
    assert all(column in named[victim] for column, victim in victims.items())
    assert {row["key"] for row in found if row["check"] == "operations"} >= {victims["text"], victims["ops"]}


def test_a_missing_program_and_changed_documents_are_found_by_replaying(finished: Lake) -> None:
    chain, rows = chain_of(finished)
    one, two, three = (row[0] for row in rows.where("outcome = 'edited'").select("doc_id").limit(3).collect())
    documents = finished.read("documents")
    text = F.when(F.col("doc_id") == one, "another text").otherwise(F.col("text"))
    gone = documents.where(F.col("doc_id") == two).select("text_sha256")
    programs = finished.read("programs").join(gone, "text_sha256", "left_anti")
    found = replayed(rows, documents.withColumn("text", text), programs, chain).collect()
    assert {(row["check"], row["key"]) for row in found} >= {("hash", one), ("row", one), ("no_program", two)}
    assert three not in {row["key"] for row in found}


def test_any_single_tampering_with_a_document_or_a_program_is_found_and_no_other_is_blamed(finished: Lake) -> None:
    chain, rows = chain_of(finished)
    ids = [row[0] for row in rows.where("outcome = 'edited'").select("doc_id").orderBy("doc_id").limit(5).collect()]
    victims = dict(zip(("url", "source", "snapshot", "metadata", "text_sha256"), ids, strict=True))
    documents = finished.read("documents")
    for column, victim in victims.items():
        changed = F.when(F.col("doc_id") == victim, F.expr(TAMPERINGS[column])).otherwise(F.col(column))
        documents = documents.withColumn(column, changed)
    found = replayed(rows, documents, finished.read("programs"), chain).collect()
    assert {row["key"] for row in found} == set(ids)
    named = {row["key"]: row["detail"] for row in found if row["check"] == "row" and row["detail"].startswith("other")}
    assert all(column in named[victims[column]] for column in ("url", "source", "snapshot", "metadata"))
    assert {row["check"] for row in found if row["key"] == victims["text_sha256"]} >= {"hash"}

    shards = ledger.shards(finished, default=IngestSettings().shards)
    assert placed(finished.read("documents"), shards).isEmpty()
    moved = F.when(F.col("doc_id") == ids[0], (F.col("shard") + 1) % shards).otherwise(F.col("shard"))
    elsewhere = placed(finished.read("documents").withColumn("shard", moved), shards).collect()
    assert [(row["check"], row["key"]) for row in elsewhere] == [("shard", ids[0])]

    programs = finished.read("programs").where("pass_name = 'chunk'").orderBy("text_sha256")
    one, two = (row[0] for row in programs.select("text_sha256").limit(2).collect())
    drop = "array(named_struct('op', 'drop_doc', 'line_start', NULL, 'line_end', NULL, 'source', NULL, 'target', NULL))"
    for column, key, value in (("completion", one, "'remove_lines(0, 7)'"), ("ops", two, drop)):
        kind = chunk_type(programs)[column].dataType.simpleString()
        fields = ", ".join(
            f"'{name}', " + (f"CAST({value} AS {kind})" if name == column else f"c.{name}")
            for name in chunk_type(programs).fieldNames()
        )
        changed = F.when(F.col("text_sha256") == key, F.expr(f"transform(chunks, c -> named_struct({fields}))"))
        programs = programs.withColumn("chunks", changed.otherwise(F.col("chunks")))
    blamed = {(row["check"], row["key"].split("/")[0]) for row in reparsed(programs).collect()}
    assert blamed == {("program", one), ("program", two)}


THOUGHTS = "<think>\ndrop_doc()\n</think>\nkeep_doc()"


def test_a_program_that_an_earlier_parser_read_is_told_apart_from_one_that_was_changed(finished: Lake) -> None:
    programs = finished.read("programs").where("pass_name = 'chunk'")
    first = programs.first()
    assert first is not None
    chunk = first.asDict(recursive=True)["chunks"][0]
    thinking = read(THOUGHTS, everything=True).columns()
    stored = {**chunk, "completion": THOUGHTS, "finish_reason": "stop", **thinking}
    assert [operation["op"] for operation in stored["ops"]] == ["drop_doc", "keep_doc"]
    rows = [("before", "chunk", [stored]), ("changed", "chunk", [{**stored, "ops": []}])]
    table = finished.spark.createDataFrame(rows, schema.select(programs.schema, ("text_sha256", "pass_name", "chunks")))
    found = {row["key"].split("/")[0]: row["check"] for row in reparsed(table).collect()}
    assert found == {"before": READ_BEFORE, "changed": "program"}


def test_verify_finds_what_somebody_did_to_the_tables(lake: Lake) -> None:
    row = lake.read("corpus").where("outcome = 'edited'").first()
    program = lake.read("programs").where("chunks[0].completion LIKE 'remove_lines%'").first()
    lake.spark.sql(f"UPDATE {lake.name('corpus')} SET text = 'mine' WHERE doc_id = '{row['doc_id']}'")
    lost = lake.read("corpus").where("outcome = 'kept'").first()
    lake.spark.sql(f"DELETE FROM {lake.name('corpus')} WHERE doc_id = '{lost['doc_id']}'")
    lake.spark.sql(
        f"UPDATE {lake.name('programs')} SET chunks = transform(chunks, c -> named_struct("
        + ", ".join(
            f"'{name}', " + ("array()" if name == "ops" else f"c.{name}")
            for name in chunk_type(lake.read("programs")).fieldNames()
        )
        + f")) WHERE text_sha256 = '{program['text_sha256']}' AND pass_name = '{program['pass_name']}'"
    )
    found = verify(lake, limit=100)
    assert not found.ok
    seen = {(item["check"], item["key"].split("/")[0]) for item in found.findings}
    assert {("row", row["doc_id"]), ("operations", row["doc_id"]), ("not_in_corpus", lost["doc_id"])} <= seen
    assert ("program", program["text_sha256"]) in seen
    assert found.counts["count"] >= 1


@pytest.mark.parametrize("table", ["corpus", "documents", "programs"])
def test_a_changed_file_is_named(lake: Lake, table: str) -> None:
    used = {path.rsplit("/", 1)[1] for path in lake.read(table).inputFiles()}
    path = max(
        (p for p in Path(lake.location, table).rglob("*.parquet") if p.name in used), key=lambda p: p.stat().st_size
    )
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 4, len(data) // 4 + 64):
        data[place] ^= 0xFF
    path.write_bytes(data)
    (path.parent / f".{path.name}.crc").unlink(missing_ok=True)  # what Hadoop keeps on local disks only
    found = verify(lake)
    assert found.counts == {"file": 1}
    assert found.findings[0]["key"].endswith(path.name)


def test_a_sample_replays_so_many_documents_and_counts_all(lake: Lake) -> None:
    found = verify(lake, sample=5)
    assert (found.ok, found.documents) == (True, 5)
    lake.spark.sql(f"DELETE FROM {lake.name('corpus')} WHERE outcome = 'kept'")
    assert verify(lake, sample=5).counts.keys() >= {"count", "not_in_corpus"}


def test_a_chunk_that_was_never_asked_about_holds_nothing() -> None:
    parsed = {"ops": [], "problems": [], "reference_ops": [], "reference_errors": 0}
    skipped = {"completion": None, "finish_reason": "skipped", **parsed}
    assert other_than_parsed(skipped) == ""
    assert other_than_parsed({**skipped, "ops": [{"op": "keep_doc"}]}) == "ops"
