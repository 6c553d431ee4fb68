"""One StructType per table, and `require(frame, schema)`; the columns are the contract that users script against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from prox_spark.errors import LakeError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame


def _struct(**fields: StructType | ArrayType | StringType | IntegerType | LongType | DoubleType) -> StructType:
    return StructType([StructField(name, kind) for name, kind in fields.items()])


STRING, INT, LONG, DOUBLE = StringType(), IntegerType(), LongType(), DoubleType()

DOCUMENTS = StructType(
    [
        StructField("doc_id", STRING),
        StructField("source", STRING),
        StructField("snapshot", STRING),
        StructField("url", STRING),
        StructField("text", STRING),
        StructField("text_sha256", STRING),
        StructField("shard", INT),
        StructField("metadata", STRING),
        StructField("ingest_run_id", STRING),
        StructField("source_file", STRING),
    ]
)
"""One source record; `metadata` is a JSON object of all source columns that have no column of their own."""

OPERATION = _struct(op=STRING, line_start=INT, line_end=INT, source=STRING, target=STRING)
"""One typed operation, as `program.parse` gives it; lines are inclusive and 0-based over the whole document."""

PROBLEM = _struct(line=INT, reason=STRING, text=STRING)

CHUNK = _struct(
    chunk_index=INT,
    line_start=INT,
    line_end=INT,
    completion=STRING,
    finish_reason=STRING,
    prompt_tokens=INT,
    output_tokens=INT,
    ops=ArrayType(OPERATION),
    problems=ArrayType(PROBLEM),
    reference_ops=ArrayType(OPERATION),
    reference_errors=INT,
    error=STRING,
)
"""One chunk of a text under one pass: the completion as the model gave it, and what it parses to in both modes."""

PROGRAMS = StructType(
    [
        StructField("text_sha256", STRING),
        StructField("pass_name", STRING),
        StructField("fingerprint", STRING),
        StructField("chunks", ArrayType(CHUNK)),
        StructField("error", STRING),
        StructField("run_id", STRING),
        StructField("generated_at", TimestampType()),
    ]
)

SIGNATURES = StructType(
    [
        StructField("text_sha256", STRING),
        StructField("fingerprint", STRING),
        StructField("bands", ArrayType(LONG)),
        StructField("minhashes", BinaryType()),
        StructField("characters", LONG),
        StructField("run_id", STRING),
    ]
)
"""One text as near-duplicates are found by; the table is there once a pass of that kind has run."""

APPLIED_OPERATION = _struct(
    chunk_index=INT,
    op=STRING,
    line_start=INT,
    line_end=INT,
    source=STRING,
    target=STRING,
    scope_start=INT,
    scope_end=INT,
    status=STRING,
    reason=STRING,
    found=INT,
    words_removed=INT,
)
"""One operation with its fate; `scope_start`, `scope_end` are the lines of its chunk, NULL for the whole document."""

CORPUS = StructType(
    [
        StructField("doc_id", STRING),
        StructField("source", STRING),
        StructField("snapshot", STRING),
        StructField("url", STRING),
        StructField("text", STRING),
        StructField("text_sha256", STRING),
        StructField("outcome", STRING),
        StructField("reason", STRING),
        StructField("pass_name", STRING),
        StructField("run_id", STRING),
        StructField("ops", ArrayType(APPLIED_OPERATION)),
        StructField("words_before", LONG),
        StructField("words_after", LONG),
        StructField("metadata", STRING),
    ]
)
"""One document as the last pass left it; `text` and `text_sha256` are NULL when it is dropped."""

RUNS = StructType(
    [
        StructField("run_id", STRING),
        StructField("command", STRING),
        StructField("pass_name", STRING),
        StructField("status", STRING),
        StructField("started_at", TimestampType()),
        StructField("finished_at", TimestampType()),
        StructField("by", STRING),
        StructField("package_version", STRING),
        StructField("conf", STRING),
        StructField("passes", STRING),
        StructField("fingerprint", STRING),
        StructField("versions_read", STRING),
        StructField("versions_written", STRING),
        StructField("corpus_version", LONG),
        StructField("counts", STRING),
        StructField("prompt_tokens", LONG),
        StructField("output_tokens", LONG),
        StructField("wall_seconds", DOUBLE),
        StructField("gpu_seconds", DOUBLE),
        StructField("cost", DOUBLE),
    ]
)
"""One command that wrote; `conf`, `passes`, `versions_*` and `counts` are JSON."""

QUARANTINE = StructType(
    [
        StructField("source", STRING),
        StructField("snapshot", STRING),
        StructField("source_file", STRING),
        StructField("position", LONG),
        StructField("reason", STRING),
        StructField("detail", STRING),
        StructField("raw", BinaryType()),
        StructField("raw_bytes", LONG),
        StructField("record_id", STRING),
        StructField("run_id", STRING),
    ]
)
"""One record that could not be read.

