"""Which versions the newest one stands on, out of a handful of entries: no lake, no Spark."""

from __future__ import annotations

import json

from prox_spark.lake.lineage import Entry, lineage, oldest_readable
from prox_spark.passes import Chain


def chain(*names: str) -> Chain:
    return Chain(tuple(json.dumps({"name": name}) for name in names))


def applied(version: int, *names: str) -> Entry:
    return Entry(f"run-{version}", "apply", version, chain(*names))


INGEST = Entry("run-0", "ingest", 0)


def numbers(*entries: Entry, of: int | None = None) -> list[int]:
    return [version.version for version in lineage(entries, of)]


def test_a_version_stands_on_the_passes_before_it_and_not_on_the_ingest() -> None:
    assert numbers(INGEST, applied(1, "doc"), applied(2, "doc", "chunk")) == [2, 1]


def test_an_old_version_stands_on_what_was_there_then() -> None:
    assert numbers(INGEST, applied(1, "doc"), applied(2, "doc", "chunk"), of=1) == [1]


def test_the_order_in_which_runs_gives_its_rows_does_not_matter() -> None:
    assert numbers(applied(2, "doc", "chunk"), INGEST, applied(1, "doc")) == [2, 1]


def test_a_pass_that_ran_again_with_another_model_leaves_its_old_versions_behind() -> None:
    assert numbers(INGEST, applied(1, "doc"), applied(2, "doc", "chunk"), applied(3, "other")) == [3]


def test_a_pass_that_caught_up_with_later_documents_stands_on_both_of_its_versions() -> None:
    entries = [INGEST, applied(1, "doc"), applied(2, "doc", "chunk"), Entry("run-3", "ingest", 3)]
    assert numbers(*entries, applied(4, "doc"), applied(5, "doc", "chunk")) == [5, 4, 2, 1]


def test_a_restore_leaves_behind_what_came_after_the_restored_version() -> None:
    restore = Entry("run-3", "restore", 3, conf={"version": 1})
    assert numbers(INGEST, applied(1, "doc"), applied(2, "doc", "chunk"), restore) == [1]
    again = Entry("run-4", "restore", 4, conf={"version": 2})
    assert numbers(INGEST, applied(1, "doc"), applied(2, "doc", "chunk"), restore, again) == [2, 1]


def test_what_a_forget_undoes_is_known_until_a_version_is_read_that_came_after_it() -> None:
    forget = Entry("run-3", "forget", 3, returned=2)
    passes = [INGEST, applied(1, "copies"), applied(2, "copies", "chunk")]
    again = [applied(4, "copies"), Entry("run-5", "forget", 5)]

    def undone(*entries: Entry, of: int | None = None) -> list[tuple[int, tuple[int, ...]]]:
        return [(one.version, one.undone_in) for one in lineage([*passes, *entries], of)]

    assert undone() == [(2, ()), (1, ())]
    assert undone(forget, *again) == [(4, (5,)), (2, (5, 3)), (1, (5, 3))]
    assert undone(forget, *again, of=2) == [(2, ()), (1, ())]
    restored = Entry("run-6", "restore", 6, conf={"version": 2})
    assert undone(forget, *again, restored) == [(2, (6,)), (1, (6,))]
    purged = Entry("run-7", "forget", 7, readable_from=7)
    assert undone(forget, *again, purged) == [(4, ()), (2, ()), (1, ())]


def test_a_version_whose_files_are_gone_is_read_from_the_oldest_that_is_left() -> None:
    upkeep = Entry("run-x", "maintain", readable_from=2)
    versions = lineage([INGEST, applied(1, "doc"), applied(2, "doc", "chunk"), upkeep])
    assert [(version.version, version.read, version.pass_name) for version in versions] == [
        (2, 2, "chunk"),
        (1, 2, "doc"),
    ]
    assert oldest_readable([INGEST]) == 0
    assert oldest_readable([upkeep, Entry("run-y", "forget", readable_from=1)]) == 2
