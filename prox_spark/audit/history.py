"""What happened to a lake, and to one document in it: its versions, and a document's life through them."""

from __future__ import annotations

from datetime import timezone
from typing import Any, cast

from prox_spark.audit.documents import find
from prox_spark.audit.retention import Retention, retention
from prox_spark.audit.rows import Life, StageRow, VersionRow
from prox_spark.lake.reading import Asked, ReadableLake


def history(lake: ReadableLake) -> list[VersionRow]:
    """List the versions of `corpus`, oldest first."""
    if not lake.exists("corpus"):
        return []
    kept = retention(lake, "corpus")
    return [_version(row, kept) for row in lake.rows("versions", asked=Asked(order="version"))]


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


def document(lake: ReadableLake, doc_id: str) -> Life:
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
        rows = lake.rows("corpus", version.version, Asked(f"doc_id = '{source['doc_id']}'", limit=1))
        if not rows:
            continue
        seen = {"version": version.version, **rows[0]}
        if not versions or {**seen, "version": None} != {**versions[-1], "version": None}:
            versions.append(seen)
    hashes = {row["text_sha256"] for row in versions if row["text_sha256"]} | {source["text_sha256"]}
    listed = ", ".join(f"'{value}'" for value in sorted(hashes))
    asked = Asked(f"text_sha256 IN ({listed})", order="generated_at, pass_name, fingerprint", limit=100)
    programs = lake.rows("programs", asked=asked)
    return {"document": source, "versions": cast("list[StageRow]", versions), "programs": programs}
