"""Two ways to refine one corpus: two versions of it side by side, or the modes strict and reference of one."""

from __future__ import annotations

from typing import Any, cast

from pyspark.sql import functions as F

from prox_spark.audit.diff import readable
from prox_spark.audit.rows import ComparedRow, dicts
from prox_spark.config import Config, load
from prox_spark.lake.lineage import lineage
from prox_spark.lake.tables import Lake
from prox_spark.passes import AnyPass, resolve
from prox_spark.pipeline import catch_up
from prox_spark.spark.settings import kept
from prox_spark.stages import sides
from prox_spark.stages.apply import first_programs
from prox_spark.stages.compare import compare as compared_modes

LONGEST_TEXT = 60_000
"""Longer texts of the documents that are drawn are cut."""


def compare(
    lake: Lake, a: str | int, b: str | int | None = None, *, count: int = 5, largest: bool = False, seed: int = 0
) -> dict[str, Any]:
    """Put two versions of the corpus side by side, each against what was ingested.

    Two chains of passes over one corpus are two versions of it, whichever came first: ProX beside UltraX, or one model
    under two policies.

    Args:
        lake: The lake.
        a: A version: number, tag or `latest`.
        b: Another one; None takes the newest.
        count: Documents to draw where they differ.
        largest: Draw those whose numbers of words are furthest apart; else at random.
        seed: Another number draws others.

    Returns:
        `a`, `b` (each with `version`, `passes`, its documents by fate, and the `words` that are left), `documents`,
        `differing` and `words` (as ingested), `fates` (a row for each pair of what `a` and `b` made of documents, see
        `stages.sides.table`), `by_source`, and `sample` (`ComparedRow`).

    Raises:
        UserError: There is no such version, or its files are gone.
    """
    first, second = (readable(lake, version) for version in (a, b))
    rows = [lake.read("corpus", version) for version in (first, second)]
    compared = sides.sides(lake.read("documents"), *rows)
    with kept(compared):
        total = dicts(sides.table(compared))[0]
        fates = dicts(sides.table(compared, "fate_a", "fate_b"))
        return {
            "a": _side(lake, first, fates, "a", total),
            "b": _side(lake, second, fates, "b", total),
            **{name: total[name] for name in ("documents", "differing", "words")},
            "fates": fates,
            "by_source": dicts(sides.table(compared, "source", "snapshot")),
            "sample": _sample(lake, dicts(sides.drawn(compared, count, largest=largest, seed=seed)), (first, second)),
        }


def _side(lake: Lake, version: int, fates: list[dict[str, Any]], side: str, total: dict[str, Any]) -> dict[str, Any]:
    """Say what a version went through, and what is left in it."""
    entries = lake.entries()
    confs = {entry.run_id: entry.conf for entry in entries}
    passes = []
    for published in reversed(lineage(entries, version)):
        conf, key = confs[published.run_id], published.passes.last
        engine = conf.get("engine", {})
        passes.append(
            {
                "pass_name": key["name"],
                "profile": conf.get("profile"),
                "engine": engine.get("kind"),
                "model": engine.get("model"),
                "fingerprint": key["fingerprint"],
                "policy": key["policy"],
            }
        )
    counts = {name: sum(row["documents"] for row in fates if row[f"fate_{side}"] == name) for name in sides.FATES}
    return {"version": version, "passes": passes, **counts, "words": total[f"words_{side}"]}


def _sample(lake: Lake, rows: list[dict[str, Any]], versions: tuple[int, int]) -> list[ComparedRow]:
    ids = [row["doc_id"] for row in rows]
    cut = F.substring("text", 1, LONGEST_TEXT).alias("text")
    frames = [lake.read("documents"), *(lake.read("corpus", version) for version in versions)]
    texts = [
        {row["doc_id"]: row["text"] for row in frame.where(F.col("doc_id").isin(ids)).select("doc_id", cut).collect()}
        for frame in frames
    ]
    named = [
        {
            **row,
            **{name: text.get(row["doc_id"]) for name, text in zip(("text", "text_a", "text_b"), texts, strict=True)},
        }
        for row in rows
    ]
    return cast("list[ComparedRow]", named)


def compare_modes(lake: Lake, config: Config | None = None, *, limit: int = 20) -> list[dict[str, Any]]:
    """Execute the programs of every pass in both modes, and report the documents on which they differ.

    Nothing is written. A pass reads the texts that the passes before it leave, under their own policies.

    Args:
        lake: The lake.
        config: Its passes are compared; None takes the defaults.
        limit: Most kinds of difference, and most documents, that are listed for a pass; all are counted.

    Returns:
        One dict per pass: `pass_name`, `texts` (distinct ones with a program), `differing`, `kinds` (dicts of `strict`,
        `reference`, `why` and `texts`, most frequent first), `documents` (dicts of `doc_id`, `url`, `strict`,
        `reference` and `why`).
    """
    passes = resolve(config or load())
    return [_compared(lake, passes[: number + 1], limit) for number in range(len(passes))]


def _compared(lake: Lake, passes: tuple[AnyPass, ...], limit: int) -> dict[str, Any]:
    pass_ = passes[-1]
    texts = catch_up.texts_after(lake, passes[:-1])
    distinct = texts.select("text_sha256", "text").dropDuplicates(["text_sha256"])
    programs = first_programs(lake.read("programs"), pass_).where("error IS NULL")
    compared = compared_modes(distinct, programs.select("text_sha256", "chunks"), pass_)
    with kept(compared):
        counts = compared.agg(F.count("*").alias("texts"), F.count_if("differs").alias("differing")).collect()[0]
        differing = compared.where("differs")
        kinds = differing.groupBy("strict", "reference", "why").agg(F.count("*").alias("texts"))
        listed = differing.join(texts.drop("text"), "text_sha256").select("doc_id", "url", "strict", "reference", "why")
        return {
            "pass_name": pass_.name,
            **counts.asDict(),
            "kinds": dicts(kinds.orderBy(F.desc("texts"), "strict", "reference", "why").limit(limit)),
            "documents": dicts(listed.orderBy("doc_id").limit(limit)),
        }
