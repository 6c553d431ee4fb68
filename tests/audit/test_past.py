"""Versions are named, compared, restored, forgotten and kept up, on a real lake."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from prox_spark import pipeline
from prox_spark.audit import diff, forget, maintain, restore, tags
from prox_spark.audit.history import document, history
from prox_spark.audit.retention import retention
from prox_spark.audit.verify import verify
from prox_spark.errors import RunError, UserError
from prox_spark.lake.ledger import Run
from prox_spark.lake.lineage import lineage
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from prox_spark.config import Config

pytestmark = pytest.mark.spark


def texts(lake: Lake, version: int | None = None) -> dict[str, str | None]:
    return {row["doc_id"]: row["text"] for row in lake.read("corpus", version).select("doc_id", "text").collect()}


def test_a_tag_names_a_version_until_it_is_moved_or_removed(lake: Lake) -> None:
    assert tags.tag(lake, "raw", "0") == 0
    assert tags.tag(lake, "v1.0") == 2
    assert (tags.resolve(lake, "v1.0"), tags.resolve(lake, "latest"), tags.resolve(lake, 1)) == (2, 2, 1)
    with pytest.raises(UserError, match="--move"):
        tags.tag(lake, "raw", "1")
    tags.tag(lake, "raw", "1", move=True)
    assert [(row["version"], row["tags"]) for row in history(lake)] == [(0, []), (1, ["raw"]), (2, ["v1.0"])]
    tags.untag(lake, "raw")
    assert tags.tags(lake) == {"v1.0": 2}
    for wrong in ("1", "latest", "a b", "", "x" * 65):
        with pytest.raises(UserError, match="a tag is"):
            tags.tag(lake, wrong)
    with pytest.raises(UserError, match=r"versions are 0-2, tags v1\.0"):
        tags.resolve(lake, "raw")


def test_a_diff_counts_by_source_reason_and_operation_what_became_of_the_documents(finished: Lake) -> None:
    compared = diff.diff(finished, 0, "latest")
    counts = compared.summary()
    now = finished.read("corpus")
    assert counts["documents"] == counts["kept"] + counts["edited"] + counts["dropped"] == 40
    assert counts["dropped"] == now.where("text IS NULL").count()
    assert (
        counts["edited"]
        == now.join(finished.read("documents").withColumnRenamed("text", "old"), "doc_id")
        .where("text IS NOT NULL AND text <> old")
        .count()
    )
    assert [(row["source"], row["snapshot"], row["documents"]) for row in counts["by_source"]] == [("jsonl", "one", 40)]
    assert sum(row["documents"] for row in counts["by_reason"]) == counts["dropped"]
    edits = finished.sql("SELECT count(*) FROM edits").first()[0]
    assert sum(row["operations"] for row in counts["by_operation"]) == edits
    back = diff.diff(finished, 2, 0).summary()
    assert (back["restored"], back["dropped"], back["by_operation"]) == (counts["dropped"], 0, [])
    assert (back["words_before"], back["words_after"]) == (counts["words_after"], counts["words_before"])


def test_a_sample_shows_changed_documents_and_the_same_ones_again(finished: Lake) -> None:
    compared = diff.diff(finished, 0, 2)
    drawn = diff.sample(finished, compared, 4)
    assert [row["doc_id"] for row in drawn] == [row["doc_id"] for row in diff.sample(finished, compared, 4)]
    assert all(row["before"] != row["after"] for row in drawn)
    largest = diff.sample(finished, compared, 3, largest=True)
    changes = [abs(row["words_after"] - row["words_before"]) for row in largest]
    assert changes == sorted(changes, reverse=True)
    one = diff.document(finished, largest[0]["doc_id"][:20], 0)
    assert (one["before"]["text"], one["after"]["text"]) == (largest[0]["before"], largest[0]["after"])


def test_the_view_removed_holds_each_line_that_an_operation_took_out(finished: Lake) -> None:
    rows = finished.sql(
        "SELECT r.*, d.text AS before FROM removed AS r JOIN documents AS d USING (doc_id) WHERE op = 'remove_lines'"
    ).collect()
    assert rows
    assert all(row["before"].split("\n")[row["line"]] == row["text"] for row in rows)
    found = finished.sql("SELECT sum(found) FROM edits WHERE op = 'remove_lines' AND status = 'applied'").first()[0]
    assert len(rows) <= found  # operations of documents that ended as they began are not counted


def test_restoring_publishes_an_old_version_again_and_can_be_undone(
    lake: Lake, settings: Config, ingest_more: Callable[[], None]
) -> None:
    old, newest = texts(lake, 0), texts(lake, 2)
    assert restore.restore(lake, 0).version == 3
    assert texts(lake) == old
    assert lake.sql("SELECT count(*) FROM edits").first()[0] == 0  # nothing that was done stands any more
    assert restore.restore(lake, 3).version is None
    ingest_more()
    summary = restore.restore(lake, 2)
    assert (summary.documents, summary.later, summary.forgotten) == (80, 40, 0)
    assert {doc_id: text for doc_id, text in texts(lake).items() if doc_id in newest} == newest
    assert {made.version for made in lineage(lake.entries())} == {1, 2}
    assert verify(lake).findings == ()
    applied = [apply for _, apply in pipeline.run(lake, settings)]
    assert applied[-1].not_run == 0
    assert {doc_id: text for doc_id, text in texts(lake).items() if doc_id in newest} == newest


def test_forgotten_documents_leave_every_table_and_a_purge_takes_their_old_versions(lake: Lake) -> None:
    ids = [row[0] for row in lake.read("corpus").where("outcome = 'edited'").select("doc_id").limit(2).collect()]
    programs = lake.count("programs")
    tags.tag(lake, "v1.0", "1")
    summary = forget.forget(lake, [*ids, "0" * 64])
    assert (summary.asked, summary.documents, summary.version) == (3, 2, 3)
    assert lake.count("programs") == programs - summary.programs < programs
    for table in ("documents", "corpus"):
        assert lake.read(table).count() == 38
    assert all(item.until is not None for item in summary.remains)
    assert verify(lake).findings == ()
    assert verify(lake, 2).findings == ()  # still what it was, with its documents and programs of then
    with pytest.raises(UserError, match="--drop-tags"):
        forget.forget(lake, ids, now=True)
    assert restore.restore(lake, 2).forgotten == 2
    purged = forget.forget(lake, ids, now=True, drop_tags=True)
    assert (purged.documents, purged.untagged, purged.remains[0].until) == (0, ("v1.0",), None)
    assert [row["version"] for row in history(lake) if row["readable"]] == [4]
    with pytest.raises(UserError, match="no more"):
        diff.diff(lake, 2)
    assert lake.sql("SELECT count(*) FROM edits").first()[0] > 0
    assert lake.sql("SELECT count(*) FROM removed").first()[0] == 0  # the versions that say what they took out are gone
    assert verify(lake).findings == ()


def test_maintenance_keeps_what_tags_and_edits_need_whatever_it_is_told(lake: Lake) -> None:
    old = texts(lake, 0)
    tags.tag(lake, "raw", "0")
    with pytest.raises(UserError, match="at least 7"):
        maintain.maintain(lake, keep_days=1)
    done = maintain.maintain(lake, keep_days=0, least_days=0)  # as if the lake were so old
    assert done.needed == {0: "tag raw", 1: "edits of pass doc", 2: "edits of pass chunk"}
    assert texts(lake, 0) == old
    assert done.readable_from == 0
    kept = retention(lake, "corpus")
    assert (kept.log.days, kept.files.days) == (3650, 3650)
    assert lake.sql("SELECT count(DISTINCT version) FROM edits").first()[0] == 2


def test_a_needed_version_that_will_expire_is_warned_of(lake: Lake) -> None:
    assert maintain.expiring(lake) == ()
    maintain._set(lake, "corpus", {"delta.deletedFileRetentionDuration": "interval 10 days"})
    (first, *_) = maintain.expiring(lake)
    assert first.startswith("version 1 (edits of pass doc) can be read until")


def test_a_change_of_a_table_that_another_command_overtook_is_refused(lake: Lake) -> None:
    statement = f"DELETE FROM {lake.name('corpus')} WHERE outcome = 'kept'"
    with pytest.raises(RunError, match="run the command again"):
        lake.change("corpus", statement, Run.start("forget").commit(), after=1)
    assert lake.count("corpus") == 40


def test_a_document_tells_its_life_also_when_old_versions_are_gone(lake: Lake) -> None:
    doc_id = lake.read("corpus").where("outcome = 'edited'").first()["doc_id"]
    assert [row["version"] for row in document(lake, doc_id)["versions"]] == [0, 1, 2]
    forget.forget(lake, ["0" * 64], now=True)
    assert [row["version"] for row in document(lake, doc_id)["versions"]] == [2]
