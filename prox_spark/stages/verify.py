"""Check corpus rows and programs against what they must be: replayed from documents, re-parsed from completions.

Frame in, frame out; no table is touched and no action is called. Replaying runs in the JVM; parsing again is done by
the parser, in Python workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from prox_spark.lake import schema
from prox_spark.lake.rows import unrefined
from prox_spark.program import columns
from prox_spark.program.columns_scored import is_low
from prox_spark.program.operations import DOCUMENT_REASONS
from prox_spark.program.stored import read
from prox_spark.stages.apply import PASSES_DONE, apply

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from prox_spark.passes import PastPass

CHECKS = {
    "file": "a file cannot be read, or its bytes are not those that were written",
    "count": "the corpus has as many rows as there are documents, and each has one of the five outcomes",
    "no_document": "a corpus row has a document",
    "not_in_corpus": "a document has a corpus row",
    "twice": "a document has only one corpus row",
    "unknown_run": "the run that wrote a row is in runs",
    "hash": "text_sha256 is that of the text",
    "shard": "a document stands in the shard of its text",
    "no_program": "each pass that a row went through has a program for it",
    "row": "executing the programs on the document gives the row",
    "operations": "executing the row's ops on the text before gives its text",
    "program": "a program's operations parse from its completion",
    "similarity": "a copy is as similar to its twin as its program says",
}
"""What is checked, by the name that a finding has."""

FINDING = "check STRING, key STRING, detail STRING"
REPLAYED = tuple(name for name in schema.CORPUS.fieldNames() if name not in ("doc_id", "run_id"))


READ_BEFORE = "read_before"
"""The check of what is no finding but a note: a program that an earlier parser read, as that one read it."""


def replayed(rows: DataFrame, documents: DataFrame, programs: DataFrame, passes: Sequence[PastPass]) -> DataFrame:
    """Take documents through the passes that their corpus rows say they went through, and compare.

    Args:
        rows: Rows of `corpus` that went through `passes`, and no others.
        documents: The table `documents`.
        programs: The table `programs`.
        passes: The chain of passes.

    Returns:
        Findings: `check`, `key` (the document) and `detail`.
    """
    stored = rows.select("doc_id", F.struct(*schema.CORPUS.fieldNames()).alias("stored"))
    going = unrefined(documents).join(stored, "doc_id")
    hash_is_right = F.col("text_sha256").eqNullSafe(F.sha2("text", 256)).alias("hash_is_right")
    going = going.select("*", F.lit(0).alias(PASSES_DONE), F.lit(None).cast("string").alias("previous"), hash_is_right)
    # Spark analyses the whole plan, with its large expressions, at each of these steps: there are as few as will do.
    for index, item in enumerate(passes):
        reaches = (F.col(PASSES_DONE) == index) & F.col("text").isNotNull()
        going = going.withColumn("previous", F.when(reaches, F.col("text")).otherwise(F.col("previous")))
        going = apply(going, programs, item, index=index, run_id="", before=passes[:index])
    wrong = F.array(*_wrong(len(passes), _from_operations(passes)))
    findings = going.select(F.col("doc_id").alias("key"), F.explode(F.filter(wrong, F.isnotnull)).alias("w"))
    return findings.select("w.check", "key", "w.detail")


def _from_operations(passes: Sequence[PastPass]) -> Column:
    """Execute the row's own operations on the text before its last pass, whatever the programs say."""
    text = F.col("previous") if passes else F.col("text")
    for item in passes:
        if item.level == "document":
            low = f"(o.op = 'score' AND {is_low('o', item.policy)})"
            drops = F.expr(f"exists(stored.ops, o -> o.status = 'applied' AND (o.op = 'drop_doc' OR {low}))")
            expected = F.when(drops, F.lit(None)).otherwise(F.col("previous"))
        else:
            expected = columns.apply_program("previous", "stored.ops", policy=item.policy)
        is_it = (F.col("stored.pass_name") == item.name) & F.col("stored.outcome").isin("edited", "dropped")
        text = F.when(is_it, expected).otherwise(text)
    return text


