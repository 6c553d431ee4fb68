"""What happened to a lake, and to one document in it: its versions, and a document's life through them."""

from __future__ import annotations

from datetime import timezone
from typing import Any

from prox_spark.audit.documents import find
from prox_spark.audit.retention import Retention, retention
from prox_spark.lake.tables import Lake


def history(lake: Lake) -> list[dict[str, Any]]:
    """List the versions of `corpus`, oldest first.

    Returns:
        One dict per version: those of the view `versions`, as plain values; and `readable` (now) and
        `readable_until` (None for the newest, which does not expire).
    """
    if not lake.exists("corpus"):
        return []
    rows = lake.spark.sql(f"SELECT * FROM {lake.name('versions')} ORDER BY version").collect()
    kept = retention(lake, "corpus")
    return [_version(row.asDict(), kept) for row in rows]


def _version(row: dict[str, Any], kept: Retention) -> dict[str, Any]:
    until = kept.until(row["version"])
    return {
        **row,
        # pyspark gives times of this process's zone that do not say so.
        "finished_at": row["finished_at"].astimezone(timezone.utc).isoformat(timespec="seconds"),
        "readable": kept.is_readable(row["version"]),
        "readable_until": None if until is None else until.isoformat(timespec="seconds"),
    }


def document(lake: Lake, doc_id: str) -> dict[str, Any]:
    """Tell one document's life: its source record, each version of it, and the programs of its texts.

    Args:
        lake: The lake.
        doc_id: The id, or the first characters of it as long as only one document has them.

    Returns:
        `document` (its row), `versions` (its rows of `corpus` with `version`, only those that differ from the one
        before), `programs` (rows of `programs` for its texts).

    Raises:
        UserError: No document, or more than one, has that id.
    """
    source = find(lake, doc_id)
    versions: list[dict[str, Any]] = []
    kept = retention(lake, "corpus") if lake.exists("corpus") else None
    for version in lake.versions("corpus"):
        if kept is not None and not kept.is_readable(version.version):
            continue
        row = lake.read("corpus", version.version).where(f"doc_id = '{source['doc_id']}'").first()
        if row is None:
            continue
        seen = {"version": version.version, **row.asDict(recursive=True)}
        if not versions or {**seen, "version": None} != {**versions[-1], "version": None}:
            versions.append(seen)
    hashes = {row["text_sha256"] for row in versions if row["text_sha256"]} | {source["text_sha256"]}
    listed = ", ".join(f"'{value}'" for value in sorted(hashes))
    programs = lake.read("programs").where(f"text_sha256 IN ({listed})").orderBy("generated_at").limit(100).collect()
    return {
        "document": source,
        "versions": versions,
        "programs": [row.asDict(recursive=True) for row in programs],
    }
