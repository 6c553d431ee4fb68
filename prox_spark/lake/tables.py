"""The lake: its Delta tables, how they are created, named in SQL, read and written, one commit at a time.

A lake is a folder (`./lake`, `s3://bucket/lake`) or a schema of a catalog (`main.corpora`). In both cases its tables
have names in SQL, so that `SELECT … FROM corpus VERSION AS OF 1` works: a folder's tables are registered, at their
place, in a database of the session's catalog that is named after the folder.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from prox_spark.errors import LakeError, RunError
from prox_spark.lake import ddl, schema, views
from prox_spark.lake.commits import Change, Commit, Version
from prox_spark.lake.lineage import Entry, lineage, oldest_readable
from prox_spark.lake.location import (
    absolute,
    check_folder,
    database_of,
    forgets_tables,
    in_memory_location,
    is_catalog_schema,
)
from prox_spark.lake.reading import ALL, ENTRIES, Asked
from prox_spark.lake.trouble import BUSY, is_forbidden, translated_errors
from prox_spark.spark.settings import changed, described, is_classic

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row, SparkSession

logger = logging.getLogger(__name__)

LATE = ("corpus", "signatures")
"""Tables that a lake has only from a command on that writes them."""

USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
"""The setting whose value Delta stores with every commit."""


@dataclass(frozen=True)
class Lake:
    """A lake: its session, its place, and the database that names its tables.

    Attributes:
        spark: The session.
        location: As the user gave it: a folder or `catalog.schema`.
        database: Quoted name of the schema that holds the tables, ready for SQL.
        folder: Absolute folder or URI; None for a lake in a catalog.
        reads: Whether it was opened for reading alone.
        seen: What `entries` read last; `runs` may say more by now.
    """

    spark: SparkSession
    location: str
    database: str
    folder: str | None
    reads: bool = False
    seen: list[Entry] = field(default_factory=list, init=False, repr=False, compare=False)
    _queries: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The query of each view, as it was found or made; spares asking the catalog again."""
    _there: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """The tables that were found; they stay."""

    @classmethod
    def open(cls, spark: SparkSession, location: str, *, create: bool = True, reads: bool = False) -> Lake:
        """Open the lake at `location`, and create its tables where they are missing.

        Args:
            spark: A session with Delta.
            location: A folder (path or URI) or `catalog.schema`.
            create: False refuses a lake that is not there yet.
            reads: True for a command that only reads: it creates no table and no view, since who may read a schema of
                a catalog need not be its owner. The tables of a folder are named in the session's catalog all the same.

        Raises:
            LakeError: The place holds something else, cannot be written, or (without `create`) holds no lake.
        """
        if is_catalog_schema(location):
            catalog, database = location.split(".")
            lake = cls(spark, location, f"`{catalog}`.`{database}`", None, reads)
            lake._create_database(create=create and not reads)
            lake = replace(lake, folder=in_memory_location(spark, location))
        else:
            folder = absolute(location)
            check_folder(folder, create=create and not reads)
            lake = cls(spark, location, database_of(folder), folder, reads)
            lake._create_database(create=True)
        with translated_errors("open", location):
            lake._create_tables()
            for table in LATE:
                lake._register(table)
                if lake.exists(table):
                    lake._check_columns(table)
            if not reads or forgets_tables(spark, lake.database):
                lake.create_views()
        return lake

    def create_views(self) -> None:
        """Create the views, or bring them up to date with the versions that there are now.

        One that is as it should be is left alone. So is one that somebody else owns: what was written is written, and
        readers make do with what they find.
        """
        for view, query in self._views():
            if self._is_view(view, query):
                continue
            try:
                self.spark.sql(
                    f"CREATE OR REPLACE VIEW {self.name(view)} COMMENT '{schema.VIEWS[view]}' AS {query}"
                ).collect()
            except PySparkException as error:
                if not is_forbidden(error):
                    raise
                logger.warning("the view %s stays as it was: its owner has to run a command that writes", view)
            else:
                self._queries[view] = query

    def _views(self) -> list[tuple[str, str]]:
        entries = self.entries()
        return views.statements(
            self.name, lineage(entries), oldest=oldest_readable(entries), has_corpus=self.exists("corpus")
        )

    def _is_view(self, view: str, query: str) -> bool:
        """Say whether there is a view with this query."""
        if not self.exists(view):
            return False
        if self._queries.get(view) != query:
            self._queries[view] = self._text_of(view)
        return self._queries[view] == query

    def _text_of(self, view: str) -> str:
        about = self.spark.sql(f"DESCRIBE TABLE EXTENDED {self.name(view)}")
        rows = about.where("col_name = 'View Text'").select("data_type").collect()
        return str(rows[0][0]) if rows else ""

    def entries(self) -> tuple[Entry, ...]:
        """Read what `runs` says of versions of the corpus, of ingests and of clean-ups: a few numbers per command.

        All that a command wants to know of the commands before it is read by this one query, which Spark compiles once.
        """
        self.seen[:] = map(Entry.of, self.rows("runs", asked=ENTRIES))
        return tuple(self.seen)

    def name(self, table: str) -> str:
        """Give the qualified, quoted name of a table or view."""
        return f"{self.database}.`{table}`"

    def create(self, table: str) -> None:
        """Create a table that lakes have only where a command needs it, unless it is there."""
        if not self.exists(table):
            with translated_errors("write", self.location):
                self.spark.sql(ddl.create(table, name=self.name(table), folder=self.folder))
                self._keep_history(table)

    def exists(self, table: str) -> bool:
        """Say whether the table has a first version, or whether there is the view; a table that was there stays."""
        if table in self._there:
            return True
        is_there = self.spark.catalog.tableExists(self.name(table))
        if is_there and table in schema.TABLES:
            self._there.add(table)
        return is_there

    def read(self, table: str, version: int | None = None) -> DataFrame:
        """Read a table, as it is now or as it was at a version; one that is not there yet reads as empty."""
        if (table in LATE or self.reads) and not self.exists(table):
            return self.spark.createDataFrame([], schema.TABLES[table])
        if version is None:
            return self.spark.table(self.name(table))
        return self.spark.sql(f"SELECT * FROM {self.name(table)} VERSION AS OF {int(version)}")

    def rows(self, table: str, version: int | None = None, asked: Asked = ALL) -> list[dict[str, Any]]:
        """Collect a few rows of a table or view, as dicts all the way down; a table that is not there has none."""
        if table in schema.TABLES and not self.exists(table):
            return []
        return self.select(asked.query(self.name(table), version))

    def select(self, query: str) -> list[dict[str, Any]]:
        """Collect the few rows of a query, whose names are qualified, as dicts all the way down."""
        return [row.asDict(recursive=True) for row in self.spark.sql(query).collect()]

    def count(self, table: str) -> int:
        """Count the rows of a table; Delta answers from its log, no file is read."""
        return self.read(table).count()

    def newest(self, table: str) -> int | None:
        """Give the number of the table's newest version, None before the first."""
        if not self.exists(table):
            return None
        row = self.spark.sql(f"DESCRIBE HISTORY {self.name(table)} LIMIT 1").select("version").first()
        return None if row is None else int(row[0])

    def versions(self, table: str, *, after: int | None = None) -> list[Version]:
        """List the versions that this package wrote, oldest first; maintenance commits are not among them.

        Args:
            table: The table.
            after: Only versions with a greater number; None gives all.
        """
        if not self.exists(table):
            return []
        rows = reversed(self._history(table, after))
        commits = ((row, Commit.from_json(row["userMetadata"])) for row in rows)
        return [
            Version(int(row["version"]), row["timestamp"].isoformat(), commit)
            for row, commit in commits
            if commit is not None
        ]

    def changes(self, table: str) -> tuple[Change, ...]:
        """List the Delta versions that the table's log still knows, oldest first."""
        columns = ("version", "timestamp", "operation", "operationParameters")
        rows = self.spark.sql(f"DESCRIBE HISTORY {self.name(table)}").select(*columns).orderBy("version")
        return tuple(
            # pyspark gives moments without a zone, in that of this process.
            Change(
                int(row["version"]),
                datetime.fromtimestamp(row["timestamp"].timestamp(), timezone.utc),
                row["operation"],
                dict(row["operationParameters"] or {}),
            )
            for row in rows.toLocalIterator()
        )

    def properties(self, table: str) -> dict[str, str]:
        """Give the properties that the table has set itself."""
        detail = self.spark.sql(f"DESCRIBE DETAIL {self.name(table)}").select("properties").first()
        return dict(detail[0]) if detail is not None else {}

    def append(self, table: str, frame: DataFrame, commit: Commit) -> None:
        """Append `frame` in one commit; the same commit again is a no-op.

        Raises:
            LakeError: The lake cannot be written.
        """
        # Waves may commit in another order than they began in: each is a transaction of its own to Delta.
        self._write(table, frame, commit, f"prox_spark.{commit.run_id}.{commit.wave}", 0)

    def append_after(self, table: str, frame: DataFrame, commit: Commit, *, after: int | None) -> int:
        """Append rows that were computed from version `after` of the table, and give the version they made.

        Args:
            table: The table.
            frame: Rows with exactly the table's columns.
            commit: Who writes.
            after: Version that the rows were computed from, None before the first. Whoever wrote the table since then
                in this way makes this write fail instead of doubling or losing rows.

        Raises:
            RunError: Another command wrote in between; nothing was written, run the command again.
            LakeError: The lake cannot be written.
        """
        self._write(table, frame, commit, f"prox_spark.{table}", 0 if after is None else after + 1)
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
        if self.newest(table) != after:
            raise RunError(BUSY)
        transaction = {
            "spark.databricks.delta.write.txnAppId": f"prox_spark.{table}",
            "spark.databricks.delta.write.txnVersion": str(after + 1),
            USER_METADATA: commit.to_json(),
        }
        with self._writing(table, commit), changed(self.spark, transaction):
            self.spark.sql(statement)
        return self._version_of(commit, table, after=after)

    def sql(self, query: str) -> DataFrame:
        """Run a query in which the lake's tables and views go by their plain names.

        Over Spark Connect the session stays in the lake's schema afterwards, as names are looked up when rows are read.
        """
        if not is_classic(self.spark):
            self._name_missing_views()
            self.spark.sql(f"USE {self.database}")
            return self.spark.sql(query)
        with self._current():
            named = self._name_missing_views()
            try:
                return self.spark.sql(query)
            finally:
                for view in named:
                    self.spark.catalog.dropTempView(view)

    def _name_missing_views(self) -> list[str]:
        """Give a reader's session the views that the catalog lacks, for as long as a query needs them."""
        if not self.reads:
            return []
        missing = [(view, query) for view, query in self._views() if not self.exists(view)]
        for view, query in missing:
            self.spark.sql(query).createOrReplaceTempView(view)
        return [view for view, _ in missing]

    # -- below: how it is done ---------------------------------------------------------------------------------------

    def _write(
        self, table: str, frame: DataFrame, commit: Commit, owner: str, transaction: int, where: str | None = None
    ) -> None:
        if is_classic(self.spark):
            # Spark Connect 4.0 caches a plan that was analysed, and forgets the observation in it: its writes report
            # nothing then. Delta compares the columns as well.
            schema.require(frame, schema.TABLES[table])
        is_new = not self.exists(table)
        writer = (
            frame.select(*(_commented(table, name) if is_new else name for name in schema.TABLES[table].fieldNames()))
            .write.format("delta")
            .mode("append" if where is None else "overwrite")
            .option("txnAppId", owner)
            .option("txnVersion", transaction)
            .option("userMetadata", commit.to_json())
        )
        if is_new:  # only the corpus: its version 0 is the first ingest, so it cannot be created empty
            writer = writer.partitionBy(*schema.PARTITIONS[table]).options(**ddl.properties(table))
            writer = writer.option("comment", schema.ABOUT[table])
        if where is not None:
            writer = writer.option("replaceWhere", where)
        # A write that creates a table of a catalog forgets the option `userMetadata`; the setting it remembers. Other
        # writes leave the settings alone: two waves may be written at the same time.
        settings = {USER_METADATA: commit.to_json()} if is_new else {}
        with self._writing(table, commit), changed(self.spark, settings, needed=self.folder is None):
            if self.folder is None:
                writer.saveAsTable(self.name(table))
            else:
                writer.save(f"{self.folder}/{table}")
        if is_new:
            self._register("corpus")
            self._keep_history(table)

    @contextmanager
    def _writing(self, table: str, commit: Commit) -> Iterator[None]:
        """Have Spark's UI name the command behind the jobs of the block, and its errors be those of a lake."""
        pass_and_wave = "" if commit.pass_name is None else f" {commit.pass_name}, wave {commit.wave}"
        text = f"prox_spark {commit.command}{pass_and_wave}: {table} of {self.location}"
        with translated_errors("write", self.location), described(self.spark, text):
            yield

    def _keep_history(self, table: str) -> None:
        """See to it that a new table has the properties that keep old versions, whatever the catalog made of them."""
        rows = self.spark.sql(f"SHOW TBLPROPERTIES {self.name(table)}").collect()
        there = {row["key"]: row["value"] for row in rows}
        lost = {key: value for key, value in ddl.properties(table).items() if there.get(key) != value}
        if lost:
            logger.warning("the catalog dropped %s of %s; they are set again", ", ".join(lost), table)
            # All at once: Delta compares the two retentions, and takes one that a statement leaves out for its default.
            pairs = ", ".join(f"'{key}' = '{value}'" for key, value in ddl.properties(table).items())
            self.spark.sql(f"ALTER TABLE {self.name(table)} SET TBLPROPERTIES ({pairs})")

    def _written(self, table: str, commit: Commit, *, after: int | None) -> int:
        version = self._version_of(commit, table, after=after)
        if version is None:
            raise RunError(BUSY)
        return version

    def _version_of(self, commit: Commit, table: str, *, after: int | None) -> int | None:
        """Give the newest version that a commit made; None where it made none."""
        numbers = [version.version for version in self.versions(table, after=after) if version.commit == commit]
        return max(numbers, default=None)

    def _history(self, table: str, after: int | None) -> list[Row]:
        """Give the commits with a greater number than `after`, newest first; mostly one query of a few rows."""
        limit = 16
        after = -1 if after is None else after
        while True:
            history = self.spark.sql(f"DESCRIBE HISTORY {self.name(table)} LIMIT {limit}")
            rows = history.select("version", "timestamp", "userMetadata").collect()
            if len(rows) < limit or rows[-1]["version"] <= after + 1:
                return [row for row in rows if row["version"] > after]
            limit *= 16

    def _create_database(self, *, create: bool) -> None:
        with translated_errors("open", self.location):
            if self.spark.catalog.databaseExists(self.database):
                return
            if not create and not forgets_tables(self.spark, self.database):
                raise LakeError(f"there is no schema {self.location}; ingest something first, or check --lake")
            self.spark.sql(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        place = in_memory_location(self.spark, self.location) if self.folder is None else None
        if not create and not (place and os.path.isdir(place)):
            self.spark.sql(f"DROP DATABASE IF EXISTS {self.database}")
            raise LakeError(f"there is no schema {self.location}; ingest something first, or check --lake")

    def _create_tables(self) -> None:
        # Tables are created by DDL before their first row, so that a killed first write leaves a table behind.
        for table in ("documents", "programs", "runs", "quarantine"):
            if not self.exists(table):
                if self.folder is not None and self._is_table(table):
                    # As it is: a table of before may have other properties and comments, which Delta would refuse.
                    self.spark.sql(ddl.register(table, name=self.name(table), folder=self.folder))
                elif self.reads:
                    continue
                else:
                    self.spark.sql(ddl.create(table, name=self.name(table), folder=self.folder))
            self._check_columns(table)

    def _check_columns(self, table: str) -> None:
        try:
            schema.require(self.spark.table(self.name(table)), schema.TABLES[table])
        except LakeError as error:
            line = f"table {table} of {self.location} was made by another version of prox_spark: {error}"
            raise LakeError(line) from error

    def _register(self, table: str) -> None:
        if self.folder is not None and not self.exists(table) and self._is_table(table):
            self.spark.sql(ddl.register(table, name=self.name(table), folder=self.folder))

    def _is_table(self, table: str) -> bool:
        # A folder with an empty `_delta_log`, left by a killed first write, is no table: ask Delta for its columns.
        from pyspark.errors import AnalysisException

        try:
            return len(self.spark.read.format("delta").load(f"{self.folder}/{table}").columns) > 0
        except AnalysisException:
            return False

    @contextmanager
    def _current(self) -> Iterator[None]:
        before = self.spark.sql("SELECT current_catalog(), current_schema()").first()
        self.spark.sql(f"USE {self.database}")
        try:
            yield
        finally:
            if before is not None:
                self.spark.sql(f"USE `{before[0]}`.`{before[1]}`")


def _commented(table: str, column: str) -> Column:
    return F.col(column).alias(column, metadata={"comment": schema.COMMENTS[table][column]})
