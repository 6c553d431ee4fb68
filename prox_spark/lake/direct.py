"""A lake in a folder of this machine, read by this process alone: Delta's log by delta-rs, the rows by DuckDB.

Waking Spark up takes ten seconds; what a few rows tell need not wait for it. Whatever would not surely be the same as
in Spark is `OnlySparkError`, upon which the caller asks Spark.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql.types import StructType

from prox_spark.errors import LakeError
from prox_spark.lake import schema, views
from prox_spark.lake.commits import Change, Commit, Version
from prox_spark.lake.lineage import Entry, lineage, oldest_readable
from prox_spark.lake.location import absolute, check_folder, database_of, is_catalog_schema, is_uri
from prox_spark.lake.reading import ALL, ENTRIES, Asked
from prox_spark.lake.tables import LATE

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from duckdb import DuckDBPyConnection
    from sqlglot.expressions import Query

OWN_CLOCK = "delta.enableInCommitTimestamps"
"""A table with this property says itself when a version was made; others leave it to the time of the log's file."""


VIEWS = ("versions", "refined", "edits", "removed")
"""The views whose queries are known to mean the same to DuckDB."""


KINDS = {"VARCHAR": "text", "INTEGER": "number", "BIGINT": "number"}
"""DuckDB's types as `proven` tells them apart."""


class OnlySparkError(Exception):
    """Ask Spark: this cannot be read without it, or not surely to the same rows."""


@contextlib.contextmanager
def else_spark() -> Iterator[None]:
    """Turn what the reading libraries raise into `OnlySparkError`: Spark has the last word, and the message.

    Raises:
        OnlySparkError: A library is missing, or does not read what it is given.
    """
    try:
        import duckdb
        import pyarrow as pa
        import sqlglot
        from deltalake.exceptions import DeltaError
    except ImportError as error:
        raise OnlySparkError(str(error)) from error
    try:
        yield
    except (duckdb.Error, DeltaError, pa.ArrowException, sqlglot.errors.SqlglotError, OSError, ValueError) as error:
        raise OnlySparkError(str(error)) from error


