"""What happened to a lake, and to one document in it: its versions, and a document's life through them."""

from __future__ import annotations

import re
from datetime import timezone
from typing import Any

from prox_spark.errors import UserError
from prox_spark.tables import Lake

FULL_ID = re.compile(r"[0-9a-f]{64}")


def history(lake: Lake) -> list[dict[str, Any]]:
    """List the versions of `corpus`, oldest first.

    Returns:
        One dict per version: those of the view `versions`, as plain values.
    """
    rows = lake.spark.sql(f"SELECT * FROM {lake.name('versions')} ORDER BY version").toLocalIterator()
    # pyspark gives times of this process's zone that do not say so.
    return [{**row.asDict(), "finished_at": row["finished_at"].astimezone(timezone.utc).isoformat()} for row in rows]


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
    found = _find(lake, doc_id)
    versions: list[dict[str, Any]] = []
    for version in lake.versions("corpus"):
        row = lake.read("corpus", version.version).where(_is("doc_id", found["doc_id"])).first()
        if row is None:
            continue
        seen = {"version": version.version, **row.asDict(recursive=True)}
        if not versions or {**seen, "version": None} != {**versions[-1], "version": None}:
            versions.append(seen)
    hashes = {row["text_sha256"] for row in versions if row["text_sha256"]} | {found["text_sha256"]}
    wanted = ", ".join(f"'{value}'" for value in sorted(hashes))
    programs = lake.read("programs").where(f"text_sha256 IN ({wanted})").orderBy("generated_at").limit(100).collect()
    return {
        "document": found,
        "versions": versions,
        "programs": [row.asDict(recursive=True) for row in programs],
    }


def _find(lake: Lake, doc_id: str) -> dict[str, Any]:
    if not re.fullmatch(r"[0-9a-f]{4,64}", doc_id):
        raise UserError(f"a document id is 64 hex digits, or at least the first 4 of them; got {doc_id!r}")
    column = "doc_id" if FULL_ID.fullmatch(doc_id) else f"substring(doc_id, 1, {len(doc_id)})"
    rows = lake.read("documents").where(_is(column, doc_id)).limit(2).collect()
    if not rows:
        raise UserError(f"there is no document {doc_id} in {lake.location}; ids are in the column doc_id")
    if len(rows) > 1:
        raise UserError(f"more than one document id begins with {doc_id}; give more of it")
    return dict(rows[0].asDict(recursive=True))


def _is(column: str, value: str) -> str:
    return f"{column} = '{value}'"  # only called with hex digits
