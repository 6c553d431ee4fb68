"""The views of a lake: `refined` (rows with text), `edits` (one row per operation) and `versions` (one per version)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prox_spark.tables import Lake

COUNTS = ("kept", "edited", "dropped", "failed", "not_run")
"""The outcomes, in the order in which they are counted and shown."""


def create(lake: Lake) -> None:
    """Create the views, or bring them up to date with the versions that there are now."""
    _view(lake, "versions", _versions(lake))
    if lake.exists("corpus"):
        _view(lake, "refined", f"SELECT * FROM {lake.name('corpus')} WHERE text IS NOT NULL")
        _view(lake, "edits", " UNION ALL ".join(_edits(lake, *made) for made in _lineage(lake) or [(0, "")]))


def _versions(lake: Lake) -> str:
    names = (*COUNTS, "words_before", "words_after")
    numbers = ", ".join(f"CAST(get_json_object(counts, '$.{name}') AS BIGINT) AS {name}" for name in names)
    return (
        f"SELECT corpus_version AS version, command AS name, pass_name, run_id, finished_at, {numbers} "
        f"FROM {lake.name('runs')} WHERE corpus_version IS NOT NULL"
    )


def _edits(lake: Lake, version: int, run_id: str) -> str:
    # A version holds the operations of the pass that made it; those of the passes before are in theirs.
    return (
        f"SELECT doc_id, source, snapshot, url, pass_name, {version} AS version, o.chunk_index, o.op, o.line_start, "
        "o.line_end, o.source AS source_str, o.target AS target_str, o.status, o.reason, o.found, o.words_removed "
        f"FROM {lake.name('corpus')} VERSION AS OF {version} LATERAL VIEW explode(ops) AS o WHERE run_id = '{run_id}'"
    )


def _lineage(lake: Lake) -> list[tuple[int, str]]:
    """List the versions made by passes that the corpus still stands on, as (version, run id), newest first."""
    made = lake.read("runs").where("corpus_version IS NOT NULL").orderBy("corpus_version", ascending=False)
    standing: list[tuple[int, str]] = []
    longest: list[Any] = []
    for number, run_id, passes in made.select("corpus_version", "run_id", "passes").toLocalIterator():
        gone = json.loads(passes or "[]")
        shared = min(len(gone), len(longest))
        if gone and gone[:shared] == longest[:shared]:  # a pass that ran again leaves its old versions behind
            longest = max(gone, longest, key=len)
            standing.append((int(number), run_id))
    return standing


def _view(lake: Lake, name: str, query: str) -> None:
    lake.spark.sql(f"CREATE OR REPLACE VIEW {lake.name(name)} AS {query}")
