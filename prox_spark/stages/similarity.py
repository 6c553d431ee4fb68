"""How alike the texts of pairs are: by all their shingles, or by an estimate; and whether programs say it right.

Frame in, frame out; no table is touched and no action is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from prox_spark.duplicates import SIMILARITY, TWIN, SignatureSettings
from prox_spark.passes import signature_settings

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from prox_spark.config import NearDuplicatesSettings
    from prox_spark.passes import PastPass

    Measure = Callable[[list[Any], list[Any]], list[float]]

ROUNDING = 0.0001
"""Programs say a similarity with four digits."""


def with_similarity(pairs: DataFrame, texts: DataFrame, measure: Measure) -> DataFrame:
    """Add how similar the texts of each pair are, as `similarity`.

    Args:
        pairs: At least `doc_id` and `other_doc_id`.
        texts: Columns `doc_id` and `text`.
        measure: What compares them, such as `by_shingles`.
    """
    wanted = pairs.select("doc_id").unionByName(pairs.select(F.col("other_doc_id").alias("doc_id"))).distinct()
    # Spark measures a table by its compressed files: a million copies of one page looked small enough to be sent to
    # every task whole. A semi-join cannot send its left side, and the hint keeps what it leaves from being sent.
    one = texts.select("doc_id", "text").join(wanted, "doc_id", "left_semi").hint("merge")
    other = one.select(F.col("doc_id").alias("other_doc_id"), F.col("text").alias("other_text")).hint("merge")
    rows = pairs.join(one, "doc_id").join(other, "other_doc_id")
    return _measured(rows, pairs, ("text", "other_text"), measure)


def with_estimate(pairs: DataFrame, signed: DataFrame) -> DataFrame:
    """Add the similarity of each pair as its MinHashes estimate it, as `similarity`.

    Args:
        pairs: At least `text_sha256` and `other`.
        signed: Columns `text_sha256` and `minhashes`.
    """
    one = signed.select("text_sha256", "minhashes")
    other = signed.select(F.col("text_sha256").alias("other"), F.col("minhashes").alias("other_minhashes"))
    rows = pairs.join(one, "text_sha256").join(other, "other")
    return _measured(rows, pairs, ("minhashes", "other_minhashes"), _estimated)


def misjudged(programs: DataFrame, texts: DataFrame, pass_: PastPass, settings: NearDuplicatesSettings) -> DataFrame:
    """Measure again how similar copies are to their twins, and find those whose programs say otherwise.

    A copy whose twin was forgotten is left out.

    Args:
        programs: Columns `text_sha256` and `chunks` of copies.
        texts: Columns `text_sha256` and `text`, each text once.
        pass_: The pass.
        settings: Its settings.

    Returns:
        Findings: `check`, `key` and `detail`.
    """
    completion = F.col("chunks")[0]["completion"]
    told = programs.select(
        F.col("text_sha256").alias("doc_id"),
        F.regexp_extract(completion, TWIN, 1).alias("other_doc_id"),
        F.regexp_extract(completion, SIMILARITY, 1).cast("double").alias("told"),
    )
    signature = signature_settings(settings)
    measure = by_shingles(signature) if settings.measure == "shingles" else _by_signatures(signature)
    by_hash = texts.select(F.col("text_sha256").alias("doc_id"), "text")
    measured = with_similarity(told, by_hash, measure)
    wrong = F.abs(F.col("told") - F.col("similarity")) > ROUNDING
    return measured.where(wrong).select(
        F.lit("similarity").alias("check"),
        F.concat("doc_id", F.lit(f"/{pass_.name}")).alias("key"),
        F.format_string("its program says %.4f, its text and its twin's %.4f", "told", "similarity").alias("detail"),
    )


def _measured(rows: DataFrame, pairs: DataFrame, of: tuple[str, str], measure: Measure) -> DataFrame:
    names = pairs.columns
    kind = StructType([*pairs.schema.fields]).add("similarity", "double")

    def measured(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            values = measure(*(batch.column(name).to_pylist() for name in of))
            columns = [*(batch.column(name) for name in names), pa.array(values, pa.float64())]
            yield pa.RecordBatch.from_arrays(columns, [*names, "similarity"])

    return rows.select(*names, *of).mapInArrow(measured, kind)


def by_shingles(settings: SignatureSettings) -> Measure:
    """Give what compares texts by the Jaccard similarity of their shingles."""

    def compare(texts: list[str], others: list[str]) -> list[float]:
        from prox_spark.duplicates.signatures import similarities

        return similarities(list(zip(texts, others, strict=True)), settings)

    return compare


def _by_signatures(settings: SignatureSettings) -> Measure:
    def compare(texts: list[str], others: list[str]) -> list[float]:
        from prox_spark.duplicates.signatures import estimated, signatures

        sides = (signatures(side, settings).minhashes for side in (texts, others))
        return list(map(float, estimated(*sides)))

    return compare


def _estimated(one: list[bytes], other: list[bytes]) -> list[float]:
    from prox_spark.duplicates.signatures import estimates

    return estimates(one, other)