def _wrong(passes: int, again: Column) -> list[Column]:
    def finding(check: str, is_wrong: Column, detail: Column | str = "") -> Column:
        value = F.lit(detail) if isinstance(detail, str) else detail
        return F.when(is_wrong, F.struct(F.lit(check).alias("check"), value.alias("detail")))

    arrived = F.col(PASSES_DONE) == passes
    differing = [
        F.when(~F.col(f"stored.{name}").eqNullSafe(F.col(name)), F.lit(name)) for name in REPLAYED
    ]  # NULL for those that are as they should be, and concat_ws leaves NULLs out
    names = F.concat_ws(", ", *differing)
    found_hash = F.when(F.col("stored.text").isNotNull(), F.sha2("stored.text", 256))
    reason = F.col("stored.reason")
    closed = reason.isNull() | reason.isin(*DOCUMENT_REASONS)
    return [
        finding("no_program", ~arrived, F.concat(F.lit("stands after pass "), F.col(PASSES_DONE).cast("string"))),
        finding("row", arrived & (names != ""), F.concat(F.lit("other: "), names)),
        finding("row", ~closed, F.concat(F.lit("unknown reason "), reason)),
        finding("operations", arrived & ~F.col("stored.text").eqNullSafe(again)),
        finding("hash", ~F.col("hash_is_right"), "in documents"),
        finding("hash", ~F.col("stored.text_sha256").eqNullSafe(found_hash), "in corpus"),
    ]


def membership(rows: DataFrame, documents: DataFrame) -> DataFrame:
    """Find documents without a row, rows without a document, and documents with several rows.

    Args:
        rows: Column `doc_id` of `corpus`.
        documents: Column `doc_id` of the documents that must have a row.
    """
    counted = rows.groupBy("doc_id").agg(F.count(F.lit(1)).alias("n"))
    joined = counted.withColumnRenamed("doc_id", "row_id").join(
        documents.select("doc_id").distinct(), F.col("row_id") == F.col("doc_id"), "full_outer"
    )
    check = (
        F.when(F.col("row_id").isNull(), "not_in_corpus")
        .when(F.col("doc_id").isNull(), "no_document")
        .when(F.col("n") > 1, "twice")
    )
    key, detail = F.coalesce("row_id", "doc_id").alias("key"), F.concat(F.coalesce("n", F.lit(0)), F.lit(" rows"))
    return joined.select(check.alias("check"), key, detail.alias("detail")).where("check IS NOT NULL")


def placed(documents: DataFrame, shards: int) -> DataFrame:
    """Find documents outside their shard: a wave of `refine` reads by shard and would pass them by."""
    wrong = ~F.col("shard").eqNullSafe(schema.shard_of("text_sha256", shards))
    return documents.where(wrong).selectExpr("'shard' AS check", "doc_id AS key", "string(shard) AS detail")


def reparsed(programs: DataFrame) -> DataFrame:
    """Parse every completion again and compare with what is stored beside it.

    Returns:
        Findings, and rows of `READ_BEFORE`; the key is `text_sha256/pass/chunk`.
    """
    chosen = programs.select("text_sha256", "pass_name", "chunks").where("chunks IS NOT NULL")
    return chosen.mapInArrow(_reparse, FINDING)


def _reparse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    kind = pa.schema([(name, pa.string()) for name in ("check", "key", "detail")])
    for batch in batches:
        rows = [
            {
                "check": READ_BEFORE if not other_than_parsed(chunk, everything=True) else "program",
                "key": f"{row['text_sha256']}/{row['pass_name']}/{chunk['chunk_index']}",
                "detail": why,
            }
            for row in batch.to_pylist()
            for chunk in row["chunks"]
            if (why := other_than_parsed(chunk))
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=kind)


def other_than_parsed(chunk: dict[str, Any], *, everything: bool = False) -> str:
    """Name the fields of a stored chunk that its completion does not parse to; empty where all is right.

    It parses with the parser that wrote the row. So it finds what was changed after it was stored, and what another
    version of the parser read otherwise, but no fault of the parser itself: that is for its tests to find, which hold
    it to the published one's answers and to the printer (`parse(write(operation)) == operation`).

    Args:
        chunk: A row of `schema.CHUNK`.
        everything: Parse as the first lakes were parsed, which took thoughts and examples for the program too.

    >>> other_than_parsed({"completion": "keep_doc()", "finish_reason": "stop", "ops": [], "problems": [],
    ...                    "reference_ops": [], "reference_errors": 0})
    'ops'
    """
    fields = read(chunk["completion"], finish_reason=chunk["finish_reason"], everything=everything).columns()
    return ", ".join(name for name, value in fields.items() if (chunk[name] or value) and chunk[name] != value)
