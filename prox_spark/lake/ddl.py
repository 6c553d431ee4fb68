"""The SQL that creates the tables of a lake, and the properties that they are created with."""

from __future__ import annotations

from prox_spark.lake import schema

# Time travel lasts as long as the log and the removed files do; Delta's defaults are 30 and 7 days.
RETENTION = "interval 3650 days"
PROPERTIES = {
    "delta.logRetentionDuration": RETENTION,
    "delta.deletedFileRetentionDuration": RETENTION,
    "delta.checkpointInterval": "50",
    # A row that is removed must leave its file, and not be marked in it: `forget` is a promise about bytes.
    "delta.enableDeletionVectors": "false",
}

STATISTICS = {
    "documents": "shard,ingest_run_id",
    "programs": "run_id",
    "signatures": "run_id",
    "corpus": "run_id,outcome",
    "runs": "run_id,command,corpus_version",
    "quarantine": "run_id",
}
"""Columns whose least and greatest values Delta keeps in its log: those that a query can skip files by.

By default it keeps those of `text` and `metadata` too, which costs time and leaves the beginnings of texts in a log
that no purge reaches.
"""


def properties(table: str) -> dict[str, str]:
    """Give the Delta properties that a table is created with."""
    return {**PROPERTIES, "delta.dataSkippingStatsColumns": STATISTICS[table]}


def create(table: str, *, name: str, folder: str | None) -> str:
    """Write the statement that creates a table.

    Args:
        table: One of `schema.TABLES`.
        name: Its qualified, quoted name.
        folder: The lake's folder or URI; None where the catalog chooses the place.
    """
    columns = ", ".join(
        f"`{field.name}` {field.dataType.simpleString()} COMMENT {_text(schema.COMMENTS[table][field.name])}"
        for field in schema.TABLES[table]
    )
    keys = ", ".join(schema.PARTITIONS[table])
    pairs = ", ".join(f"'{key}' = '{value}'" for key, value in properties(table).items())
    partitions = f" PARTITIONED BY ({keys})" if keys else ""
    place = "" if folder is None else _location(folder, table)
    about = f"COMMENT {_text(schema.ABOUT[table])}"
    return (
        f"CREATE TABLE IF NOT EXISTS {name} ({columns}) USING delta{partitions}{place} {about} TBLPROPERTIES ({pairs})"
    )


def register(table: str, *, name: str, folder: str) -> str:
    """Write the statement that names a table which is in its folder already.

    >>> register("corpus", name="`a`.`b`.`corpus`", folder="/it's/lake")
    "CREATE TABLE IF NOT EXISTS `a`.`b`.`corpus` USING delta LOCATION '/it\\\\'s/lake/corpus'"
    """
    return f"CREATE TABLE IF NOT EXISTS {name} USING delta{_location(folder, table)}"


def _text(value: str) -> str:
    """Write a string literal of SQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _location(folder: str, table: str) -> str:
    return f" LOCATION {_text(f'{folder}/{table}')}"
