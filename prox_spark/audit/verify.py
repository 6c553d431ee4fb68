"""Check a version of the corpus against documents and programs, row by row: nothing lost, doubled or changed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from prox_spark.audit.diff import readable
from prox_spark.audit.retention import retention
from prox_spark.config import IngestSettings
from prox_spark.duplicates import TWIN
from prox_spark.lake import ledger
from prox_spark.lake.rows import is_of
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain
from prox_spark.pipeline import catch_up
from prox_spark.program.operations import OUTCOMES
from prox_spark.spark.conditions import causes
from prox_spark.spark.settings import as_rows, changed
from prox_spark.stages import similarity
from prox_spark.stages.verify import READ_BEFORE, membership, placed, reparsed, replayed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COPIES = 1000
"""Copies of each pass that are compared with their twins again."""

UNREADABLE = re.compile(r"FAILED_READ_FILE|FileNotFoundException|ChecksumException|is not a Parquet file|CORRUPT")
CHECKSUMS = {"parquet.page.verify-checksum.enabled": "true"}
"""Parquet writes the checksums of pages always, and compares them only when told to."""

PATH = re.compile(r"((?:[a-z0-9]+:/|/)[^\s'\"]*?\.parquet)")


@dataclass(frozen=True, slots=True)
class Verification:
    """The findings of verifying a version.

    Attributes:
        version: The version.
        documents: Rows of it that were replayed.
        programs: Programs that were parsed again.
        counts: Findings by check; empty when everything is as it must be.
        findings: The first of them: dicts of `check`, `key` (a document, a program or a file) and `detail`.
        read_before: Completions that are stored as an earlier version of the package read them, which took what a model
            thinks (`<think>…</think>`) and examples for the program too. That is how they were executed, and no damage.
    """

    version: int
    documents: int
    programs: int
    counts: dict[str, int] = field(default_factory=dict)
    findings: tuple[dict[str, str], ...] = ()
    read_before: int = 0

    @property
    def ok(self) -> bool:
        """Say whether all invariants hold."""
        return not self.counts


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables that a version is checked against.

    Attributes:
        rows: Its rows that are replayed.
        documents: The documents that it was made from.
        programs: The programs that it was made with.
        parsed: Those of them that are parsed again.
    """

    rows: DataFrame
    documents: DataFrame
    programs: DataFrame
    parsed: DataFrame


def verify(
    lake: Lake, version: str | int | None = None, *, sample: int | None = None, seed: int = 0, limit: int = 20
) -> Verification:
    """Check the invariants of a version; nothing is written.

    Args:
        lake: The lake.
        version: Number or tag; None takes the newest.
        sample: Replay only so many documents, drawn at random; the counts are checked on all.
        seed: Another number draws others.
        limit: Most findings to list; all are counted.

    Raises:
        UserError: There is no such version.
    """
    number = readable(lake, version)
    with changed(lake.spark, CHECKSUMS, needed=False):
        try:
            return _verify(lake, number, sample, seed, limit)
        except Exception as error:
            file = _unreadable(error)
            if file is None:
                raise
            return Verification(number, 0, 0, {"file": 1}, (file,))


def _verify(lake: Lake, number: int, sample: int | None, seed: int, limit: int) -> Verification:
    tables = _tables(lake, number)
    chosen = _drawn(tables, sample, seed)
    # Kept as rows, not as a plan: there are few, and each step on the plan of a replay takes a second of analysis.
    parts = [
        membership(tables.rows.select("doc_id"), _expected(lake, number, tables.documents)),
        *_replays(lake, chosen),
        placed(chosen.documents, ledger.shards(lake, default=IngestSettings().shards)),
        reparsed(chosen.parsed),
        *_similarities(lake, chosen),
    ]
    findings = reduce(lambda one, other: one.unionByName(other), [as_rows(part) for part in parts])
    counts = {row["check"]: int(row["n"]) for row in findings.groupBy("check").agg(F.count("*").alias("n")).collect()}
    read_before = counts.pop(READ_BEFORE, 0)
    wrong = findings.where(F.col("check") != READ_BEFORE)
    first = wrong.orderBy("check", "key", "detail").limit(limit).collect()
    sums = _sums(lake, number, tables)
    return Verification(
        number,
        chosen.rows.count(),
        chosen.parsed.count(),
        counts | ({"count": len(sums)} if sums else {}),
        (*({"check": "count", "key": f"version {number}", "detail": line} for line in sums), *_plain(first)),
        read_before,
    )


def _plain(rows: Sequence[Any]) -> list[dict[str, str]]:
    return [row.asDict() for row in rows]


def _tables(lake: Lake, number: int) -> _Tables:
    """Read the version, with documents and programs as they are now; or were, if some were forgotten since."""
    at: dict[str, int | None] = {"documents": None, "programs": None}
    forgets = lake.read("runs").where(f"command = 'forget' AND corpus_version > {number}").orderBy("corpus_version")
    first = forgets.select("versions_written").first()
    if first is not None:
        written = json.loads(first[0])
        for table in at:
            before = int(written[table]) - 1 if table in written else None
            if before is not None and retention(lake, table).is_readable(before):
                at[table] = before
    documents, programs = (lake.read(table, version) for table, version in at.items())
    # The newest version is read as SQL reads it: what somebody did to the table by hand since is to be found.
    rows = lake.read("corpus", None if _is_newest(lake, number) else number)
    return _Tables(rows, documents, programs, _readable_alone(lake, programs))


