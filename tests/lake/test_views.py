"""The SQL of the views as text: which versions it reads, and what it does before there are any."""

from __future__ import annotations

import json
import re

from prox_spark.lake.lineage import PublishedVersion
from prox_spark.lake.views import REMOVED, duplicates, edits, removed, statements
from prox_spark.passes import Chain

DOC = PublishedVersion(1, "run-1", Chain(('{"name": "doc"}',)), 1)
CHUNK = PublishedVersion(2, "run-2", Chain(('{"name": "doc"}', '{"name": "chunk"}')), 2)


def name(table: str) -> str:
    return f"`main`.`lake`.`{table}`"


def versions_read(query: str) -> list[int]:
    return [int(number) for number in re.findall(r"VERSION AS OF (\d+)", query)]


def test_a_lake_without_a_corpus_has_the_view_versions_alone() -> None:
    assert [view for view, _ in statements(name, [], oldest=0, has_corpus=False)] == ["versions"]


def test_a_lake_with_a_corpus_has_all_five() -> None:
    views = dict(statements(name, [CHUNK, DOC], oldest=0, has_corpus=True))
    assert list(views) == ["versions", "refined", "edits", "removed", "duplicates"]
    assert all(name("corpus") in views[view] for view in ("refined", "edits", "removed"))


def test_edits_reads_the_operations_of_each_pass_from_its_own_version() -> None:
    query = edits(name, [CHUNK, DOC])
    assert versions_read(query) == [2, 1]
    assert re.findall(r"run_id = '([^']*)'", query) == ["run-2", "run-1"]


def test_edits_without_a_pass_asks_for_a_run_that_nobody_has() -> None:
    query = edits(name, [])
    assert versions_read(query) == [0]
    assert "run_id = ''" in query


def test_removed_takes_lines_from_the_version_before_or_from_documents() -> None:
    query = removed(name, [CHUNK, DOC], oldest=0)
    assert versions_read(query) == [
        2,
        1,
        1,
    ]  # chunk's rows, the texts before them; doc's rows, whose texts are documents
    assert query.count(name("documents")) == 2


def test_removed_leaves_out_versions_that_cannot_be_read_any_more() -> None:
    query = removed(name, [CHUNK, DOC], oldest=2)
    assert versions_read(query) == [2]
    nothing = removed(name, [], oldest=0)
    assert nothing.endswith("WHERE false")
    assert all(f"AS {column}" in nothing for column in REMOVED)


def test_duplicates_takes_the_rows_as_they_are_now_or_as_they_were_in_a_version() -> None:
    key = {"name": "copies", "fingerprint": "f", "level": "document", "near_duplicates": {}}
    dropping = PublishedVersion(1, "run-1", Chain((json.dumps(key),)), 1)
    assert versions_read(duplicates(name, [CHUNK, dropping], oldest=0)) == []
    assert versions_read(duplicates(name, [CHUNK, dropping], oldest=0, at=2)) == [2]
    assert duplicates(name, [CHUNK], oldest=0).endswith("WHERE false")