`position` is the byte offset of the record in the decompressed file, or the row number in a Parquet file; `raw` is
cut to a bound, `raw_bytes` is the length before the cut; `record_id` makes a second ingest of a file add nothing.
"""

TABLES = {
    "documents": DOCUMENTS,
    "programs": PROGRAMS,
    "signatures": SIGNATURES,
    "corpus": CORPUS,
    "runs": RUNS,
    "quarantine": QUARANTINE,
}

ABOUT = {
    "documents": "One source record; only ingest adds rows, and nothing changes one.",
    "programs": "One text under one pass: what the model wrote for it, as it wrote it and parsed.",
    "signatures": "One text as near-duplicates are found by: its MinHashes and the keys of their bands.",
    "corpus": "One document as the last pass left it; every pass is one version of this table.",
    "runs": "One command that wrote: what, when, by whom, with which settings, and what it cost.",
    "quarantine": "One record that could not be read, with the reason.",
}
"""What one row of each table is; the comment of the table in a catalog."""

VIEWS = {
    "refined": "The rows of corpus that have text.",
    "edits": "One operation behind the newest version, and what became of it.",
    "removed": "One line or string that an operation took out.",
    "duplicates": "One document that was dropped as a copy, with its twin and how similar they are.",
    "versions": "One version of corpus, with its command, counts and tags.",
}
"""What one row of each view is."""

_OF_DOCUMENTS = {
    "doc_id": "Hash of the stable parts of the source record; the same on every cluster.",
    "source": "Format of the corpus it came from, such as c4.",
    "snapshot": "Name of the crawl.",
    "url": "Address of the page, where the source has one.",
    "text": "The text as it came in, byte for byte.",
    "text_sha256": "Hash of the text; programs are found by it.",
    "metadata": "JSON object of all source columns that have no column of their own.",
}

COMMENTS = {
    "documents": {
        **_OF_DOCUMENTS,
        "shard": "Bucket of the hash of the text; files are ordered by it.",
        "ingest_run_id": "The ingest that brought it, see runs.",
        "source_file": "The file it came from.",
    },
    "programs": {
        "text_sha256": "Hash of the text that the program is for.",
        "pass_name": "The pass.",
        "fingerprint": "Hash of model, tokenizer, prompt, chunker, grammar and sampling: what decides an answer.",
        "chunks": "The chunks of the text, each with the completion, what it parses to, and tokens.",
        "error": "Why there is no answer; NULL where there is one.",
        "run_id": "The refine that wrote it, see runs.",
        "generated_at": "When it was written.",
    },
    "signatures": {
        "text_sha256": "Hash of the text.",
        "fingerprint": "Hash of what decides a signature: shingles, hashes, bands, how characters are folded.",
        "bands": "64-bit keys, one a band; texts that share one are compared. NULL for a text without words.",
        "minhashes": "The lowest 16 bits of each MinHash, two bytes each, the lower byte first.",
        "characters": "Length of the text.",
        "run_id": "The refine that wrote it, see runs.",
    },
    "corpus": {
        **_OF_DOCUMENTS,
        "text": "The text as the passes left it; NULL for a dropped document.",
        "text_sha256": "Hash of the text as the passes left it; NULL for a dropped document.",
        "outcome": "kept, edited, dropped, failed or not_run.",
        "reason": "Why the document was dropped or failed.",
        "pass_name": "The last pass it went through; NULL before the first.",
        "run_id": "The command that wrote the row, see runs.",
        "ops": "The operations of the last pass, each with its status and the reason for a rejection.",
        "words_before": "Words that reached the last pass.",
        "words_after": "Words that it left.",
    },
    "runs": {
        "run_id": "Sorts by time, and names the command.",
        "command": "ingest, refine, apply, tag, restore, forget, maintain, ...",
        "pass_name": "The pass, of refine and apply.",
        "status": "done, or healed where a killed command was entered later.",
        "started_at": "When it began.",
        "finished_at": "When it ended.",
        "by": "Who ran it.",
        "package_version": "Version of prox_spark.",
        "conf": "JSON of the settings that decide its result.",
        "passes": "JSON list of the passes that the corpus has gone through after it.",
        "fingerprint": "Fingerprint of the pass.",
        "versions_read": "JSON of the versions it read, by table.",
        "versions_written": "JSON of the versions it wrote, by table.",
        "corpus_version": "The version of corpus that it made; NULL where it made none.",
        "counts": "JSON of what it counted.",
        "prompt_tokens": "Tokens of all prompts.",
        "output_tokens": "Tokens of all answers.",
        "wall_seconds": "How long it took.",
        "gpu_seconds": "Seconds that engines held a GPU, summed over GPUs.",
        "cost": "Money, where refine.gpu_hour_price says what a GPU hour costs.",
    },
    "quarantine": {
        "source": "Format of the corpus it came from.",
        "snapshot": "Name of the crawl.",
        "source_file": "The file it is in.",
        "position": "Byte offset in the decompressed file, or row number in a Parquet file.",
        "reason": "Why it could not be read, of a closed list.",
        "detail": "The reason in words.",
        "raw": "Its bytes, cut to a bound.",
        "raw_bytes": "Its length before the cut.",
        "record_id": "Makes a second ingest of the same file add nothing.",
        "run_id": "The ingest that met it, see runs.",
    },
}
"""What each column holds; the comments of the columns in a catalog."""

PARTITIONS = {
    "documents": ("source", "snapshot"),
    "programs": ("pass_name", "fingerprint"),
    "signatures": ("fingerprint",),
    "corpus": ("source", "snapshot"),
    "runs": (),
    "quarantine": ("source",),
}


def shard_of(key: Column | str, shards: int) -> Column:
    """Give the shard of a text by its sha256 (column or name): 0 to `shards` - 1, the same on every cluster."""
    return F.pmod(F.xxhash64(key), F.lit(shards)).cast("int")


def select(table: StructType, names: Sequence[str]) -> StructType:
    """Give the columns `names` of a schema, in that order."""
    return StructType([table[name] for name in names])


def arrow(table: StructType) -> pa.Schema:
    """Give the Arrow form of a schema, for batches that go back to Spark."""
    from pyspark.sql.pandas.types import to_arrow_schema

    return to_arrow_schema(table)


def require(frame: DataFrame, schema: StructType) -> None:
    """Check that `frame` has every column of `schema` with its type.

    Raises:
        LakeError: A column is missing or has another type; names the column, what was found and what is expected.
    """
    require_columns(frame.schema, schema)


def require_columns(columns: StructType, schema: StructType) -> None:
    """Check of columns what `require` checks of a frame.

    Raises:
        LakeError: A column is missing or has another type; names the column, what was found and what is expected.
    """
    there = {field.name: field.dataType for field in columns}
    for field in schema:
        kind = there.get(field.name)
        if kind is None:
            raise LakeError(f"column {field.name} is missing; found {', '.join(there)}")
        if kind.simpleString() != field.dataType.simpleString():
            raise LakeError(f"column {field.name} is {kind.simpleString()}, expected {field.dataType.simpleString()}")
