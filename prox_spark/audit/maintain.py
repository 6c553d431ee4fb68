"""Upkeep: compact small files, remove old ones, and never one that a tag or the newest version still needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from math import ceil

from prox_spark.audit.retention import DEFAULTS, Retention, interval, retention
from prox_spark.audit.tags import tags
from prox_spark.errors import UserError
from prox_spark.lake import ledger
from prox_spark.lake.ddl import RETENTION
from prox_spark.lake.ledger import Run
from prox_spark.lake.lineage import lineage
from prox_spark.lake.reading import ReadableLake
from prox_spark.lake.tables import Lake
from prox_spark.spark.session import parallelism
from prox_spark.spark.settings import changed

TABLES = ("documents", "programs", "signatures", "corpus", "quarantine")
LEAST_DAYS = 7
"""Readers and writers that are at work may still need files that were replaced a moment ago."""

SOON = timedelta(days=30)
SMALL_FILE, TARGET_FILE = 32 * 2**20, 128 * 2**20


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The upkeep of one table.

    Attributes:
        table: The table.
        compacted: Small files that were written again as larger ones.
        removed: Old files that were removed, or with a dry run would be.
        kept_hours: Files replaced later than so many hours ago were kept.
        log_days: How long Delta keeps the log of a version.
        file_days: How long Delta keeps replaced files, where nobody asks for less.
    """

    table: str
    compacted: int
    removed: int
    kept_hours: int
    log_days: int
    file_days: int


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The upkeep of all tables, and what it means for old versions.

    Attributes:
        run_id: The run.
        tables: What was done to each table.
        needed: Versions of the corpus whose files were kept whatever their age, with why: their tags, or `edits`.
        readable_from: The oldest version of the corpus from which on all can be read.
        warnings: Versions that are needed and will soon expire, one line each.
        seconds: Wall time.
    """

    run_id: str
    tables: tuple[Upkeep, ...]
    needed: dict[int, str]
    readable_from: int
    warnings: tuple[str, ...]
    seconds: float


def maintain(
    lake: Lake, *, keep_days: int | None = None, dry_run: bool = False, least_days: int = LEAST_DAYS
) -> Maintenance:
    """Compact the tables and remove the files that no needed version reads.

    Args:
        lake: The lake.
        keep_days: Remove files that were replaced longer ago than this; None keeps to the tables' own retention.
        dry_run: Change nothing; count the files that would be removed.
        least_days: The shortest that `keep_days` may be; below a week only where nothing else is at work.

    Raises:
        UserError: `keep_days` is too short.
    """
    if keep_days is not None and keep_days < least_days:
        raise UserError(
            f"--keep-days must be at least {least_days}, got {keep_days}: commands at work still read what was replaced"
        )
    run = Run.start("maintain", conf=json.dumps({"keep_days": keep_days}))
    there = [table for table in TABLES if lake.exists(table)]
    wanted = needed(lake)
    done = tuple(_keep_up(lake, table, wanted, keep_days, dry_run=dry_run) for table in there)
    oldest = _readable_from(lake)
    if not dry_run:
        ledger.record(lake, run, counts={"readable_from": oldest, "removed": sum(item.removed for item in done)})
    return Maintenance(run.run_id, done, wanted, oldest, expiring(lake), run.seconds)


def needed(lake: ReadableLake) -> dict[int, str]:
    """Give the versions of the corpus that must stay readable, and why."""
    if not lake.exists("corpus"):
        return {}
    kept = retention(lake, "corpus")
    reasons: dict[int, list[str]] = {}
    for name, version in tags(lake).items():
        reasons.setdefault(version, []).append(f"tag {name}")
    for made in lineage(lake.entries()):
        reasons.setdefault(made.version, []).append(f"edits of pass {made.pass_name}")
    return {version: ", ".join(why) for version, why in sorted(reasons.items()) if kept.is_readable(version)}


def expiring(lake: ReadableLake, within: timedelta = SOON) -> tuple[str, ...]:
    """Warn of needed versions that Delta's own retention will let go soon."""
    if not lake.exists("corpus"):
        return ()
    kept = retention(lake, "corpus")
    horizon = datetime.now(timezone.utc) + within
    lines = []
    for version, why in needed(lake).items():
        until = kept.until(version)
        if until is not None and until < horizon:
            lines.append(
                f"version {version} ({why}) can be read until {until:%Y-%m-%d} only: raise {' and '.join(DEFAULTS)} of "
                f"{lake.name('corpus')} with ALTER TABLE … SET TBLPROPERTIES"
            )
    return tuple(lines)


