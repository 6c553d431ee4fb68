"""Take documents out of a lake for good: out of the tables at once, out of their old versions by retention or purge."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from prox_spark.audit import decisions
from prox_spark.audit.maintain import vacuum
from prox_spark.audit.retention import retention
from prox_spark.audit.tags import tags, untag
from prox_spark.errors import UserError
from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.lineage import Entry, lineage
from prox_spark.lake.rows import unrefined
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain, PastPass
from prox_spark.pipeline import catch_up
from prox_spark.pipeline.recovery import recover
from prox_spark.spark.settings import as_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

IDS, HASHES = "prox_spark_forgotten_ids", "prox_spark_forgotten_hashes"
PROGRAMS, ROWS = "prox_spark_outdated_programs", "prox_spark_outdated_rows"
TABLES = ("programs", "signatures", "documents", "corpus")
"""The tables that documents are taken out of, in the order in which it is done."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """The time until which old versions of a table that hold the documents can be read; None: not any more."""

    table: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ForgetSummary:
    """What was forgotten, counted.

    Attributes:
        run_id: The run.
        asked: Ids that were given.
        documents: Of these, documents that were in the lake.
        programs: Programs that were removed with them; those of a text that another document has stay.
        version: The version of the corpus without them; None when it held none of them.
        remains: Per table, until when its old versions can be read.
        untagged: Tags that were removed because a purge took their versions.
        seconds: Wall time.
        returned: Documents that were dropped as copies of forgotten ones, and stand before the passes again.
    """

    run_id: str
    asked: int
    documents: int
    programs: int
    version: int | None
    remains: tuple[Remainder, ...]
    untagged: tuple[str, ...]
    seconds: float
    returned: int = 0


def read_ids(lines: Sequence[str]) -> tuple[str, ...]:
    """Read document ids, one a line; blank lines and what stands behind a # are left out.

    >>> read_ids(["# taken down", "0" * 64 + "  # a page", ""]) == ("0" * 64,)
    True

    Raises:
        UserError: A line is no id, or there is none.
    """
    ids: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        given = line.split("#", 1)[0].strip()
        if given and not re.fullmatch(r"[0-9a-f]{64}", given):
            raise UserError(f"line {number} is no document id (64 hex digits): {given[:80]!r}")
        if given:
            ids[given] = None
    if not ids:
        raise UserError("there are no ids to forget: give one document id (column doc_id) a line")
    return tuple(ids)


def forget(lake: Lake, ids: Sequence[str], *, now: bool = False, drop_tags: bool = False) -> ForgetSummary:
    """Remove documents from every table; their old versions go after the retention, or `now`.

    Args:
        lake: The lake.
        ids: Full document ids.
        now: Purge: no version before this one can be read afterwards.
        drop_tags: Let a purge take tagged versions with it.

    Raises:
        UserError: A purge would take tagged versions.
        RunError: Another command wrote at the same time; run the command again.
    """
    known = tags(lake)
    if now and known and not drop_tags:
        raise UserError(
            f"a purge makes every version up to now unreadable, and tags name some: {', '.join(known)}; "
            "add --drop-tags if they may go"
        )
    recover(lake)
    run = Run.start("forget", conf=json.dumps({"ids": len(ids), "now": now}), passes=Chain())
    with _views(lake, ids):
        documents = lake.read("documents").join(lake.spark.table(IDS), "doc_id", "left_semi").count()
        programs = lake.read("programs").join(lake.spark.table(HASHES), "text_sha256", "left_semi").count()
        written = {
            "programs": _change_programs(lake, run),
            "signatures": _remove(lake, "signatures", HASHES, "text_sha256", run),
            "documents": _remove(lake, "documents", IDS, "doc_id", run),
        }
        # Last: what is left half done by a kill must not look like documents that were never published.
        written["corpus"], returned = _change_corpus(lake, run)
    version = written["corpus"]
    untagged = tuple(known) if now else ()
    for name in untagged:
        untag(lake, name)
    purged = {}
    if now:
        version = _purge_deleted_rows(lake, run) or version
        purged = {"readable_from": _purge(lake)}
    counts = {"documents": documents, "programs": programs} | ({"returned": returned} if returned else {})
    columns = {"corpus_version": version} if version is not None else {}
    if version is not None:
        counts |= ledger.outcome_counts(lake, version)
    versions = {table: number for table, number in written.items() if number is not None}
    ledger.record(lake, run, counts=counts | purged, versions_written=versions, **columns)
    remains = tuple(Remainder(table, None if now else _until(lake, table)) for table in TABLES if lake.exists(table))
    return ForgetSummary(run.run_id, len(ids), documents, programs, version, remains, untagged, run.seconds, returned)


@contextmanager
def _views(lake: Lake, ids: Sequence[str]) -> Iterator[None]:
    """Name the ids, and the texts that go with them, for as long as the statements need them."""
    one = StructType([StructField("doc_id", StringType())])
    wanted = lake.spark.createDataFrame([(value,) for value in ids], one)
    wanted.createOrReplaceTempView(IDS)
    # Collected, because what they are computed from is about to change.
    hashes = [(row[0],) for row in _texts(lake, wanted).collect()]
    kind = StructType([StructField("text_sha256", StringType())])
    lake.spark.createDataFrame(hashes, kind).createOrReplaceTempView(HASHES)
    try:
        yield
    finally:
        for view in (IDS, HASHES, PROGRAMS, ROWS):
            lake.spark.catalog.dropTempView(view)


def _texts(lake: Lake, wanted: DataFrame) -> DataFrame:
    """Give the hashes of all texts that the documents ever had, and that no other document has or came from.

    A text that another document had in a version which the newest one does not stand on is not kept for it.
    """
    versions = retention(lake, "corpus").readable([made.version for made in lake.versions("corpus")])
    entries = lake.entries()
    current = {*versions[-1:], *(published.version for published in lineage(entries))}
    documents = lake.read("documents")
    # Old versions still have documents that were forgotten before.
    staying = documents.join(wanted, "doc_id", "left_anti")
    mine = others = documents.select("text_sha256").limit(0)
    corpora = ((lake.read("corpus", version), version in current) for version in versions)
    for frame, stands in ((documents, True), *corpora):
        keyed = frame.where("text_sha256 IS NOT NULL").select("doc_id", "text_sha256")
        mine = mine.union(keyed.join(wanted, "doc_id", "left_semi").select("text_sha256"))
        if stands:
            others = others.union(keyed.join(staying, "doc_id", "left_semi").select("text_sha256"))
    if chains := _edits_between(lake, entries):
        unseen = _texts_between(lake, chains, documents.join(wanted, "doc_id", "left_semi"))
        between = as_rows(unseen.join(mine, "text_sha256", "left_anti").distinct())
        if not between.isEmpty():  # else there is no need to compute those of all other documents
            mine = mine.union(between)
            others = others.union(_texts_between(lake, chains, staying))
    return mine.distinct().join(others.distinct(), "text_sha256", "left_anti")


def _edits_between(lake: Lake, entries: Sequence[Entry]) -> list[tuple[PastPass, ...]]:
    """List the passes, up to one that edits, whose texts another pass has read, in a version or not.

    One apply may take documents through two passes that edit: the text between the two is in no version.
    """
    refined = (
        lake.read("runs").select(F.get_json_object("conf", "$.behind").alias("behind")).where("behind IS NOT NULL")
    )
    behind = {Chain.from_json(row["behind"]) for row in refined.distinct().collect()}
    ends = {*behind, *(Chain(entry.passes.keys[:-1]) for entry in entries)}
    beginnings = {chain.keys[:end] for chain in ends for end in range(1, len(chain) + 1)}
    chains = (Chain(keys).passes() for keys in sorted(beginnings))
    return [chain for chain in chains if chain[-1].level != "document"]


def _texts_between(lake: Lake, chains: Sequence[Sequence[PastPass]], documents: DataFrame) -> DataFrame:
    frames = (catch_up.texts_after(lake, chain, documents).select("text_sha256") for chain in chains)
    return reduce(lambda one, other: one.union(other), frames)


def _remove(lake: Lake, table: str, view: str, column: str, run: Run) -> int | None:
    before = lake.newest(table)
    if before is None or lake.read(table).join(lake.spark.table(view), column, "left_semi").isEmpty():
        return None
    statement = (
        f"MERGE INTO {lake.name(table)} AS t USING {view} AS f ON t.{column} = f.{column} WHEN MATCHED THEN DELETE"
    )
    return lake.change(table, statement, run.commit(), after=before)


def _change_programs(lake: Lake, run: Run) -> int | None:
    """Remove the programs of the texts, and the decisions that they were what others were copies of."""
    if not decisions.are_there(lake):
        return _remove(lake, "programs", HASHES, "text_sha256", run)
    gone = lake.spark.table(HASHES)
    outdated = decisions.outdated(lake, lake.spark.table(IDS), gone)
    outdated.unionByName(gone, allowMissingColumns=True).createOrReplaceTempView(PROGRAMS)
    before = lake.newest("programs")
    if before is None or lake.spark.table(PROGRAMS).isEmpty():
        return None
    same_pass = "t.pass_name = f.pass_name AND t.fingerprint = f.fingerprint"
    statement = (
        f"MERGE INTO {lake.name('programs')} AS t USING {PROGRAMS} AS f "
        f"ON t.text_sha256 = f.text_sha256 AND (f.fingerprint IS NULL OR ({same_pass})) "
        "WHEN MATCHED AND f.chunks IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET chunks = f.chunks"
    )
    return lake.change("programs", statement, run.commit(), after=before)


def _change_corpus(lake: Lake, run: Run) -> tuple[int | None, int]:
    """Remove the rows of the documents; put those back that were dropped as copies of them. Give how many these are."""
    before = lake.newest("corpus")
    if before is None:
        return None, 0
    if not decisions.are_there(lake):
        return _remove(lake, "corpus", IDS, "doc_id", run), 0
    let_go = decisions.returning(lake, lake.read("corpus"))
    returning = as_rows(let_go.join(lake.spark.table(IDS), "doc_id", "left_anti"))
    if not (returned := returning.count()):
        return _remove(lake, "corpus", IDS, "doc_id", run), 0
    back = unrefined(lake.read("documents").join(returning, "doc_id", "left_semi"))
    rows = back.unionByName(lake.spark.table(IDS).withColumn("is_forgotten", F.lit(True)), allowMissingColumns=True)
    rows.createOrReplaceTempView(ROWS)
    columns = ", ".join(f"t.`{name}` = f.`{name}`" for name in back.columns)
    statement = (
        f"MERGE INTO {lake.name('corpus')} AS t USING {ROWS} AS f ON t.doc_id = f.doc_id "
        f"WHEN MATCHED AND f.is_forgotten THEN DELETE WHEN MATCHED THEN UPDATE SET {columns}"
    )
    return lake.change("corpus", statement, run.commit(), after=before), returned


def _purge_deleted_rows(lake: Lake, run: Run) -> int | None:
    """Write the files anew whose rows are only marked as deleted, and give the version of the corpus that this made.

    Where a table has deletion vectors, a removed row stays in its file, which the newest version goes on reading, so
    that no VACUUM takes it. The tables of a lake are made without them; a platform or a user may have switched them on.
    """
    versions = {}
    for table in TABLES:
        newest = lake.newest(table)
        if newest is not None:
            statement = f"REORG TABLE {lake.name(table)} APPLY (PURGE)"
            versions[table] = lake.change(table, statement, run.commit(), after=newest)
    return versions.get("corpus")


def _purge(lake: Lake) -> int:
    """Remove every file that the newest versions do not need, and give the oldest version of the corpus left."""
    newest = lake.newest("corpus") or 0
    for table in filter(lake.exists, (*TABLES, "quarantine")):
        vacuum(lake, table, hours=0)
    return newest


def _until(lake: Lake, table: str) -> datetime | None:
    kept = retention(lake, table)
    moments = [kept.until(change.version) for change in kept.changes]
    return max((moment for moment in moments if moment is not None), default=None)
