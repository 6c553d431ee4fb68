"""The lake: its Delta tables, how they are created, named in SQL, read and written, one commit at a time.

A lake is a folder (`./lake`, `s3://bucket/lake`) or a schema of a catalog (`main.corpora`). In both cases its tables
have names in SQL, so that `SELECT … FROM corpus VERSION AS OF 1` works: a folder's tables are registered, at their
place, in a database of the session's catalog that is named after the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from prox_spark.errors import LakeError, RunError
from prox_spark.lake import schema, views

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
CATALOG_SCHEMA = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

# Time travel lasts as long as the log and the removed files do; Delta's defaults are 30 and 7 days.
RETENTION = "interval 3650 days"
PROPERTIES = {
    "delta.logRetentionDuration": RETENTION,
    "delta.deletedFileRetentionDuration": RETENTION,
    "delta.checkpointInterval": "50",
}

STATISTICS = {
    "documents": "shard,ingest_run_id",
    "programs": "run_id",
    "corpus": "run_id,outcome",
    "runs": "run_id,command,corpus_version",
    "quarantine": "run_id",
}
"""Columns whose least and greatest values Delta keeps in its log: those that a query can skip files by.

By default it keeps those of `text` and `metadata` too, which costs time and leaves the beginnings of texts in a log
that no purge reaches.
"""

BUSY = "another command wrote to the lake while this one worked; nothing was written, run the command again"


@dataclass(frozen=True, slots=True)
class Commit:
    """Say who commits and why; stored as the `userMetadata` of the Delta version.

    Attributes:
        run_id: The command that writes.
        command: `ingest`, `refine`, `apply`, …
        pass_name: The pass, None outside one.
        wave: 0-based wave of a refine; 0 elsewhere.
        passes: JSON list of the passes that the corpus has gone through after this commit, in order.
        conf: The settings that decide its result, as JSON; what `runs` says of them if the command is killed.
    """

    run_id: str
    command: str
    pass_name: str | None = None
    wave: int = 0
    passes: str | None = None
    conf: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """Hold one version of a table that this package wrote."""

    version: int
    timestamp: str
    commit: Commit


@dataclass(frozen=True)
class Lake:
    """Hold one lake: its session, its place, and the database that names its tables.

    Attributes:
        spark: The session.
        location: As the user gave it: a folder or `catalog.schema`.
        database: Quoted name of the schema that holds the tables, ready for SQL.
        folder: Absolute folder or URI; None for a lake in a catalog.
    """

    spark: SparkSession
    location: str
    database: str
    folder: str | None

    @classmethod
    def open(cls, spark: SparkSession, location: str, *, create: bool = True) -> Lake:
        """Open the lake at `location`, and create its tables where they are missing.

        Args:
            spark: A session with Delta.
            location: A folder (path or URI) or `catalog.schema`.
            create: False refuses a lake that is not there yet.

        Raises:
            LakeError: The place holds something else, cannot be written, or (without `create`) holds no lake.
        """
        if is_catalog_schema(location):
            catalog, database = location.split(".")
            lake = cls(spark, location, f"`{catalog}`.`{database}`", None)
            lake._create_database(create=create)
            lake = replace(lake, folder=_forgetful_place(spark, location))
        else:
            folder = absolute(location)
            _check_folder(folder, create=create)
            lake = cls(spark, location, _database(folder), folder)
            lake._create_database(create=True)
        with lake._explained("open"):
            lake._create_tables()
            lake._name_corpus()
            if lake.exists("corpus"):
                lake._check_columns("corpus")
            views.create(lake)
        return lake

    def name(self, table: str) -> str:
        """Give the qualified, quoted name of a table or view."""
        return f"{self.database}.`{table}`"

    def exists(self, table: str) -> bool:
        """Say whether the table has a first version."""
        return self.spark.catalog.tableExists(self.name(table))

    def read(self, table: str, version: int | None = None) -> DataFrame:
        """Read a table, as it is now or as it was at a version; an unpublished corpus reads as empty."""
        if table == "corpus" and not self.exists(table):
            return self.spark.createDataFrame([], schema.CORPUS)
        if version is None:
            return self.spark.table(self.name(table))
        return self.spark.sql(f"SELECT * FROM {self.name(table)} VERSION AS OF {int(version)}")

    def count(self, table: str) -> int:
        """Count the rows of a table; Delta answers from its log, no file is read."""
        return self.read(table).count()

    def version(self, table: str) -> int | None:
        """Give the number of the newest version, None before the first."""
        if not self.exists(table):
            return None
        row = self.spark.sql(f"DESCRIBE HISTORY {self.name(table)} LIMIT 1").select("version").first()
        return None if row is None else int(row[0])

    def newest(self, table: str) -> int:
        """Give the number of the newest version, -1 before the first: what `append_after` wants to know."""
        version = self.version(table)
        return -1 if version is None else version

    def versions(self, table: str, *, after: int = -1) -> list[Version]:
        """List the versions that this package wrote, oldest first; maintenance commits are not among them.

        Args:
            table: The table.
            after: Only versions with a greater number.
        """
        if not self.exists(table):
            return []
        found = []
        for row in reversed(self._history(table, after)):
            commit = _commit(row["userMetadata"])
            if commit is not None:
                found.append(Version(int(row["version"]), row["timestamp"].isoformat(), commit))
        return found

    def append(self, table: str, frame: DataFrame, commit: Commit) -> None:
        """Append `frame` in one commit; the same commit again is a no-op.

        Raises:
            LakeError: The lake cannot be written.
        """
        self._write(table, frame, commit, f"prox_spark.{commit.run_id}", commit.wave)

    def append_after(self, table: str, frame: DataFrame, commit: Commit, *, after: int) -> int:
        """Append rows that were computed from version `after` of the table, and give the version they made.

        Args:
            table: The table.
            frame: Rows with exactly the table's columns.
            commit: Who writes.
            after: Version that the rows were computed from, -1 before the first. Whoever wrote the table since then
                in this way makes this write fail instead of doubling or losing rows.

        Raises:
            RunError: Another command wrote in between; nothing was written, run the command again.
            LakeError: The lake cannot be written.
        """
        self._write(table, frame, commit, f"prox_spark.{table}", after + 1)
        return self._written(table, commit, after=after)

    def replace(self, frame: DataFrame, commit: Commit, *, where: str, after: int) -> int:
        """Replace the corpus rows that match `where` (a predicate on its partitions) in one commit.

        Raises:
            RunError: Another command wrote `corpus` since version `after`; nothing was written.
        """
        self._write("corpus", frame, commit, "prox_spark.corpus", after + 1, where=where)
        return self._written("corpus", commit, after=after)

    def change(self, table: str, statement: str, commit: Commit, *, after: int) -> int | None:
        """Run one statement that removes or changes rows, as a commit of ours.

        Args:
            table: The table that the statement writes.
            statement: MERGE, DELETE or UPDATE, with qualified names.
            commit: Who writes.
            after: Version that the statement was made for.

        Returns:
            The version it made; None where it found nothing to change.

        Raises:
            RunError: Another command wrote the table since `after`; nothing was changed.
        """
        if self.version(table) != after:
            raise RunError(BUSY)
        transaction = {"txnAppId": f"prox_spark.{table}", "txnVersion": str(after + 1)}
        keys = {f"spark.databricks.delta.write.{name}": value for name, value in transaction.items()}
        with self._explained("write"), self._metadata(commit):
            try:
                for key, value in keys.items():
                    self.spark.conf.set(key, value)
                self.spark.sql(statement)
            finally:
                for key in keys:
                    self.spark.conf.unset(key)
        return next((made.version for made in self.versions(table, after=after) if made.commit == commit), None)

    def sql(self, query: str) -> DataFrame:
        """Run a query in which the lake's tables and views go by their plain names.

        Over Spark Connect the session stays in the lake's schema afterwards, as names are looked up when rows are read.
        """
        if not hasattr(self.spark, "_jvm"):
            self.spark.sql(f"USE {self.database}")
            return self.spark.sql(query)
        with self._current():
            return self.spark.sql(query)

    # -- below: how it is done ---------------------------------------------------------------------------------------

    def _write(
        self, table: str, frame: DataFrame, commit: Commit, owner: str, transaction: int, where: str | None = None
    ) -> None:
        if hasattr(self.spark, "_jvm"):
            # Spark Connect 4.0 caches a plan that was analysed, and forgets the observation in it: its writes report
            # nothing then. Delta compares the columns as well.
            schema.require(frame, schema.TABLES[table])
        is_new = not self.exists(table)
        writer = (
            frame.select(*schema.TABLES[table].fieldNames())
            .write.format("delta")
            .mode("append" if where is None else "overwrite")
            .option("txnAppId", owner)
            .option("txnVersion", transaction)
        )
        if is_new:  # only the corpus: its version 0 is the first ingest, so it cannot be created empty
            writer = writer.partitionBy(*schema.PARTITIONS[table]).options(**_properties(table))
        if where is not None:
            writer = writer.option("replaceWhere", where)
        with self._explained("write"), self._metadata(commit):
            if self.folder is None:
                writer.saveAsTable(self.name(table))
            else:
                writer.save(f"{self.folder}/{table}")
        if is_new:
            self._name_corpus()

    def _written(self, table: str, commit: Commit, *, after: int) -> int:
        for version in reversed(self.versions(table, after=after)):
            if version.commit == commit:
                return version.version
        raise RunError(BUSY)

    def _history(self, table: str, after: int) -> list[Row]:
        """Give the commits with a greater number than `after`, newest first; mostly one query of a few rows."""
        limit = 16
        while True:
            history = self.spark.sql(f"DESCRIBE HISTORY {self.name(table)} LIMIT {limit}")
            rows = history.select("version", "timestamp", "userMetadata").collect()
            if len(rows) < limit or rows[-1]["version"] <= after + 1:
                return [row for row in rows if row["version"] > after]
            limit *= 16

    def _create_database(self, *, create: bool) -> None:
        with self._explained("open"):
            if self.spark.catalog.databaseExists(self.database):
                return
            self.spark.sql(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        place = _forgetful_place(self.spark, self.location) if self.folder is None else None
        if not create and not (place and os.path.isdir(place)):
            self.spark.sql(f"DROP DATABASE IF EXISTS {self.database}")
            raise LakeError(f"there is no schema {self.location}; ingest something first, or check --lake")

    def _create_tables(self) -> None:
        # Tables are created by DDL before their first row, so that a killed first write leaves a table behind.
        for table in ("documents", "programs", "runs", "quarantine"):
            if not self.exists(table):
                columns = ", ".join(f"`{f.name}` {f.dataType.simpleString()}" for f in schema.TABLES[table])
                keys = ", ".join(schema.PARTITIONS[table])
                properties = ", ".join(f"'{key}' = '{value}'" for key, value in _properties(table).items())
                self.spark.sql(
                    f"CREATE TABLE IF NOT EXISTS {self.name(table)} ({columns}) USING delta"
                    + (f" PARTITIONED BY ({keys})" if keys else "")
                    + self._place(table)
                    + f" TBLPROPERTIES ({properties})"
                )
            self._check_columns(table)

    def _check_columns(self, table: str) -> None:
        try:
            schema.require(self.spark.table(self.name(table)), schema.TABLES[table])
        except LakeError as error:
            line = f"table {table} of {self.location} was made by another version of prox_spark: {error}"
            raise LakeError(line) from error

    def _name_corpus(self) -> None:
        if self.folder is not None and not self.exists("corpus") and self._is_table("corpus"):
            self.spark.sql(f"CREATE TABLE IF NOT EXISTS {self.name('corpus')} USING delta{self._place('corpus')}")

    def _is_table(self, table: str) -> bool:
        # A folder with an empty `_delta_log`, left by a killed first write, is no table: ask Delta for its columns.
        from pyspark.errors import AnalysisException

        try:
            return len(self.spark.read.format("delta").load(f"{self.folder}/{table}").columns) > 0
        except AnalysisException:
            return False

    def _place(self, table: str) -> str:
        if self.folder is None:
            return ""
        path = f"{self.folder}/{table}".replace("\\", "\\\\").replace("'", "\\'")
        return f" LOCATION '{path}'"

    @contextmanager
    def _current(self) -> Iterator[None]:
        before = self.spark.sql("SELECT current_catalog(), current_schema()").first()
        self.spark.sql(f"USE {self.database}")
        try:
            yield
        finally:
            if before is not None:
                self.spark.sql(f"USE `{before[0]}`.`{before[1]}`")

    @contextmanager
    def _metadata(self, commit: Commit) -> Iterator[None]:
        # A write that creates a table of a catalog forgets the option `userMetadata`; the setting it remembers.
        key = "spark.databricks.delta.commitInfo.userMetadata"
        before = self.spark.conf.get(key, None)
        self.spark.conf.set(key, json.dumps(asdict(commit)))
        try:
            yield
        finally:
            if before is None:
                self.spark.conf.unset(key)
            else:
                self.spark.conf.set(key, before)

    @contextmanager
    def _explained(self, action: str) -> Iterator[None]:
        """Turn what Delta and the file system say of a place that cannot be used into one line."""
        from delta import exceptions as delta

        try:
            yield
        except (
            # The first is named as if it were the base of the others, and is not.
            delta.DeltaConcurrentModificationException,
            delta.ConcurrentAppendException,
            delta.ConcurrentDeleteDeleteException,
            delta.ConcurrentDeleteReadException,
            delta.ConcurrentTransactionException,
            delta.ConcurrentWriteException,
            delta.MetadataChangedException,
            delta.ProtocolChangedException,
        ) as error:
            raise RunError(BUSY) from error
        except Exception as error:
            advice = _advice(error)
            if advice is None:
                raise
            raise LakeError(f"cannot {action} the lake {self.location}: {advice}") from error


def is_catalog_schema(location: str) -> bool:
    """Say whether a location names a schema of a catalog rather than a folder.

    >>> is_catalog_schema("main.corpora"), is_catalog_schema("./main.corpora"), is_catalog_schema("lake")
    (True, False, False)
    """
    return CATALOG_SCHEMA.fullmatch(location) is not None and not os.path.isdir(location)


def check_place(location: str, *, create: bool) -> None:
    """Check of a location what can be checked without a session, so that a mistake does not cost its start.

    Raises:
        LakeError: The folder holds something else, or (without `create`) holds no lake.
    """
    if not is_catalog_schema(location):
        _check_folder(absolute(location), create=create)


def absolute(location: str) -> str:
    """Give the absolute form of a folder; a URI with a scheme stays as it is."""
    if URI.match(location):
        return location.rstrip("/")
    return os.path.abspath(os.path.expanduser(location))


def predicate(partitions: Sequence[tuple[str, str]]) -> str:
    """Write the predicate that holds exactly for some (source, snapshot) partitions, for `replaceWhere`.

    >>> predicate([("c4", "en")])
    "(source = 'c4' AND snapshot = 'en')"
    """

    def quoted(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    return " OR ".join(f"(source = {quoted(s)} AND snapshot = {quoted(t)})" for s, t in partitions)


def _properties(table: str) -> dict[str, str]:
    return {**PROPERTIES, "delta.dataSkippingStatsColumns": STATISTICS[table]}


def _database(folder: str) -> str:
    # The readable part tells lakes apart for people, the hash for the catalog: two folders may share a last name.
    tail = re.sub(r"[^a-z0-9]+", "_", os.path.basename(folder).lower()).strip("_")[:24]
    digest = hashlib.sha256(folder.encode()).hexdigest()[:8]
    return f"`spark_catalog`.`prox_{tail}_{digest}`"


def _forgetful_place(spark: SparkSession, location: str) -> str | None:
    """Give the folder of a schema whose catalog forgets its tables with the session, as the one of local Spark does."""
    catalog, _ = location.split(".")
    if catalog != "spark_catalog" or spark.conf.get("spark.sql.catalogImplementation") != "in-memory":
        return None
    rows = spark.sql(f"DESCRIBE DATABASE {location}").toLocalIterator()
    place = next(row["info_value"] for row in rows if row["info_name"] == "Location")
    return str(place).removeprefix("file:")


def _check_folder(folder: str, *, create: bool) -> None:
    if URI.match(folder):
        return  # what an object store allows shows at the first write
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise LakeError(f"{folder} is a file; a lake is a folder or catalog.schema")
    entries = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    is_lake = bool(entries & set(schema.TABLES))
    if not is_lake and not create:
        raise LakeError(f"there is no lake at {folder}; ingest something first, or check --lake")
    if entries and not is_lake:
        raise LakeError(f"{folder} is not empty and holds no lake; choose another folder with --lake")


def _commit(metadata: str | None) -> Commit | None:
    try:
        fields: dict[str, Any] = json.loads(metadata or "null") or {}
        return Commit(**fields) if "run_id" in fields else None
    except (ValueError, TypeError):
        return None  # somebody else's metadata


def _advice(error: Exception) -> str | None:
    from pyspark.errors import PySparkException

    kind = error.getCondition() if isinstance(error, PySparkException) else None
    if kind == "DELTA_SCHEMA_NOT_PROVIDED" or kind == "DELTA_MISSING_TRANSACTION_LOG":
        return "a table's log is gone or unreadable"
    if kind in ("REQUIRES_SINGLE_PART_NAMESPACE", "CATALOG_NOT_FOUND", "CANNOT_FIND_CATALOG"):
        return "its catalog is not known to this session; a folder is written ./name"
    return _advice_of_the_disk(error)


def _advice_of_the_disk(error: Exception) -> str | None:
    # The JVM hands on what the operating system or the store says as text, at the end of a chain of causes.
    said, java = str(error), getattr(error, "java_exception", None)
    while java is not None:
        said, java = f"{said}\n{java}", java.getCause()
    if re.search("No space left on device|Disk quota exceeded|not enough space", said, re.I):
        return "a disk is full; what was committed stays: free some space and run the command again"
    if re.search("Read-only file system|Permission denied|AccessDenied|AccessControlException|Mkdirs failed", said):
        return "it is read-only, or this user may not write there; nothing was changed"
    return None
