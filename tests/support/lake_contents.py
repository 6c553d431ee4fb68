"""What a lake holds, as plain values: to compare it with another lake, or with what it once held."""

from __future__ import annotations

import hashlib
from typing import Any

from prox_spark import Lake


def contents(lake: Lake) -> dict[str, Any]:
    """Give versions with their counts and tags, each version's documents, and the numbers of `edits` and `removed`."""
    columns = "version, name, pass_name, kept, edited, dropped, failed, not_run, words_before, words_after, tags"
    versions = rows(lake, f"SELECT {columns} FROM versions")
    return {
        "versions": versions,
        "documents": {str(version["version"]): documents(lake, version["version"]) for version in versions},
        "edits": rows(lake, "SELECT pass_name, version, op, status, count(*) AS n FROM edits GROUP BY ALL"),
        "removed": rows(lake, "SELECT pass_name, version, op, count(*) AS n, sum(length(text)) AS characters "
                              "FROM removed GROUP BY ALL"),
    }  # fmt: skip


def documents(lake: Lake, version: int | None = None) -> dict[str, str]:
    """Give, by id, outcome, reason and SHA-256 of the text of each document of a version."""
    corpus = lake.read("corpus", version).select("doc_id", "outcome", "reason", "text").collect()
    return {
        row["doc_id"]: " ".join(filter(None, (row["outcome"], row["reason"], _sha256(row["text"])))) for row in corpus
    }


def _sha256(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def rows(lake: Lake, query: str) -> list[dict[str, Any]]:
    """Give a query's rows in a fixed order."""
    return [row.asDict() for row in lake.sql(f"{query} ORDER BY ALL").collect()]
