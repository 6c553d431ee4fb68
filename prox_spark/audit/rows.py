"""Rows that leave Spark as dicts: a version, what became of an operation, a document in two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.program.operations import OperationName, Outcome, Status


class FateRow(TypedDict):
    """One operation with its fate, as `corpus.ops` holds it (`schema.APPLIED_OPERATION`)."""

    chunk_index: int | None
    op: OperationName
    line_start: int | None
    line_end: int | None
    source: str | None
    target: str | None
    scope_start: int | None
    scope_end: int | None
    status: Status
    reason: str | None
    found: int
    words_removed: int


class VersionRow(TypedDict):
    """One version of the corpus: a row of the view `versions`, and until when it can be read.

    The times are ISO 8601; `readable_until` is None for the newest version, which does not expire.
    """

    version: int
    name: str
    pass_name: str | None
    run_id: str
    finished_at: str
    kept: int | None
    edited: int | None
    dropped: int | None
    failed: int | None
    not_run: int | None
    words_before: int | None
    words_after: int | None
    tags: list[str]
    readable: bool
    readable_until: str | None


class CorpusRow(TypedDict):
    """One document in one version of the corpus."""

    doc_id: str
    source: str
    snapshot: str
    url: str | None
    text: str | None
    text_sha256: str | None
    outcome: Outcome
    reason: str | None
    pass_name: str | None
    run_id: str
    ops: list[FateRow] | None
    words_before: int | None
    words_after: int | None
    metadata: str | None


class StageRow(CorpusRow):
    """One document in one version of the corpus, with the number of that version."""

    version: int


class Life(TypedDict):
    """One document's life: its row of `documents`, its versions, and the programs of its texts."""

    document: dict[str, Any]
    versions: list[StageRow]
    programs: list[dict[str, Any]]


class DocumentPair(TypedDict):
    """One document in the versions `a` and `b`; None where a version does not have it."""

    doc_id: str
    url: str | None
    a: int
    b: int
    before: CorpusRow | None
    after: CorpusRow | None


class SampledRow(TypedDict):
    """One document that changed, a row of `stages.diff.differences` with its texts in both versions."""

    doc_id: str
    source: str
    snapshot: str
    url: str | None
    change: str
    words_before: int
    words_after: int
    outcome: Outcome | None
    reason: str | None
    pass_name: str | None
    before: str | None
    after: str | None


class ComparedRow(TypedDict):
    """One document that two versions have otherwise: a row of `stages.sides.sides` with its texts, cut to a bound."""

    doc_id: str
    source: str
    snapshot: str
    url: str | None
    fate_a: str
    fate_b: str
    reason_a: str | None
    reason_b: str | None
    words: int
    words_a: int
    words_b: int
    differs: bool
    text: str | None
    text_a: str | None
    text_b: str | None


def dicts(frame: DataFrame) -> list[dict[str, Any]]:
    """Collect a frame of few rows, as dicts all the way down."""
    return [row.asDict(recursive=True) for row in frame.collect()]
