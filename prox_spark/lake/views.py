"""The SQL of a lake's views: `refined` (rows with text), `versions`, `edits` (a row an operation), `removed` (a line).

`edits` and `removed` follow the lineage of the newest version: the versions whose passes it still stands on. Nothing
here knows a lake or a session; `name` gives the qualified, quoted name of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prox_spark.lake.lineage import PublishedVersion
from prox_spark.program.operations import OUTCOMES

Name = Callable[[str], str]

REMOVED = {
    "doc_id": "STRING",
    "source": "STRING",
    "snapshot": "STRING",
    "url": "STRING",
    "pass_name": "STRING",
    "version": "INT",
    "op": "STRING",
    "line": "INT",
    "text": "STRING",
    "replacement": "STRING",
}
"""The columns of `removed`."""


def statements(
    name: Name, lineage: Sequence[PublishedVersion], *, oldest: int, has_corpus: bool
) -> list[tuple[str, str]]:
    """Write the query of each view, as pairs of view and query.

    Args:
        name: Names a table.
        lineage: The versions that the newest one stands on, newest first.
        oldest: The oldest version of the corpus that can be read.
        has_corpus: Whether something was ingested; before that there is nothing but `versions`.
    """
    if not has_corpus:
        return [("versions", versions(name))]
    return [
        ("versions", versions(name)),
        ("refined", f"SELECT * FROM {name('corpus')} WHERE text IS NOT NULL"),
        ("edits", edits(name, lineage)),
        ("removed", removed(name, lineage, oldest)),
    ]


def versions(name: Name) -> str:
    """Write the query for the versions of the corpus, one row each, with counts and tags."""
    columns = (*OUTCOMES, "words_before", "words_after")
    counts = ", ".join(f"CAST(get_json_object(counts, '$.{column}') AS BIGINT) AS {column}" for column in columns)
    tags_of = f"SELECT version, array_sort(collect_list(tag)) AS tags FROM ({tags(name)}) GROUP BY version"
    return (
        f"SELECT corpus_version AS version, command AS name, pass_name, run_id, finished_at, {counts}, "
        "coalesce(tags, CAST(array() AS ARRAY<STRING>)) AS tags "
        f"FROM {name('runs')} LEFT JOIN ({tags_of}) AS t ON t.version = corpus_version "
        "WHERE corpus_version IS NOT NULL"
    )


def tags(name: Name) -> str:
    """Write the query for the tags as they are now: of the rows about a tag the newest counts."""
    columns = "get_json_object(conf, '$.tag') AS tag, CAST(get_json_object(conf, '$.version') AS BIGINT) AS version"
    return (
        "SELECT tag, max_by(version, struct(finished_at, run_id)) AS version "
        f"FROM (SELECT {columns}, finished_at, run_id FROM {name('runs')} WHERE command = 'tag') GROUP BY tag"
    )


def edits(name: Name, lineage: Sequence[PublishedVersion]) -> str:
    """Write the query for the operations of some versions, one row each."""
    # A version holds the operations of the pass that made it; those of the passes before are in theirs.
    operations = [_operations(name, version.version, version.run_id, version.read) for version in lineage]
    return " UNION ALL ".join(operations or [_operations(name, 0, "", 0)])  # no run has the empty id: no rows


def _operations(name: Name, version: int, run_id: str, read: int) -> str:
    return (
        "SELECT doc_id, source, snapshot, url, pass_name, "
        f"{version} AS version, o.chunk_index, o.op, o.line_start, o.line_end, o.source AS source_str, "
        "o.target AS target_str, o.status, o.reason, o.found, o.words_removed, "
        "IF(o.op = 'score', try_cast(o.target AS DOUBLE), NULL) AS value "
        f"FROM {name('corpus')} VERSION AS OF {read} LATERAL VIEW explode(ops) AS o "
        f"WHERE run_id = '{run_id}'"
    )


def removed(name: Name, lineage: Sequence[PublishedVersion], oldest: int) -> str:
    """Write the query for what applied operations took out: one row per removed line or replaced string.

    Operations name lines of the text before their pass, which is in the version before, or in `documents` for one that
    came later than that version.
    """
    parts = []
    for version, before in zip(lineage, (*lineage[1:], None), strict=False):
        if version.version < oldest:
            continue
        text, join = "d.text", ""
        if before is not None and before.version >= oldest:
            text = "coalesce(b.text, d.text)"
            join = f"LEFT JOIN {name('corpus')} VERSION AS OF {before.version} AS b ON b.doc_id = c.doc_id "
        operations = (
            f"SELECT c.doc_id, c.source, c.snapshot, c.url, c.pass_name, {text} AS before, explode(c.ops) AS o "
            f"FROM {name('corpus')} VERSION AS OF {version.version} AS c "
            f"JOIN {name('documents')} AS d ON d.doc_id = c.doc_id {join}"
            f"WHERE c.run_id = '{version.run_id}' AND c.outcome <> 'kept'"
        )
        parts.append(_lines_of(operations, version.version))
    nothing = "SELECT " + ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in REMOVED.items())
    return " UNION ALL ".join(parts) or f"{nothing} WHERE false"


def _lines_of(operations: str, version: int) -> str:
    """Write the query for the lines and strings of applied operations that have the text `before` beside them."""
    line = "named_struct('line', o.line_start + i, 'text', t, 'replacement', CAST(NULL AS STRING))"
    lines = f"transform(slice(split(before, '\\\\n'), o.line_start + 1, o.found), (t, i) -> {line})"
    string = "array(named_struct('line', CAST(NULL AS INT), 'text', o.source, 'replacement', coalesce(o.target, '')))"
    return (
        f"SELECT doc_id, source, snapshot, url, pass_name, {version} AS version, o.op, r.line, r.text, r.replacement "
        f"FROM ({operations}) LATERAL VIEW explode(IF(o.op = 'normalize', {string}, {lines})) AS r "
        "WHERE o.status = 'applied' AND o.op IN ('remove_lines', 'normalize')"
    )
