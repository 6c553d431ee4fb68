"""The values that reading files gives: records, each a document or a bad record with a reason from a closed list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

REASONS = (
    "invalid_json",  # the line is not one JSON value; `NaN` and unescaped control characters are not JSON
    "not_an_object",  # the line is JSON, but no object
    "missing_text",  # no column of that name
    "null_text",
    "wrong_type",  # text, URL or id is not what its column must hold
    "undecodable_text",  # bytes that are not UTF-8
    "lone_surrogate",  # an escape for half a character, which no UTF-8 text can hold
    "too_large",  # longer than ingest.max_record_bytes; or a file whose decompression needs more than max_window_bytes
    "not_json_lines",  # JSON, but not one object a line: an array, an object over many lines, UTF-16
    "unknown_format",  # a file of a kind that is not read, such as lz4, zip or ORC
    "duplicate_column",  # two columns of a Parquet file have the name of the text, URL or id column
    "misplaced_signals",  # quality signals that name another page than the document in their place, which goes without
    "truncated_file",  # the file ends inside its compressed stream; what came before is kept
    "corrupt_file",  # the compressed stream is damaged; what came before is kept
    "empty_file",  # a file without a record
    "unreadable_file",  # a file that cannot be opened, or a Parquet file without a readable footer
    "unreadable_rows",  # a row group of a Parquet file that cannot be read; the others are
    "unexpected",  # what no reader knows of; the detail names it
)
"""Values of `quarantine.reason`."""

RAW_BYTES = 4096
"""Most bytes of a bad record that are kept."""

DETAIL_CHARS = 500


class Record(NamedTuple):
    """One record of a source file: a document, or (when `reason` is set) what could not be read.

    A tuple and not a dataclass: a corpus has billions of them, and columns are made by transposing them.

    Attributes:
        source_file: Path of the file.
        position: Byte offset in the decompressed file, or row number in a Parquet file.
        snapshot: Name of the crawl.
        doc_id: sha256 over the stable parts of the record, hex; None in a bad record, like the next five.
        url: The address of the page, if the source has one.
        text: UTF-8.
        text_sha256: Of `text`, hex.
        metadata: JSON object of all source columns without a column of their own.
        reason: One of REASONS; None in a document, like the next three.
        detail: What the parser says.
        raw: The first bytes of the bad record.
        raw_bytes: Its length before it was cut to `raw`; 0 when unknown.
    """

    source_file: str
    position: int
    snapshot: str
    doc_id: str | None = None
    url: str | None = None
    text: bytes | None = None
    text_sha256: str | None = None
    metadata: bytes | None = None
    reason: str | None = None
    detail: str | None = None
    raw: bytes | None = None
    raw_bytes: int | None = None


class BadRecord(Exception):
    """The reason why one record is no document; caught where the record was read, never leaves this room."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records come from, the same for all records of a file.

    Attributes:
        path: The file.
        snapshot: Of its records, unless they name theirs.
        final: The user gave the snapshot: what a record names does not count.
        columns: What the folders of the path say, as `language=en` does: JSON values by name.
    """

    path: str
    snapshot: str
    final: bool = False
    columns: Mapping[str, bytes] = field(default_factory=dict)


def quarantined(
    reason: str, detail: str, origin: Origin, position: int, raw: bytes = b"", *, raw_bytes: int | None = None
) -> Record:
    """Make the record of something that could not be read; `raw` and `detail` are cut to their bounds."""
    return Record(
        source_file=origin.path,
        position=position,
        snapshot=origin.snapshot,
        reason=reason,
        detail=detail[:DETAIL_CHARS].encode("utf-8", "replace").decode(),
        raw=raw[:RAW_BYTES],
        raw_bytes=len(raw) if raw_bytes is None else raw_bytes,
    )


def described(error: Exception) -> str:
    """Give what an error is that no reader knows of."""
    return f"{type(error).__name__}: {error}"


def digest(parts: Iterable[bytes | None]) -> str:
    """Hash parts so that no two different lists of parts give the same bytes to hash.

    >>> digest([b"ab", b"c"]) == digest([b"a", b"bc"]), digest([None]) == digest([b""])
    (False, False)
    """
    framed = [b"\xff" * 8 if part is None else len(part).to_bytes(8, "big") + part for part in parts]
    return hashlib.sha256(b"".join(framed)).hexdigest()


def record_id(path: str, position: int, reason: str) -> str:
    """Give the id of a bad record, the same at every ingest of the same file."""
    return digest((path.encode("utf-8", "replace"), str(position).encode(), reason.encode()))
