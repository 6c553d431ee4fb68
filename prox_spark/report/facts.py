"""What a report tells, as plain values of bounded size: counted in Spark, whatever the size of the corpus."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from prox_spark import passes
from prox_spark.audit.compare import compare
from prox_spark.audit.diff import readable
from prox_spark.audit.rows import dicts
from prox_spark.audit.tags import tags
from prox_spark.lake import views
from prox_spark.lake.lineage import PublishedVersion, lineage
from prox_spark.lake.rows import unrefined
from prox_spark.lake.tables import Lake
from prox_spark.program.operations import OUTCOMES
from prox_spark.report import families
from prox_spark.spark.settings import kept
from prox_spark.stages import diff as comparing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LINES = 25
BINS_PER_DECADE = 4
LONGEST_TEXT = 60_000
"""Longer texts are shown by their beginning."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page shows.

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
        scores: Documents by score, for each pass that has them scored: `low`, `high`, `documents`.
        lines: The lines that were removed from most documents.
        families: Families of near-duplicates by size; empty where no pass looks for them.
        copies: Some of their documents, with their texts and those of their twins.
        gallery: Documents with text before and after, and their operations.
        runs: The commands up to the version: time, tokens, cost.
        against: The version beside another one, see `audit.compare.compare`; None where none was asked for.
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
    scores: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    families: list[dict[str, Any]]
    copies: list[dict[str, Any]]
    gallery: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    against: dict[str, Any] | None = None


def gather(
    lake: Lake,
    version: str | int | None = None,
    *,
    gallery: int = 12,
    seed: int = 0,
    against: str | int | None = None,
) -> Facts:
    """Count and draw everything that the report of a version shows.

    Args:
        lake: The lake.
        version: Number or tag; None takes the newest.
        gallery: How many documents to show before and after.
        seed: Another number draws other documents.
        against: Another version to put beside it.

    Raises:
        UserError: There is no such version, or its files are gone.
    """
    from prox_spark.version import __version__

    number = readable(lake, version)
    history = tuple(reversed(lineage(lake.entries(), number)))
    rows, documents = lake.read("corpus", number), lake.read("documents")
    ingested = unrefined(documents.join(rows.select("doc_id"), "doc_id", "left_semi"))
    compared = comparing.differences(ingested, rows)
    with kept(compared):
        executed = _executed(lake, history)
        sources = dicts(comparing.tally(compared, "source", "snapshot"))
        return Facts(
            lake=lake.location,
            version=number,
            tags=tuple(name for name, tagged in tags(lake).items() if tagged == number),
            made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            package_version=__version__,
            total=dicts(comparing.tally(compared))[0],
            sources=sources,
            stages=_stages(sources, executed),
            passes=_passes(history, executed),
            histogram=_histogram(compared),
            operations=_operations(lake, history),
            reasons=dicts(comparing.reasons(compared)),
            lines=dicts(comparing.removed_lines(ingested, rows).limit(LINES)),
            **_copies(lake, history, seed),
            gallery=_gallery(compared, ingested, rows, gallery, seed),
            scores=_scores(lake, history),
            runs=_runs(lake, number),
            against=None if against is None else compare(lake, against, number, count=gallery // 2, seed=seed),
        )


def _copies(lake: Lake, history: tuple[PublishedVersion, ...], seed: int) -> dict[str, list[dict[str, Any]]]:
    if not any(passes.NEAR_DUPLICATES in published.passes.last for published in history):
        return {"families": [], "copies": []}
    rows = families.copies(lake, history)
    with kept(rows):
        drawn = families.examples(rows, lake.read("documents"), seed=seed, longest=LONGEST_TEXT)
        return {"families": families.sizes(rows), "copies": drawn}


def _executed(lake: Lake, history: tuple[PublishedVersion, ...]) -> list[dict[str, Any]]:
    """Count what each pass did to the rows that it executed, by source; versions of the same pass are added up."""
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    for published in history:
        rows = lake.read("corpus", published.read).where(F.col("run_id") == published.run_id)
        counts = [F.count_if(F.col("outcome") == name).alias(name) for name in OUTCOMES]
        words = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in ("words_before", "words_after")]
        for row in dicts(rows.groupBy("source").agg(*counts, *words).orderBy("source")):
            key = published.pass_name, row["source"]
            entry = totals.setdefault(key, {"pass_name": published.pass_name, "source": row["source"], "versions": []})
            entry["versions"].append(published.version)
            for name, value in row.items():
                if name != "source":
                    entry[name] = entry.get(name, 0) + value
    return list(totals.values())


