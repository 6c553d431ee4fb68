"""Find the texts that are near-duplicates of earlier ones, and write the programs that drop them.

    texts ──signatures──▶ candidates ──▶ similar pairs ──▶ twins ──▶ families ──▶ programs

Frame in, frame out; no table is touched, and one action is called: a chain of copies is followed as far as it goes.

A text is dropped when an earlier text is similar enough; its twin is the earliest of these. So what came later changes
nothing, and texts that came at once are decided as if they had come one by one. Of texts that share a band each is
compared with the `CANDIDATES` earliest ones: a page with a million variants gives millions of pairs, not their square.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from pyspark.sql import Window
from pyspark.sql import functions as F

from prox_spark.duplicates import DOCUMENT, FAMILY, SignatureSettings, signature_fingerprint
from prox_spark.lake import schema
from prox_spark.program.stored import read
from prox_spark.spark.settings import as_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from prox_spark.passes import NearDuplicatesPass

    Batches = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

CANDIDATES = 4
"""Texts of a bucket (a scope and the key of a band) that the later ones in it are compared with: its earliest."""

SCOPES = {"all": (), "source": ("source",), "snapshot": ("source", "snapshot")}
"""Columns of a document by which texts are kept apart."""


def signatures(texts: DataFrame, settings: SignatureSettings, *, run_id: str) -> DataFrame:
    """Give rows of `signatures`.

    Args:
        texts: Columns `text_sha256` and `text`, each text once.
        settings: What decides a signature.
        run_id: The command that writes.
    """
    fingerprint = signature_fingerprint(settings)
    names = ("text_sha256", "bands", "minhashes", "characters")
    signed = texts.select("text_sha256", "text").mapInArrow(_signer(settings), schema.select(schema.SIGNATURES, names))
    given = {"fingerprint": F.lit(fingerprint), "run_id": F.lit(run_id)}
    return signed.select(*(given.get(name, F.col(name)).alias(name) for name in schema.SIGNATURES.fieldNames()))


def _signer(settings: SignatureSettings) -> Batches:
    kind = schema.arrow(schema.select(schema.SIGNATURES, ("text_sha256", "bands", "minhashes", "characters")))

    def sign(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        from prox_spark.duplicates import signatures as signing

        for batch in batches:
            texts = batch.column("text").to_pylist()
            signed = signing.signatures(texts, settings)
            rows = {
                "text_sha256": batch.column("text_sha256"),
                "bands": [
                    row if has else None for row, has in zip(signed.bands.tolist(), signed.has_words, strict=True)
                ],
                "minhashes": [row.tobytes() for row in signed.minhashes],
                "characters": [len(text) for text in texts],
            }
            yield pa.RecordBatch.from_pydict(rows, schema=kind)

    return sign


def arrivals(documents: DataFrame, scope: Literal["all", "source", "snapshot"]) -> DataFrame:
    """Say when documents arrived: by ingest, then by the name of their file, then by their id.

    Returns:
        `doc_id`, `scope` (texts of different scopes are not compared) and `arrival`, which orders documents: a struct
        of two numbers, as it goes along with each band of each text.
    """
    file = ("ingest_run_id", "source_file")
    named = documents.select("doc_id", *SCOPES[scope], F.col(file[0]), F.coalesce(file[1], F.lit("")).alias(file[1]))
    # One task orders the files; there are far fewer of them than documents.
    number = F.row_number().over(Window.partitionBy(F.lit(0)).orderBy(*file))
    files = named.select(*file).distinct().select(*file, number.alias("file"))
    arrival = F.struct("file", F.xxhash64("doc_id").alias("place")).alias("arrival")
    return named.join(files, list(file)).select(
        "doc_id", F.to_json(F.struct(F.lit(0), *SCOPES[scope])).alias("scope"), arrival
    )


def new_texts(documents: DataFrame, arrived: DataFrame, decided: DataFrame) -> DataFrame:
    """Give the texts that have no program yet, each once, with the document that brought it first.

    Args:
        documents: Columns `doc_id` and `text_sha256` of the documents that stand before the pass.
        arrived: What `arrivals` gives.
        decided: Column `text_sha256` of the pass's programs.

    Returns:
        `text_sha256`, `doc_id`, `scope`, `arrival` and `copies`.
    """
    # The least of a group is taken before the shuffle and after it: a page repeated a million times is one row in each
    # task, and one row behind it.
    first = F.min(F.struct("arrival", "doc_id", "scope")).alias("first")
    texts = documents.join(arrived, "doc_id").groupBy("text_sha256").agg(first, F.count(F.lit(1)).alias("copies"))
    new = texts.join(decided, "text_sha256", "left_anti")
    return new.select("text_sha256", "first.doc_id", "first.scope", "first.arrival", "copies")


def known_texts(programs: DataFrame, arrived: DataFrame) -> DataFrame:
    """Give the texts that have a program, with the document that brought each first, and the one of its family.

    A text whose first document was forgotten is not among them: nothing may be dropped as a copy of what is gone.

    Args:
        programs: Columns `text_sha256` and `chunks` of the pass.
        arrived: What `arrivals` gives.
    """
    told = programs.select("text_sha256", F.col("chunks")[0]["completion"].alias("completion"))
    family = F.regexp_extract("completion", FAMILY, 1)
    named = told.select(
        "text_sha256", F.regexp_extract("completion", DOCUMENT, 1).alias("doc_id"), family.alias("family")
    )
    own = F.when(F.col("family") == "", F.col("doc_id")).otherwise(F.col("family")).alias("family")
    return named.select("text_sha256", "doc_id", own).join(arrived, "doc_id")


def candidates(new: DataFrame, known: DataFrame, signed: DataFrame) -> DataFrame:
    """Pair each new text with earlier ones that it shares a band with, in its scope.

    Args:
        new: What `new_texts` gives.
        known: What `known_texts` gives.
        signed: Columns `text_sha256` and `bands` of all their texts.

    Returns:
        `text_sha256`, `doc_id`, `other`, `other_doc_id` and `turn`, the place of the other text in the order of all.
    """
    names = ("text_sha256", "doc_id", "scope")
    texts = new.select(*names, _turn(is_new=True)).unionByName(known.select(*names, _turn(is_new=False)))
    banded = texts.join(signed.select("text_sha256", "bands"), "text_sha256")
    rows = banded.select(*names, "turn", F.explode("bands").alias("band"))
    place = F.row_number().over(Window.partitionBy("scope", "band").orderBy("turn"))
    # Spark cuts each bucket to its first rows in each task, before it is sent anywhere.
    firsts = rows.withColumn("place", place).where(F.col("place") <= CANDIDATES)
    earlier = firsts.select(
        "scope",
        "band",
        F.col("text_sha256").alias("other"),
        F.col("doc_id").alias("other_doc_id"),
        F.col("turn").alias("t"),
    )
    later = rows.where(F.col("turn.is_new") == 1)
    pairs = later.join(earlier, ["scope", "band"]).where(F.col("t") < F.col("turn"))
    return pairs.select("text_sha256", "doc_id", "other", "other_doc_id", F.col("t").alias("turn")).distinct()


def _turn(*, is_new: bool) -> Column:
    """Give what orders texts: those that have a program come first, as their decisions stand."""
    return F.struct(F.lit(int(is_new)).alias("is_new"), "arrival.file", "arrival.place").alias("turn")


def twins(pairs: DataFrame, threshold: float) -> DataFrame:
    """Choose the earliest of the texts that each text is similar enough to.

    Returns:
        `text_sha256`, `twin` and `similarity`, a row for each text that has a twin.
    """
    similar = pairs.where(F.col("similarity") >= threshold)
    first = F.min(F.struct("turn", "other", "similarity")).alias("first")
    rows = similar.groupBy("text_sha256").agg(first)
    return rows.select("text_sha256", F.col("first.other").alias("twin"), "first.similarity")


def with_root(copies: DataFrame) -> DataFrame:
    """Follow twins that are new copies themselves to a text that is none, and add it as `root`.

    A chain halves with each round, so that one of a million links takes twenty; nearly all are of one link.

    Args:
        copies: What `twins` gives, each of its twins an earlier text.
    """
    rows = copies.withColumn("root", F.col("twin"))
    while not rows.join(copies.select(F.col("text_sha256").alias("root")), "root", "left_semi").isEmpty():
        above = rows.select(F.col("text_sha256").alias("root"), F.col("root").alias("above"))
        further = rows.join(above, "root", "left")
        rows = as_rows(further.select("text_sha256", "twin", "similarity", F.coalesce("above", "root").alias("root")))
    return rows


def programs(
    new: DataFrame, known: DataFrame, copies: DataFrame, pass_: NearDuplicatesPass, *, run_id: str
) -> DataFrame:
    """Write the programs of the new texts: `drop_doc()` for those with a twin, `keep_doc()` for the others.

    Args:
        new: What `new_texts` gives, and `characters`.
        known: What `known_texts` gives.
        copies: What `with_root` gives.
        pass_: The pass.
        run_id: The command that writes.

    Returns:
        Rows of `programs`, with `characters`, `copies` and `is_copy` for whoever counts them.
    """
    families = known.select("text_sha256", "family").unionByName(
        new.select("text_sha256", F.col("doc_id").alias("family"))
    )
    roots = families.select(F.col("text_sha256").alias("root"), "family")
    rows = new.join(copies.join(roots, "root"), "text_sha256", "left")
    is_copy = F.col("twin").isNotNull()
    drop = F.format_string(
        "drop_doc()  # document=%s twin=%s similarity=%.4f family=%s", "doc_id", "twin", "similarity", "family"
    )
    keep = F.format_string("keep_doc()  # document=%s", "doc_id")
    given = {
        "pass_name": F.lit(pass_.name),
        "fingerprint": F.lit(pass_.fingerprint),
        "chunks": F.array(F.when(is_copy, _chunk("drop_doc()", drop)).otherwise(_chunk("keep_doc()", keep))),
        "error": F.lit(None).cast("string"),
        "run_id": F.lit(run_id),
        "generated_at": F.current_timestamp(),
    }
    columns = (given.get(name, F.col(name)).alias(name) for name in schema.PROGRAMS.fieldNames())
    return rows.select(*columns, "characters", "copies", is_copy.alias("is_copy"))


def _chunk(verdict: str, completion: Column) -> Column:
    """Give the one chunk of a program, with what its verdict parses to; the comment behind it parses to nothing."""
    readings = read(f"{verdict}  # comment", finish_reason="stop").columns()
    fields = {"chunk_index": 0, "finish_reason": "stop", "prompt_tokens": 0, "output_tokens": 0, **readings}
    chunk = F.from_json(F.lit(json.dumps(fields)), schema.CHUNK)
    return chunk.withField("completion", completion)