def _readable_alone(lake: Lake, programs: DataFrame) -> DataFrame:
    """Give the programs in ProX's language, which needs no more than the answer to be read again.

    What other refiners write is read with the text, and with the windows in which it was shown; executing it again is
    what checks it.
    """
    of_pass = [
        F.get_json_object("conf", f"$.pass.{key}").alias(name)
        for key, name in (("name", "pass_name"), ("fingerprint", "fingerprint"), ("policy.grammar", "grammar"))
    ]
    others = lake.read("runs").select(*of_pass).where("grammar IS NOT NULL").drop("grammar").distinct()
    return programs.join(F.broadcast(others), ["pass_name", "fingerprint"], "left_anti")


def _is_newest(lake: Lake, number: int) -> bool:
    return number == max(version.version for version in lake.versions("corpus"))


def _drawn(tables: _Tables, sample: int | None, seed: int) -> _Tables:
    if sample is None:
        return tables
    drawn = tables.rows.orderBy(F.xxhash64("doc_id", F.lit(seed)), "doc_id").limit(sample).select("doc_id")
    rows = tables.rows.join(F.broadcast(drawn), "doc_id", "left_semi")
    documents = tables.documents.join(F.broadcast(drawn), "doc_id", "left_semi")
    hashes = rows.select("text_sha256").union(documents.select("text_sha256"))
    return _Tables(rows, documents, tables.programs, tables.parsed.join(hashes, "text_sha256", "left_semi"))


def _expected(lake: Lake, number: int, documents: DataFrame) -> DataFrame:
    """Give the documents that must have a row: all, or for an old version those that were published by then."""
    if _is_newest(lake, number):
        return documents
    published = lake.read("runs").where(f"command = 'ingest' AND corpus_version <= {number}").select("run_id")
    rows = lake.read("corpus", number).select("doc_id")
    mine = F.col("ingest_run_id").isin([row["run_id"] for row in published.collect()])
    published_then = documents.where(mine).select("doc_id")
    return published_then.union(documents.select("doc_id").join(rows, "doc_id", "left_semi")).distinct()


def _replays(lake: Lake, tables: _Tables) -> list[DataFrame]:
    """Give the findings of each group of rows that went through the same passes, and of rows that no run wrote."""
    groups: dict[Chain, list[str]] = {}
    for run_id, chain in ledger.chains(lake).items():
        groups.setdefault(chain, []).append(run_id)
    run_ids_here = {row["run_id"] for row in tables.rows.select("run_id").distinct().collect()}
    findings = []
    for chain, run_ids in groups.items():
        if here := run_ids_here.intersection(run_ids):
            rows = tables.rows.where(F.col("run_id").isin(sorted(here)))
            findings.append(replayed(rows, tables.documents, tables.programs, chain.passes()))
    known = {run_id for run_ids in groups.values() for run_id in run_ids}
    if unknown := run_ids_here - known:
        rows = tables.rows.where(F.col("run_id").isNull() | F.col("run_id").isin(sorted(filter(None, unknown))))
        findings.append(
            rows.selectExpr("'unknown_run' AS check", "doc_id AS key", "coalesce(run_id, 'NULL') AS detail")
        )
    return findings


def _similarities(lake: Lake, tables: _Tables) -> list[DataFrame]:
    """Give the findings of some copies that are compared with their twins again, for each pass that dropped copies."""
    findings, done = [], set()
    for chain in ledger.chains(lake).values():
        for number, pass_ in enumerate(passes := chain.passes()):
            if pass_.near_duplicates is None or pass_.fingerprint in done:
                continue
            done.add(pass_.fingerprint)
            programs = tables.parsed.where(is_of(pass_)).where(F.col("chunks")[0]["completion"].startswith("drop_doc"))
            copies = programs.orderBy(F.xxhash64("text_sha256")).limit(COPIES).select("text_sha256", "chunks")
            twin = F.regexp_extract(F.col("chunks")[0]["completion"], TWIN, 1)
            needed = copies.select("text_sha256").union(copies.select(twin))
            texts = catch_up.texts_before(lake, passes[:number]).join(needed, "text_sha256", "left_semi")
            by_hash = texts.select("text_sha256", "text").dropDuplicates(["text_sha256"])
            findings.append(similarity.misjudged(copies, by_hash, pass_, pass_.near_duplicates))
    return findings


def _sums(lake: Lake, number: int, tables: _Tables) -> list[str]:
    """Say which sums do not hold: outcomes and documents, and the counts that were entered when it was published."""
    counts = ledger.counted(tables.rows)
    rows = tables.rows.count()
    lines = []
    if rows != (total := sum(counts[name] for name in OUTCOMES)):
        lines.append(f"{rows} rows, but kept, edited, dropped, failed and not_run are {total}")
    if (documents := _expected(lake, number, tables.documents).count()) != rows:
        lines.append(f"{rows} rows for {documents} documents")
    entry = lake.read("runs").where(F.col("corpus_version") == number).select("counts").first()
    entered = json.loads(entry["counts"] or "{}") if entry is not None else {}
    lines += [
        f"{name} is {counts[name]}, runs says {entered[name]}"
        for name in counts
        if name in entered and entered[name] != counts[name]
    ]
    return lines


def _unreadable(error: Exception) -> dict[str, str] | None:
    """Give the finding of a file that could not be read; None for every other error."""
    text = "\n".join(map(str, (error, *causes(error))))
    if not UNREADABLE.search(text):
        return None
    path = PATH.search(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return {"check": "file", "key": path[1] if path else "unknown", "detail": lines[-1][:300]}
