"""What happened to a lake, and to one document in it: its versions, and a document's life through them."""

from __future__ import annotations

from datetime import timezone
from typing import Any, cast

from prox_spark.audit.documents import find
from prox_spark.audit.retention import Retention, retention
from prox_spark.audit.rows import Life, StageRow, VersionRow, dicts
from prox_spark.lake.tables import Lake


def history(lake: Lake) -> list[VersionRow]:
    """List the versions of `corpus`, oldest first."""
    if not lake.exists("corpus"):
        return []
    rows = lake.spark.sql(f"SELECT * FROM {lake.name('versions')} ORDER BY version").collect()
    kept = retention(lake, "corpus")
    return [_version(row.asDict(), kept) for row in rows]


def _version(row: dict[str, Any], kept: Retention) -> VersionRow:
    until = kept.until(row["version"])
    version = {
        **row,
        # pyspark gives times of this process's zone that do not say so.
        "finished_at": row["finished_at"].astimezone(timezone.utc).isoformat(timespec="seconds"),
        "readable": kept.is_readable(row["version"]),
        "readable_until": None if until is None else until.isoformat(timespec="seconds"),
    }
    return cast("VersionRow", version)


def document(lake: Lake, doc_id: str) -> Life:
    """Tell one document's life: its source record, each version of it, and the programs of its texts.

    Args:
        lake: The lake.
        doc_id: The id, or the first characters of it as long as only one document has them.

    Returns:
        Its life; of its versions only those that differ from the one before.

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
    programs = lake.read("programs").where(f"text_sha256 IN ({listed})").orderBy("generated_at").limit(100)
    return {"document": source, "versions": cast("list[StageRow]", versions), "programs": dicts(programs)}
