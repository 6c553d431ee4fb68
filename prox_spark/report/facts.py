"""What a report tells, as plain values of bounded size: counted in Spark, whatever the size of the corpus."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from prox_spark import views
from prox_spark.audit.diff import readable
from prox_spark.audit.tags import tags
from prox_spark.program import columns
from prox_spark.stages import diff as comparing
from prox_spark.stages.apply import unrefined
from prox_spark.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LINES = 25
BINS_PER_DECADE = 4
LONGEST_TEXT = 60_000
"""Longer texts are shown by their beginning."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Hold what the page shows.

    Attributes:
        lake: Where the lake is.
        version: The version.
        tags: Its tags.
        made_at: When the report was made, ISO 8601.
        package_version: Of prox_spark.
        total: Documents by change from what was ingested to the version, and words.
        sources: The same by source and snapshot.
        stages: Words and documents left, by source, as ingested and after each pass in order.
        passes: For each pass its counts by outcome, words, fingerprint and policy.
        histogram: Documents by words before and after: `low`, `high`, `before`, `after`.
        operations: Operations by pass, name and fate.
        reasons: Dropped documents by pass and reason.
        lines: The lines that were removed from most documents.
        gallery: Documents with text before and after, and their operations.
        runs: The commands up to the version: time, tokens, cost.
    """

    lake: str
    version: int
    tags: tuple[str, ...]
    made_at: str
    package_version: str
    total: dict[str, Any]
    sources: list[dict[str, Any]]
    stages: list[dict[str, Any]]
    passes: list[dict[str, Any]]
    histogram: list[dict[str, Any]]
    operations: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    gallery: list[dict[str, Any]]
    runs: list[dict[str, Any]]


def gather(lake: Lake, version: str | int | None = None, *, gallery: int = 12, seed: int = 0) -> Facts:
    """Count and draw everything that the report of a version shows.

    Args:
        lake: The lake.
        version: Number or tag; None takes the newest.
        gallery: How many documents to show before and after.
        seed: Another number draws other documents.

    Raises:
        UserError: There is no such version, or its files are gone.
    """
    from prox_spark import __version__

    number = readable(lake, version)
    made = tuple(reversed(views.lineage(lake, number)))
    rows, documents = lake.read("corpus", number), lake.read("documents")
    ingested = unrefined(documents.join(rows.select("doc_id"), "doc_id", "left_semi"))
    compared = comparing.differences(ingested, rows).persist()
    try:
        return Facts(
            lake=lake.location,
            version=number,
            tags=tuple(name for name, tagged in tags(lake).items() if tagged == number),
            made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            package_version=__version__,
            total=_rows(comparing.tally(compared))[0],
            sources=_rows(comparing.tally(compared, "source", "snapshot")),
            stages=_stages(lake, compared, made),
            passes=_passes(lake, made),
            histogram=_histogram(compared),
            operations=_rows(comparing.operations(lake.spark.sql(views.edits(lake, made)))),
            reasons=_rows(comparing.reasons(compared)),
            lines=_rows(comparing.removed_lines(ingested, rows).limit(LINES)),
            gallery=_gallery(compared, ingested, rows, gallery, seed),
            runs=_runs(lake, number),
        )
    finally:
        compared.unpersist()


def _stages(lake: Lake, compared: DataFrame, made: tuple[views.Made, ...]) -> list[dict[str, Any]]:
    first = compared.groupBy("source").agg(F.sum("words_before").alias("words"), F.count("*").alias("documents"))
    stages = [{"stage": "ingested", **row} for row in _rows(first.orderBy("source"))]
    names = [item.pass_name for item in made]
    for item in made:
        if item.read != item.version or (names.count(item.pass_name) > 1 and item is not _last(made, item.pass_name)):
            continue
        left = lake.read("corpus", item.version).where("text IS NOT NULL")
        words = F.coalesce("words_after", columns.words("text").cast("long"))
        counted = left.groupBy("source").agg(F.sum(words).alias("words"), F.count("*").alias("documents"))
        stages += [{"stage": f"after {item.pass_name}", **row} for row in _rows(counted.orderBy("source"))]
    return stages


def _last(made: tuple[views.Made, ...], name: str) -> views.Made:
    return [item for item in made if item.pass_name == name][-1]


def _passes(lake: Lake, made: tuple[views.Made, ...]) -> list[dict[str, Any]]:
    """Count what each pass did to the rows that it executed; versions of the same pass are added up."""
    found: dict[str, dict[str, Any]] = {}
    for item in made:
        rows = lake.read("corpus", item.read).where(F.col("run_id") == item.run_id)
        counts = [F.count_if(F.col("outcome") == name).alias(name) for name in views.COUNTS]
        words = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in ("words_before", "words_after")]
        counted = _rows(rows.agg(*counts, *words))[0]
        entry = found.setdefault(item.pass_name, {"pass_name": item.pass_name, "versions": [], **item.passes[-1]})
        entry["versions"].append(item.version)
        for name, value in counted.items():
            entry[name] = entry.get(name, 0) + value
    return list(found.values())


def _histogram(compared: DataFrame) -> list[dict[str, Any]]:
    """Count documents by their words, in bins that grow by the same factor."""

    def binned(name: str) -> DataFrame:
        step = F.floor(F.log10(F.col(name)) * BINS_PER_DECADE).alias("bin")
        return compared.where(F.col(name) > 0).groupBy(step).agg(F.count("*").alias(name))

    both = binned("words_before").join(binned("words_after"), "bin", "full_outer").orderBy("bin")
    found = {int(row["bin"]): row for row in both.collect()}
    if not found:
        return []
    return [
        {
            "low": round(10 ** (step / BINS_PER_DECADE)),
            "high": round(10 ** ((step + 1) / BINS_PER_DECADE)),
            "before": int(found[step]["words_before"] or 0) if step in found else 0,
            "after": int(found[step]["words_after"] or 0) if step in found else 0,
        }
        for step in range(min(found), max(found) + 1)
    ]


def _gallery(compared: DataFrame, before: DataFrame, after: DataFrame, count: int, seed: int) -> list[dict[str, Any]]:
    """Draw documents: three of four that were edited, the rest dropped, edited ones first."""
    order = (F.xxhash64("doc_id", F.lit(seed)), F.col("doc_id"))
    drawn: list[dict[str, Any]] = []
    for change, number in (("edited", count - count // 4), ("dropped", count // 4)):
        drawn += _rows(compared.where(F.col("change") == change).orderBy(*order).limit(number))
    ids = [row["doc_id"] for row in drawn]
    cut = F.substring("text", 1, LONGEST_TEXT).alias("text")
    length = F.char_length("text").alias("length")
    old = {
        row["doc_id"]: row for row in before.where(F.col("doc_id").isin(ids)).select("doc_id", cut, length).collect()
    }
    new = after.where(F.col("doc_id").isin(ids)).select("doc_id", cut, "ops").collect()
    texts = {row["doc_id"]: row.asDict(recursive=True) for row in new}
    return [
        {
            **row,
            "before": old[row["doc_id"]]["text"],
            "after": texts[row["doc_id"]]["text"],
            "ops": texts[row["doc_id"]]["ops"] or [],
            "is_cut": old[row["doc_id"]]["length"] > LONGEST_TEXT,
        }
        for row in drawn
    ]


def _runs(lake: Lake, version: int) -> list[dict[str, Any]]:
    """List the commands up to the one that made the version, with what they cost."""
    made = lake.read("runs").where(F.col("corpus_version") == version).select("run_id").first()
    rows = lake.read("runs").where("command IN ('ingest', 'refine', 'apply', 'restore', 'forget')").orderBy("run_id")
    if made is not None:
        rows = rows.where(F.col("run_id") <= made["run_id"])
    return [_run(row) for row in _rows(rows)]


def _run(row: dict[str, Any]) -> dict[str, Any]:
    counts = json.loads(row["counts"] or "{}")
    tokens = (row["prompt_tokens"] or 0) + (row["output_tokens"] or 0)
    seconds = row["wall_seconds"] or 0.0
    return {
        **{name: row[name] for name in ("run_id", "command", "pass_name", "status", "by", "package_version")},
        **{name: row[name] for name in ("fingerprint", "corpus_version", "gpu_seconds", "cost")},
        "prompt_tokens": row["prompt_tokens"],
        "output_tokens": row["output_tokens"],
        "started_at": row["started_at"].isoformat(timespec="seconds") if row["started_at"] else None,
        "texts": counts.get("texts", counts.get("records")),
        "seconds": seconds,
        "tokens_per_second": tokens / seconds if tokens and seconds else None,
        "conf": json.loads(row["conf"] or "{}"),
    }


def _rows(frame: DataFrame) -> list[dict[str, Any]]:
    return [row.asDict(recursive=True) for row in frame.collect()]
