"""Compare two versions of the corpus, document by document: what became of each one, and of its words.

Frame in, frame out; no table is touched and no action is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.program import columns

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

CHANGES = ("kept", "edited", "dropped", "restored", "added", "forgotten", "absent")
"""What can become of a document from one version to another.

`restored` was dropped in the first and has text in the second, `added` and `forgotten` are in one of them only, and
`absent` is dropped in both.
"""


def differences(before: DataFrame, after: DataFrame) -> DataFrame:
    """Give one row per document of either version.

    Args:
        before: Corpus rows of a version.
        after: Corpus rows of another one.

    Returns:
        `doc_id`, `source`, `snapshot`, `url`, `change`, `words_before`, `words_after` (of the text in each version, 0
        where there is none), and `outcome`, `reason`, `pass_name` as the second version has them.
    """
    joined = before.alias("a").join(after.alias("b"), F.col("a.doc_id") == F.col("b.doc_id"), "full_outer")
    either = [F.coalesce(f"b.{name}", f"a.{name}").alias(name) for name in ("doc_id", "source", "snapshot", "url")]
    last = [F.col(f"b.{name}").alias(name) for name in ("outcome", "reason", "pass_name")]
    words = [_words("a").alias("words_before"), _words("b").alias("words_after")]
    return joined.select(*either, _change().alias("change"), *words, *last)


def _change() -> Column:
    was, now = F.col("a.text_sha256"), F.col("b.text_sha256")
    return (
        F.when(F.col("a.doc_id").isNull(), "added")
        .when(F.col("b.doc_id").isNull(), "forgotten")
        .when(was.isNull() & now.isNull(), "absent")
        .when(was.isNull(), "restored")
        .when(now.isNull(), "dropped")
        .when(was == now, "kept")
        .otherwise("edited")
    )


def _words(side: str) -> Column:
    # A text that no pass has executed was not counted yet.
    counted = F.coalesce(F.col(f"{side}.words_after"), columns.words(f"{side}.text").cast("long"))
    return F.when(F.col(f"{side}.text_sha256").isNull(), F.lit(0).cast("long")).otherwise(counted)


def tally(differing: DataFrame, *keys: str) -> DataFrame:
    """Count documents by `change` and sum their words, for each value of `keys`; one row where there are none."""
    counts = [F.count_if(F.col("change") == name).alias(name) for name in CHANGES]
    words = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in ("words_before", "words_after")]
    counted = differing.groupBy(*keys).agg(F.count(F.lit(1)).alias("documents"), *counts, *words)
    return counted.orderBy(*keys) if keys else counted


def reasons(differing: DataFrame) -> DataFrame:
    """Count the dropped documents by pass and reason, most frequent first."""
    dropped = differing.where(F.col("change") == "dropped").groupBy("pass_name", "reason")
    counted = dropped.agg(F.count(F.lit(1)).alias("documents"), F.sum("words_before").alias("words"))
    return counted.orderBy(F.desc("documents"), "pass_name", "reason")


def operations(edits: DataFrame) -> DataFrame:
    """Count operations by pass, name and fate, most frequent first; rows of the view `edits` in."""
    counted = edits.groupBy("pass_name", "op", "status", "reason").agg(
        F.count(F.lit(1)).alias("operations"),
        F.count_distinct("doc_id").alias("documents"),
        F.coalesce(F.sum("found"), F.lit(0)).alias("found"),
        F.coalesce(F.sum("words_removed"), F.lit(0)).alias("words_removed"),
        F.coalesce(F.sum(_words_added()), F.lit(0)).alias("words_added"),
    )
    return counted.orderBy("pass_name", "op", "status", F.desc("operations"), "reason")


def _words_added() -> Column:
    """Count the words that an applied operation brought in: its target's, as far as they are more than its source's."""
    brings = (F.col("status") == "applied") & F.col("op").isin("replace_str", "add_line", "rewrite")
    strings = [
        F.coalesce(columns.words(F.coalesce(name, F.lit(""))), F.lit(0)) for name in ("target_str", "source_str")
    ]
    return F.when(brings, F.greatest(strings[0] - strings[1], F.lit(0)))


def removed_lines(before: DataFrame, after: DataFrame) -> DataFrame:
    """Count, for each line, the documents that have it in the first frame and no more in the second: the boilerplate.

    Args:
        before: `doc_id` and `text`.
        after: `doc_id` and `text`; documents without text in it were dropped and are left out.

    Returns:
        `line`, `documents` and `words` (of one line), most frequent first.
    """
    both = before.alias("a").join(after.alias("b"), "doc_id").where("b.text IS NOT NULL AND a.text <> b.text")
    gone = F.array_except(F.split("a.text", "\n"), F.split("b.text", "\n"))
    lines = both.select(F.explode(F.transform(gone, F.trim)).alias("line")).where("line <> ''")
    counted = lines.groupBy("line").agg(F.count(F.lit(1)).alias("documents"))
    return counted.orderBy(F.desc("documents"), F.desc(F.length("line")), "line")