def vacuum(lake: Lake, table: str, *, hours: int, dry_run: bool = False) -> int:
    """Remove the files that were replaced more than `hours` ago, and give their number."""
    statement = f"VACUUM {lake.name(table)} RETAIN {hours} HOURS"
    with changed(lake.spark, _vacuum_settings(lake)), _kept_for(lake, table, hours, dry_run=dry_run):
        if dry_run:
            listed = lake.spark.sql(f"{statement} DRY RUN").toLocalIterator()
            return sum(1 for row in listed if str(row[0]).endswith(".parquet"))
        lake.spark.sql(statement)
    ends = lake.spark.sql(f"DESCRIBE HISTORY {lake.name(table)} LIMIT 5").where("operation = 'VACUUM END'")
    end = ends.orderBy("version", ascending=False).select("operationMetrics").first()
    return int(end[0].get("numDeletedFiles", 0)) if end is not None else 0


@contextmanager
def _kept_for(lake: Lake, table: str, hours: int, *, dry_run: bool) -> Iterator[None]:
    """Have the table keep replaced files for `hours` inside the block, and as long as before it afterwards.

    From Delta 4.4 on VACUUM takes its retention from this property only, unless it is 0. It is put back, because the
    guards are for this moment: whoever vacuums in a year's time without them must not take what a tag still needs.
    """
    log, key = DEFAULTS
    own = lake.properties(table)
    before = {name: own.get(name, default) for name, default in DEFAULTS.items()}
    change = hours > 0 and not dry_run and interval(before[key]) != timedelta(hours=hours)
    if change:  # both at once: Delta compares the two, and takes one that a statement leaves out for its default
        longest = max(hours, _hours(interval(before[log])))
        _set(lake, table, {log: f"interval {longest} hours", key: f"interval {hours} hours"})
    try:
        yield
    finally:
        if change:
            _set(lake, table, before)


def _hours(length: timedelta) -> int:
    return ceil(length.total_seconds() / 3600)


def _vacuum_settings(lake: Lake) -> dict[str, str]:
    return {
        # Delta refuses to keep files for less time than the table says; the guards here are what is asked instead.
        "spark.databricks.delta.retentionDurationCheck.enabled": "false",
        # On S3 Delta leaves VACUUM out of the history, which is what tells later until when a version can be read.
        "spark.databricks.delta.vacuum.logging.enabled": "true",
        # VACUUM lists folders in so many tasks, whatever there is to list; the default of 10,000 takes minutes.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": str(4 * parallelism(lake.spark)),
    }


def _keep_up(lake: Lake, table: str, wanted: dict[int, str], keep_days: int | None, *, dry_run: bool) -> Upkeep:
    kept = retention(lake, table)
    hours = _hours(kept.files if keep_days is None else timedelta(days=keep_days))
    if table == "corpus":
        hours = max(hours, _hours_for(kept, list(wanted)))
    compacted = 0 if dry_run else _compact(lake, table)
    if not dry_run:
        _set_retention(lake, table)
    removed = vacuum(lake, table, hours=hours, dry_run=dry_run)
    return Upkeep(table, compacted, removed, hours, kept.log.days, kept.files.days)


def _hours_for(kept: Retention, versions: list[int]) -> int:
    """Give the hours for which replaced files have to be kept so that all of `versions` stay readable.

    A file of a version is replaced by the next version at the earliest; one hour more is for clocks that differ.
    """
    now = datetime.now(timezone.utc)
    after = [next((change.at for change in kept.changes if change.version > version), now) for version in versions]
    return max((_hours(now - moment) + 1 for moment in after), default=0)


def _compact(lake: Lake, table: str) -> int:
    # Only small files are touched: `documents` is ordered by shard, and merging its large files would mix them.
    keys = {
        "spark.databricks.delta.optimize.minFileSize": str(SMALL_FILE),
        "spark.databricks.delta.optimize.maxFileSize": str(TARGET_FILE),
    }
    with changed(lake.spark, keys):
        result = lake.spark.sql(f"OPTIMIZE {lake.name(table)}").select("metrics.numFilesRemoved").first()
    return 0 if result is None else int(result[0] or 0)


def _set_retention(lake: Lake, table: str) -> None:
    if missing := dict.fromkeys(DEFAULTS.keys() - lake.properties(table).keys(), RETENTION):
        _set(lake, table, missing)


def _set(lake: Lake, table: str, wanted: dict[str, str]) -> None:
    listed = ", ".join(f"'{key}' = '{value}'" for key, value in wanted.items())
    lake.spark.sql(f"ALTER TABLE {lake.name(table)} SET TBLPROPERTIES ({listed})")


def _readable_from(lake: Lake) -> int:
    """Give the oldest version of the corpus from which on all versions can be read."""
    numbers = [made.version for made in lake.versions("corpus")]
    kept = retention(lake, "corpus") if numbers else None
    oldest = numbers[-1] if numbers else 0
    for number in reversed(numbers):
        if kept is None or not kept.is_readable(number):
            break
        oldest = number
    return oldest
