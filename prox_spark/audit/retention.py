"""Until when each version of a table can be read, from Delta's own history: retention, and what VACUUM has removed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from prox_spark.lake.commits import Change
from prox_spark.lake.reading import ReadableLake

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}
DEFAULTS = {"delta.logRetentionDuration": "interval 30 days", "delta.deletedFileRetentionDuration": "interval 7 days"}


@dataclass(frozen=True, slots=True)
class Retention:
    """What decides how far back a table can be read.

    Attributes:
        changes: The Delta versions that its log still knows, oldest first.
        log: How long the log of a version is kept.
        files: How long a file is kept after the version that removed it.
    """

    changes: tuple[Change, ...]
    log: timedelta
    files: timedelta

    def until(self, version: int) -> datetime | None:
        """Say until when a version can be read: None for the newest; a moment in the past for one that is gone."""
        after = [change for change in self.changes if change.version > version and not _is_vacuum(change)]
        if not after:
            return None
        mine = next((change for change in self.changes if change.version == version), None)
        if mine is None:
            return datetime.fromtimestamp(0, timezone.utc)
        replaced = after[0].at
        for change in self.changes:
            kept = _vacuum_kept(change, self.files)
            if kept is not None and replaced <= change.at - kept:
                return change.at
        return min(mine.at + self.log, replaced + self.files)

    def is_readable(self, version: int) -> bool:
        """Say whether a version can be read now."""
        until = self.until(version)
        return until is None or until > datetime.now(timezone.utc)

    def readable(self, versions: Sequence[int]) -> list[int]:
        """Give those of some versions that can be read now."""
        return [version for version in versions if self.is_readable(version)]


def retention(lake: ReadableLake, table: str) -> Retention:
    """Read a table's history and its retention."""
    properties = DEFAULTS | lake.properties(table)
    log, files = (interval(properties[key]) for key in DEFAULTS)
    return Retention(lake.changes(table), log, files)


def interval(text: str) -> timedelta:
    """Read an interval as Delta's properties write it.

    >>> interval("interval 1 week 2 days"), interval("30 days")
    (datetime.timedelta(days=9), datetime.timedelta(days=30))
    """
    parts = re.findall(r"(\d+)\s+([a-z]+?)s?\b", text.lower())
    return timedelta(seconds=sum(int(number) * UNITS.get(unit, 0) for number, unit in parts))


def _is_vacuum(change: Change) -> bool:
    return change.operation.startswith("VACUUM")


def _vacuum_kept(change: Change, files: timedelta) -> timedelta | None:
    """Give for how long a VACUUM kept removed files; None for other operations."""
    if change.operation != "VACUUM START":
        return None
    default, specified = (change.parameters.get(f"{name}RetentionMillis") for name in ("default", "specified"))
    # From Delta 4.4 on only 0 counts of what is said, before it any number. The shorter one is safe to assume.
    known = [int(value) for value in (default, specified) if value and value.isdigit()]
    return timedelta(milliseconds=min(known)) if known else files