def _stages(sources: list[dict[str, Any]], executed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the words and documents that are left by source: as ingested, then less what each pass took."""
    left: dict[str, dict[str, int]] = {}
    for row in sources:
        here = left.setdefault(row["source"], {"words": 0, "documents": 0})
        here["words"] += row["words_before"]
        here["documents"] += row["documents"]
    stages = [{"stage": "ingested", "source": source, **here} for source, here in left.items()]
    for name in dict.fromkeys(row["pass_name"] for row in executed):
        for row in executed:
            if row["pass_name"] == name and row["source"] in left:
                left[row["source"]]["words"] -= row["words_before"] - row["words_after"]
                left[row["source"]]["documents"] -= row["dropped"]
        stages += [{"stage": f"after {name}", "source": source, **here} for source, here in left.items()]
    return stages


def _passes(history: tuple[PublishedVersion, ...], executed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add up what each pass did in all sources, with what identifies it."""
    passes: dict[str, dict[str, Any]] = {}
    for published in history:
        mine = [row for row in executed if row["pass_name"] == published.pass_name]
        sums = {name: sum(row[name] for row in mine) for name in (*OUTCOMES, "words_before", "words_after")}
        versions = sorted({version for row in mine for version in row["versions"]})
        passes[published.pass_name] = {
            "pass_name": published.pass_name,
            "versions": versions,
            **published.passes.last,
            **sums,
        }
    return list(passes.values())


def _operations(lake: Lake, history: tuple[PublishedVersion, ...]) -> list[dict[str, Any]]:
    """Count the operations by pass, name and fate, in the order of the passes."""
    order = pass_names(history)
    rows = dicts(comparing.operations(lake.spark.sql(views.edits(lake.name, history))))
    return sorted(rows, key=lambda row: order.index(row["pass_name"]))


def pass_names(history: Sequence[PublishedVersion]) -> list[str]:
    """Name the passes whose operations the rows of some versions hold.

    A version holds those of the passes before its own, too: of documents that caught up with it and went no further.
    """
    return list(dict.fromkeys(pass_.name for published in history for pass_ in published.passes.passes()))


def _scores(lake: Lake, history: tuple[PublishedVersion, ...]) -> list[dict[str, Any]]:
    """Count documents by score in bins of one width, see `bin_width`."""
    scored = lake.spark.sql(views.edits(lake.name, history)).where("op = 'score' AND status = 'applied'")
    spans = dicts(scored.groupBy("pass_name").agg(F.min("value").alias("low"), F.max("value").alias("high")))
    rows: list[dict[str, Any]] = []
    for span in spans:
        width = bin_width(span["high"] - span["low"])
        floor = F.floor(F.col("value") / width).alias("bin")
        counted = (
            scored.where(F.col("pass_name") == span["pass_name"]).groupBy(floor).agg(F.count("*").alias("documents"))
        )
        rows += [
            {
                "pass_name": span["pass_name"],
                "low": row["bin"] * width,
                "high": (row["bin"] + 1) * width,
                "documents": row["documents"],
            }
            for row in dicts(counted.orderBy("bin"))
        ]
    return rows


def bin_width(span: float) -> float:
    """Choose the width of bins, of which between ten and thirty cover a span.

    >>> bin_width(5.2), bin_width(0.9), bin_width(0.0)
    (0.25, 0.05, 0.01)
    """
    if span <= 0:
        return 0.01
    power = 10.0 ** math.floor(math.log10(span / 10))
    return next(power * step for step in (1, 2.5, 5, 10) if span / (power * step) <= 30)


def _histogram(compared: DataFrame) -> list[dict[str, Any]]:
    """Count documents by their words, in bins that grow by the same factor."""

    def binned(name: str) -> DataFrame:
        step = F.floor(F.log10(F.col(name)) * BINS_PER_DECADE).alias("bin")
        return compared.where(F.col(name) > 0).groupBy(step).agg(F.count("*").alias(name))

    both = binned("words_before").join(binned("words_after"), "bin", "full_outer").orderBy("bin")
    counts = {int(row["bin"]): row for row in both.collect()}
    if not counts:
        return []
    return [
        {
            "low": round(10 ** (step / BINS_PER_DECADE)),
            "high": round(10 ** ((step + 1) / BINS_PER_DECADE)),
            "before": int(counts[step]["words_before"] or 0) if step in counts else 0,
            "after": int(counts[step]["words_after"] or 0) if step in counts else 0,
        }
        for step in range(min(counts), max(counts) + 1)
    ]


def _gallery(compared: DataFrame, before: DataFrame, after: DataFrame, count: int, seed: int) -> list[dict[str, Any]]:
    """Draw documents: three of four that were edited, the rest dropped, edited ones first."""
    order = (F.xxhash64("doc_id", F.lit(seed)), F.col("doc_id"))
    drawn: list[dict[str, Any]] = []
    for change, number in (("edited", count - count // 4), ("dropped", count // 4)):
        drawn += dicts(compared.where(F.col("change") == change).orderBy(*order).limit(number))
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
    maker = lake.read("runs").where(F.col("corpus_version") == version).select("run_id").first()
    rows = lake.read("runs").where("command IN ('ingest', 'refine', 'apply', 'restore', 'forget')").orderBy("run_id")
    if maker is not None:
        rows = rows.where(F.col("run_id") <= maker["run_id"])
    return [_run(row) for row in dicts(rows)]


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
        "gpu_idle_share": counts.get("gpu_idle_share"),
        "seconds": seconds,
        "tokens_per_second": tokens / seconds if tokens and seconds else None,
        "conf": json.loads(row["conf"] or "{}"),
    }
