"""What the commands that look at a lake ask of it, whoever reads it: Spark, or this process alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from prox_spark.lake.commits import Change, Version
from prox_spark.lake.lineage import Entry


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows of a table or view are wanted, in the SQL of Spark.

    Attributes:
        where: Which rows.
        columns: What of them.
        order: What they are ordered by; None leaves it open.
        limit: The most rows to give; None gives all.
    """

    where: str = "true"
    columns: str = "*"
    order: str | None = None
    limit: int | None = None

    def query(self, name: str, version: int | None = None) -> str:
        """Write the query.

        >>> Asked(where="doc_id = '1f'", limit=2).query("corpus", 3)
        "SELECT * FROM corpus VERSION AS OF 3 WHERE doc_id = '1f' LIMIT 2"
        """
        at = "" if version is None else f" VERSION AS OF {version}"
        order = "" if self.order is None else f" ORDER BY {self.order}"
        limit = "" if self.limit is None else f" LIMIT {self.limit}"
        return f"SELECT {self.columns} FROM {name}{at} WHERE {self.where}{order}{limit}"


ALL = Asked()
"""All rows, as they are."""

ENTRIES = Asked(
    "corpus_version IS NOT NULL OR command IN ('ingest', 'maintain', 'forget')",
    "run_id, command, corpus_version, passes, conf, "
    "CAST(get_json_object(counts, '$.readable_from') AS BIGINT) AS readable_from, "
    "CAST(get_json_object(counts, '$.returned') AS BIGINT) AS returned",
)
"""The rows of `runs` that are entries, as `Entry.of` reads them."""


class ReadableLake(Protocol):
    """A lake that can be read: `Lake`, which Spark reads, or `DirectLake`, which needs no Spark."""

    @property
    def location(self) -> str:
        """Give its place as the user gave it."""
        ...

    def name(self, table: str) -> str:
        """Give the qualified, quoted name of a table or view."""
        ...

    def exists(self, table: str) -> bool:
        """Say whether the table has a first version."""
        ...

    def versions(self, table: str) -> list[Version]:
        """List the versions that this package wrote, oldest first."""
        ...

    def changes(self, table: str) -> tuple[Change, ...]:
        """List the Delta versions that the table's log still knows, oldest first."""
        ...

    def properties(self, table: str) -> dict[str, str]:
        """Give the properties that the table has set itself."""
        ...

    def entries(self) -> tuple[Entry, ...]:
        """Read what `runs` says of versions of the corpus, of ingests and of clean-ups."""
        ...

    def rows(self, table: str, version: int | None = None, asked: Asked = ALL) -> list[dict[str, Any]]:
        """Give a few rows of a table or view, as dicts all the way down."""
        ...

    def select(self, query: str) -> list[dict[str, Any]]:
        """Give the few rows of a query with qualified names, as dicts all the way down."""
        ...
