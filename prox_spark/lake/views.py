"""The SQL of a lake's views: `refined` (rows with text), `versions`, `edits` (a row an operation), `removed` (a line).

`duplicates` has a row a document that was dropped as a copy. It, `edits` and `removed` follow the lineage of the newest
version: the versions whose passes it still stands on. Nothing here knows a lake or a session; `name` gives the
qualified, quoted name of a table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from prox_spark.duplicates import DOCUMENT, FAMILY, SIMILARITY, TWIN
from prox_spark.lake.lineage import PublishedVersion
from prox_spark.passes import NEAR_DUPLICATES, Chain
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

DUPLICATES = {
    "doc_id": "STRING",
    "source": "STRING",
    "snapshot": "STRING",
    "url": "STRING",
    "twin": "STRING",
    "similarity": "DOUBLE",
    "family": "STRING",
    "reason": "STRING",
    "pass_name": "STRING",
    "version": "INT",
}
"""The columns of `duplicates`: `twin` is the earlier document, `family` the one that stayed of all that are alike."""


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
        ("duplicates", duplicates(name, lineage, oldest)),
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
    operations = [_operations(name, version) for version in lineage or (_NOTHING,)]
    return " UNION ALL ".join(operations)


_NOTHING = PublishedVersion(0, "", Chain(), 0)
"""No run has the empty id, and so no row."""


def _operations(name: Name, version: PublishedVersion) -> str:
    return (
        "SELECT doc_id, source, snapshot, url, pass_name, "
        f"{version.version} AS version, o.chunk_index, o.op, o.line_start, o.line_end, o.source AS source_str, "
        "o.target AS target_str, o.status, o.reason, o.found, o.words_removed, "
        "IF(o.op = 'score', try_cast(o.target AS DOUBLE), NULL) AS value "
        f"FROM {name('corpus')} VERSION AS OF {version.read} LATERAL VIEW explode(ops) AS o "
        f"WHERE run_id = '{version.run_id}'{_still_stands(name, version, 'doc_id')}"
    )


def _still_stands(name: Name, version: PublishedVersion, doc_id: str) -> str:
    """Write the condition that a document is still there, and that what a version did to it was not undone since."""
    return "".join(
        f" AND {doc_id} IN (SELECT doc_id FROM {name('corpus')} VERSION AS OF {number} WHERE outcome <> 'not_run')"
        for number in version.undone_in
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
            f"WHERE c.run_id = '{version.run_id}' AND c.outcome <> 'kept'{_still_stands(name, version, 'c.doc_id')}"
        )
        parts.append(_lines_of(operations, version.version))
    return " UNION ALL ".join(parts) or _no_rows(REMOVED)


def _no_rows(columns: dict[str, str]) -> str:
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
    return f"SELECT {nothing} WHERE false"


def duplicates(name: Name, lineage: Sequence[PublishedVersion], oldest: int, at: int | None = None) -> str:
    """Write the query for the documents that passes of the kind near_duplicates dropped, one row each.

    Args:
        name: Names a table.
        lineage: The versions that the corpus stands on, newest first.
        oldest: The oldest version of the corpus that can be read.
        at: The version of the corpus; None takes it as it is now. A row that was dropped stays as its pass wrote it.
    """
    parts, rows = [], name("corpus") + ("" if at is None else f" VERSION AS OF {at}")
    for version, before in zip(lineage, (*lineage[1:], None), strict=False):
        *earlier, last = map(json.loads, version.passes.keys)
        if NEAR_DUPLICATES not in last:
            continue
        is_edited = any(key["level"] == "chunk" for key in earlier)
        known = before if before is not None and before.version >= oldest and is_edited else None
        parts.append(_copies(name, rows, version, known, fingerprint=last["fingerprint"]))
    return " UNION ALL ".join(parts) or _no_rows(DUPLICATES)


def _copies(
    name: Name, rows: str, version: PublishedVersion, before: PublishedVersion | None, *, fingerprint: str
) -> str:
    """Write the query for what one version dropped; a program is found by the text that reached the pass."""
    text, join = "d.text_sha256", ""
    if before is not None:
        text = "coalesce(b.text_sha256, d.text_sha256)"
        join = f"LEFT JOIN {name('corpus')} VERSION AS OF {before.version} AS b ON b.doc_id = c.doc_id "

    def told(alias: str, pattern: str) -> str:
        return f"regexp_extract({alias}.chunks[0].completion, '{_quoted(pattern)}', 1)"

    def program(alias: str) -> str:
        return f"{alias}.pass_name = '{version.pass_name}' AND {alias}.fingerprint = '{fingerprint}'"

    same = "c.reason = 'duplicate'"
    return (
        "SELECT c.doc_id, c.source, c.snapshot, c.url, "
        f"IF({same}, {told('p', DOCUMENT)}, {told('t', DOCUMENT)}) AS twin, "
        f"IF({same}, 1D, CAST({told('p', SIMILARITY)} AS DOUBLE)) AS similarity, "
        f"IF({same}, {told('p', DOCUMENT)}, {told('p', FAMILY)}) AS family, "
        f"c.reason, c.pass_name, {version.version} AS version "
        f"FROM {rows} AS c "
        f"JOIN {name('documents')} AS d ON d.doc_id = c.doc_id {join}"
        f"JOIN {name('programs')} AS p ON p.text_sha256 = {text} AND {program('p')} "
        f"LEFT JOIN {name('programs')} AS t ON t.text_sha256 = {told('p', TWIN)} AND {program('t')} "
        f"WHERE c.run_id = '{version.run_id}' AND c.outcome = 'dropped'"
    )


def _quoted(pattern: str) -> str:
    return pattern.replace("\\", "\\\\")


def _lines_of(operations: str, version: int) -> str:
    """Write the query for the lines and strings of applied operations that have the text `before` beside them."""
    line = "named_struct('line', o.line_start + i, 'text', t, 'replacement', CAST(NULL AS STRING))"
    lines = f"transform(slice(split(before, '\\\\n'), o.line_start + 1, o.found), (t, i) -> {line})"
    string = "array(named_struct('line', CAST(NULL AS INT), 'text', o.source, 'replacement', coalesce(o.target, '')))"
    on_line = "array(named_struct('line', o.line_start, 'text', o.source, 'replacement', coalesce(o.target, '')))"
    own = "array_join(slice(split(before, '\\\\n'), coalesce(o.scope_start, 0) + 1, o.found), char(10))"
    page = f"array(named_struct('line', o.scope_start, 'text', {own}, 'replacement', coalesce(o.target, '')))"
    taken = (
        f"CASE o.op WHEN 'normalize' THEN {string} WHEN 'replace_str' THEN {on_line} WHEN 'rewrite' THEN {page} "
        f"ELSE {lines} END"
    )
    return (
        f"SELECT doc_id, source, snapshot, url, pass_name, {version} AS version, o.op, r.line, r.text, r.replacement "
        f"FROM ({operations}) LATERAL VIEW explode({taken}) AS r "
        "WHERE o.status = 'applied' AND o.op IN ('remove_lines', 'normalize', 'replace_str', 'rewrite')"
    )