class DirectLake:
    """A lake that is read without Spark.

    Attributes:
        location: As the user gave it: a folder.
        folder: The folder, absolute.
    """

    def __init__(self, location: str) -> None:
        """Open the lake at `location`.

        Raises:
            LakeError: The folder holds no lake.
            OnlySparkError: It is no folder of this machine, a table is missing or has other columns than ours, or a
                library is missing.
        """
        if is_catalog_schema(location) or is_uri(location):
            raise OnlySparkError(f"{location} is no folder of this machine")
        self.location = location
        self.folder = absolute(location)
        check_folder(self.folder, create=False)
        for table in schema.TABLES:
            if table not in LATE or self.exists(table):
                self._check_columns(table)

    def name(self, table: str) -> str:
        """Give the name that a table or view has in Spark."""
        return f"{database_of(self.folder)}.`{table}`"

    def exists(self, table: str) -> bool:
        """Say whether the table has a first version."""
        with else_spark():
            from deltalake import DeltaTable

            return DeltaTable.is_deltatable(f"{self.folder}/{table}")

    def versions(self, table: str) -> list[Version]:
        """List the versions that this package wrote, oldest first."""
        log = self._log(table) if self.exists(table) else []
        commits = ((number, at, Commit.from_json(entry.get("userMetadata"))) for number, at, entry in log)
        return [Version(number, _naive(at).isoformat(), commit) for number, at, commit in commits if commit is not None]

    def changes(self, table: str) -> tuple[Change, ...]:
        """List the Delta versions that the table's log still knows, oldest first."""
        return tuple(
            Change(number, at, entry["operation"], dict(entry.get("operationParameters") or {}))
            for number, at, entry in self._log(table)
        )

    def properties(self, table: str) -> dict[str, str]:
        """Give the properties that the table has set itself."""
        return dict(self._table(table).metadata().configuration)

    def entries(self) -> tuple[Entry, ...]:
        """Read what `runs` says of versions of the corpus, of ingests and of clean-ups."""
        return self._entries

    def rows(self, table: str, version: int | None = None, asked: Asked = ALL) -> list[dict[str, Any]]:
        """Give a few rows of a table or view, as dicts all the way down."""
        if table in schema.TABLES and not self.exists(table):
            return []
        return self.select(asked.query(self.name(table), version))

    def select(self, query: str) -> list[dict[str, Any]]:
        """Give the few rows of a query, as dicts all the way down."""
        from prox_spark.lake import dialect

        with else_spark():
            rows: list[dict[str, Any]] = _naive(self.answer(dialect.read(query)).to_pylist())
        return rows

    def answer(self, query: Query) -> pa.Table:
        """Give the rows of a query, which names this lake's tables and views, and no others."""
        from prox_spark.lake import dialect

        with else_spark():
            statement = dialect.written(query, self._relation)
            return self._connection.sql(statement).to_arrow_table()

    def kinds(self, table: str, version: int | None) -> dict[str, str]:
        """Give the columns of a table or view, each `text`, `number` or `other`."""
        from prox_spark.lake import dialect

        at = "" if version is None else f" VERSION AS OF {version}"
        with else_spark():
            about = self._connection.sql(dialect.written(dialect.read(f"SELECT * FROM {table}{at}"), self._relation))
        return {name: KINDS.get(str(kind), "other") for name, kind in zip(about.columns, about.types, strict=True)}

    # -- below: how it is done ---------------------------------------------------------------------------------------

    @functools.cached_property
    def _connection(self) -> DuckDBPyConnection:
        import duckdb

        # What does not fit into memory is Spark's: nothing is spilled into the folder that the user happens to be in.
        settings = {"max_temp_directory_size": "0MB", "enable_external_access": "false", "TimeZone": "UTC"}
        connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
        for key, value in settings.items():
            connection.execute(f"SET {key} = '{value}'")
        return connection

    @functools.cached_property
    def _entries(self) -> tuple[Entry, ...]:
        return tuple(map(Entry.of, self.rows("runs", asked=ENTRIES)))

    @functools.cached_property
    def _views(self) -> dict[str, str]:
        has_corpus, oldest = self.exists("corpus"), oldest_readable(self._entries)
        return dict(views.statements(self.name, lineage(self._entries), oldest=oldest, has_corpus=has_corpus))

    def _relation(self, table: str, version: int | None) -> str:
        """Give the query of a view, or the name under which DuckDB knows a table in a version."""
        if table in schema.TABLES:
            name = table if version is None else f"{table} {version}"
            self._connection.register(name, self._table(table, version).to_pyarrow_dataset())
            return name
        if version is None and table in VIEWS and table in self._views:
            return self._views[table]
        raise OnlySparkError(f"{table} is nothing that is read without Spark")

    def _table(self, table: str, version: int | None = None) -> DeltaTable:
        with else_spark():
            from deltalake import DeltaTable

            return DeltaTable(f"{self.folder}/{table}", version=version)

    def _check_columns(self, table: str) -> None:
        there = StructType.fromJson(json.loads(self._table(table).schema().to_json()))
        try:
            schema.require_columns(there, schema.TABLES[table])
        except LakeError as error:
            raise OnlySparkError(str(error)) from error

    def _log(self, table: str) -> list[tuple[int, datetime, dict[str, Any]]]:
        """Give the number of each commit, when it was made, and what it says of itself, oldest first."""
        with else_spark():
            if self.properties(table).get(OWN_CLOCK, "false") != "false":
                raise OnlySparkError(f"{table} has a clock of its own")
            entries = {int(entry["version"]): entry for entry in self._table(table).history()}
            files = (Path(self.folder) / table / "_delta_log").glob("[0-9]*.json")
            written = sorted((int(file.stem), file.stat().st_mtime_ns // 1_000_000) for file in files)
        if [number for number, _ in written] != sorted(entries):
            raise OnlySparkError(f"delta-rs does not know all commits of {table}")
        log, latest = [], -1
        for number, milliseconds in written:
            latest = max(milliseconds, latest + 1)  # as Delta: a later version is never earlier
            moment = datetime.fromtimestamp(latest // 1000, timezone.utc).replace(microsecond=latest % 1000 * 1000)
            log.append((number, moment, entries[number]))
        return log


def _naive(value: Any) -> Any:
    """Give moments as pyspark does, in the zone of this process and without saying so; all else stays."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone().replace(tzinfo=None)
    if isinstance(value, dict):
        return {key: _naive(item) for key, item in value.items()}
    return [_naive(item) for item in value] if isinstance(value, list) else value
