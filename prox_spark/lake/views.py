"""The views of a lake: `refined` (rows with text), `versions`, `edits` (one row per operation), `removed` (per line).

`edits` and `removed` follow the lineage of the newest version: the versions whose passes it still stands on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prox_spark.program.operations import OUTCOMES

if TYPE_CHECKING:
    from pyspark.sql import Row

    from prox_spark.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class Made:
    """Hold one version that a pass made and that a later one stands on.

    Attributes:
        version: Its number.
        run_id: The run in whose rows its operations are.
        passes: The chain of passes, as `passes.chain` writes it.
        read: The version in which the rows can be read: its own, or the oldest that is left where that one is gone.
    """

    version: int
    run_id: str
    passes: tuple[dict[str, Any], ...]
    read: int

    @property
    def pass_name(self) -> str:
        """Give the name of the pass that made it."""
        return str(self.passes[-1]["name"])


def create(lake: Lake) -> None:
    """Create the views, or bring them up to date with the versions that there are now."""
    _view(lake, "versions", _versions(lake))
    if lake.exists("corpus"):
        _view(lake, "refined", f"SELECT * FROM {lake.name('corpus')} WHERE text IS NOT NULL")
        entered = entries(lake)
        made, oldest = _lineage(entered, None), _readable_from(entered)
        _view(lake, "edits", edits(lake, made))
        _view(lake, "removed", _removed(lake, made, oldest))


def entries(lake: Lake) -> list[Row]:
    """Give what `runs` says of versions of the corpus and of ingests: a few numbers per command.

    All that a command wants to know of the commands before it is read by this one query, which Spark compiles once.
    """
    wanted = lake.read("runs").where("corpus_version IS NOT NULL OR command IN ('ingest', 'maintain', 'forget')")
    oldest = "CAST(get_json_object(counts, '$.readable_from') AS BIGINT) AS readable_from"
    return wanted.selectExpr("corpus_version", "run_id", "command", "passes", "conf", oldest).collect()


def lineage(lake: Lake, version: int | None = None) -> tuple[Made, ...]:
    """List the versions made by passes that a version of the corpus stands on, newest first; itself among them.

    Args:
        lake: The lake.
        version: The version; None takes the newest.
    """
    return _lineage(entries(lake), version)


def _lineage(entered: Iterable[Row], version: int | None) -> tuple[Made, ...]:
    entered = tuple(entered)
    oldest = _readable_from(entered)
    made = sorted((row[:5] for row in entered if row[0] is not None), key=lambda row: row[0], reverse=True)
    return tuple(
        Made(number, run_id, tuple(passes), max(number, oldest)) for number, run_id, passes in _standing(made, version)
    )


def _readable_from(entered: Iterable[Row]) -> int:
    """Give the oldest version of the corpus that maintenance and purges have left readable."""
    cleaning = (row for row in entered if row["command"] in ("maintain", "forget"))
    return max((int(row["readable_from"]) for row in cleaning if row["readable_from"] is not None), default=0)


def _standing(rows: Iterable[Sequence[Any]], version: int | None) -> Iterable[tuple[int, str, list[dict[str, Any]]]]:
    longest: list[dict[str, Any]] = []
    for number, run_id, command, passes, conf in rows:
        if version is not None and number > version:
            continue
        if command == "restore":  # what was made since the restored version is left behind
            version = int(json.loads(conf or "{}").get("version", number))
            continue
        gone = json.loads(passes or "[]")
        shared = min(len(gone), len(longest))
        if gone and gone[:shared] == longest[:shared]:  # a pass that ran again leaves its old versions behind
            longest = max(gone, longest, key=len)
            yield int(number), run_id, gone


def edits(lake: Lake, made: Iterable[Made]) -> str:
    """Write the query for the operations of some versions, one row each."""
    # A version holds the operations of the pass that made it; those of the passes before are in theirs.
    parts = [
        "SELECT doc_id, source, snapshot, url, pass_name, "
        f"{item.version} AS version, o.chunk_index, o.op, o.line_start, o.line_end, o.source AS source_str, "
        "o.target AS target_str, o.status, o.reason, o.found, o.words_removed "
        f"FROM {lake.name('corpus')} VERSION AS OF {item.read} LATERAL VIEW explode(ops) AS o "
        f"WHERE run_id = '{item.run_id}'"
        for item in tuple(made) or (Made(0, "", (), 0),)
    ]
    return " UNION ALL ".join(parts)


def _removed(lake: Lake, made: Sequence[Made], oldest: int) -> str:
    """Write the query for what applied operations took out: one row per removed line or replaced string.

    Operations name lines of the text before their pass, which is in the version before, or in `documents` for one that
    came later than that version.
    """
    editing = [(item, before) for item, before in zip(made, (*made[1:], None), strict=False) if item.version >= oldest]
    parts = []
    for item, before in editing:
        text, join = "d.text", ""
        if before is not None and before.version >= oldest:
            text = "coalesce(b.text, d.text)"
            join = f"LEFT JOIN {lake.name('corpus')} VERSION AS OF {before.version} AS b ON b.doc_id = c.doc_id "
        inner = (
            f"SELECT c.doc_id, c.source, c.snapshot, c.url, c.pass_name, {text} AS before, explode(c.ops) AS o "
            f"FROM {lake.name('corpus')} VERSION AS OF {item.version} AS c "
            f"JOIN {lake.name('documents')} AS d ON d.doc_id = c.doc_id {join}"
            f"WHERE c.run_id = '{item.run_id}' AND c.outcome <> 'kept'"
        )
        parts.append(_exploded(inner, item.version))
    nothing = "SELECT " + ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in _REMOVED) + " WHERE false"
    return " UNION ALL ".join(parts) or nothing


_REMOVED = (
    ("doc_id", "STRING"),
    ("source", "STRING"),
    ("snapshot", "STRING"),
    ("url", "STRING"),
    ("pass_name", "STRING"),
    ("version", "INT"),
    ("op", "STRING"),
    ("line", "INT"),
    ("text", "STRING"),
    ("replacement", "STRING"),
)


def _exploded(inner: str, version: int) -> str:
    line = "named_struct('line', o.line_start + i, 'text', t, 'replacement', CAST(NULL AS STRING))"
    lines = f"transform(slice(split(before, '\\\\n'), o.line_start + 1, o.found), (t, i) -> {line})"
    string = "array(named_struct('line', CAST(NULL AS INT), 'text', o.source, 'replacement', coalesce(o.target, '')))"
    return (
        f"SELECT doc_id, source, snapshot, url, pass_name, {version} AS version, o.op, r.line, r.text, r.replacement "
        f"FROM ({inner}) LATERAL VIEW explode(IF(o.op = 'normalize', {string}, {lines})) AS r "
        "WHERE o.status = 'applied' AND o.op IN ('remove_lines', 'normalize')"
    )


def _versions(lake: Lake) -> str:
    names = (*OUTCOMES, "words_before", "words_after")
    numbers = ", ".join(f"CAST(get_json_object(counts, '$.{name}') AS BIGINT) AS {name}" for name in names)
    tags = f"SELECT version, array_sort(collect_list(tag)) AS tags FROM ({tags_query(lake)}) GROUP BY version"
    return (
        f"SELECT corpus_version AS version, command AS name, pass_name, run_id, finished_at, {numbers}, "
        "coalesce(tags, CAST(array() AS ARRAY<STRING>)) AS tags "
        f"FROM {lake.name('runs')} LEFT JOIN ({tags}) AS t ON t.version = corpus_version "
        "WHERE corpus_version IS NOT NULL"
    )


def tags_query(lake: Lake) -> str:
    """Write the query for the tags as they are now: what was said last of each name holds."""
    said = "get_json_object(conf, '$.tag') AS tag, CAST(get_json_object(conf, '$.version') AS BIGINT) AS version"
    return (
        f"SELECT tag, max_by(version, struct(finished_at, run_id)) AS version FROM (SELECT {said}, finished_at, run_id "
        f"FROM {lake.name('runs')} WHERE command = 'tag') GROUP BY tag"
    )


def _view(lake: Lake, name: str, query: str) -> None:
    lake.spark.sql(f"CREATE OR REPLACE VIEW {lake.name(name)} AS {query}")
