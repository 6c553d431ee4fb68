"""RedPajama-V2: documents and their quality signals, which lie in two files that are joined by position.

    documents/2023-06/0000/en_head.json.gz                    the n-th line is a document,
    quality_signals/2023-06/0000/en_head.signals.json.gz      `id` ends in the n of its document

The public loader yields the same records merged: `raw_content`, `doc_id`, and `meta` and `quality_signals` as JSON in
strings. Both forms give the same columns: those of the document, then `doc_id` and `quality_signals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from prox_spark.sources.columns import Columns, Value, members, string
from prox_spark.sources.lines import Line
from prox_spark.sources.records import BadRecord

NO_DOCUMENTS = re.compile(r"(?:^|/)(?:quality_signals|duplicates|minhash)/|\.signals\.json(?:\.\w+)?$")

_DOCUMENTS = re.compile(r"^(.*(?:^|/))documents(/.*)\.json(\.\w+)?$", re.DOTALL)
_SNAPSHOT = re.compile(r"(\d{4}-\d{2})/")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def signals_path(path: str) -> str | None:
    """Give the path of the signals of a file of documents, None for a file that has none.

    >>> signals_path("/rp/documents/2023-06/0000/en_head.json.gz")
    '/rp/quality_signals/2023-06/0000/en_head.signals.json.gz'
    """
    found = _DOCUMENTS.match(path)
    return f"{found[1]}quality_signals{found[2]}.signals.json{found[3] or ''}" if found else None


def snapshot(columns: Columns) -> str | None:
    """Give the snapshot that the id of a record begins with: `2023-06` of `2023-06/0000/en_head.json.gz/0`."""
    found = _SNAPSHOT.match(string(columns.get("doc_id")) or "")
    return found[1] if found else None


def unfold(columns: Columns) -> Columns:
    """Turn the merged form into the columns of the joined one; other records stay as they are."""
    meta = _object(columns.get("meta"))
    if meta is None:
        return columns
    signals = _object(columns.get("quality_signals"))
    rest = {name: value for name, value in columns.items() if name != "meta"}
    if signals is not None:
        rest["quality_signals"] = (string(columns["quality_signals"]) or "").encode()
    return {**meta, **rest}


@dataclass(frozen=True, slots=True)
class Signals:
    """One line of a signals file.

    Attributes:
        row: 0-based line of its document.
        url: The address of the page that it was computed from.
        columns: What the document gets: `doc_id`, `id_int`, `signals_metadata`, `quality_signals`.
        line: The line itself.
    """

    row: int
    url: str | None
    columns: Columns
    line: Line


def signals(columns: Columns, line: Line) -> Signals:
    """Read one line of a signals file, which has these columns.

    Raises:
        BadRecord: It does not say which document it belongs to.
    """
    row = (string(columns.get("id")) or "").rpartition("/")[2]
    if not (row.isascii() and row.isdigit() and len(row) < 19):
        raise BadRecord("wrong_type", "id: must end in /<row of the document>")
    about = members(columns.get("metadata", b"{}"))
    renamed = {"id": "doc_id", "metadata": "signals_metadata"}
    return Signals(
        int(row), string(about.get("url")), {renamed.get(name, name): value for name, value in columns.items()}, line
    )


class Join:
    """The signals of each document, found in one reading of both files, in step.

    Attributes:
        misplaced: Signals that name another page than the document in their place; whoever reports them takes them out.
    """

    def __init__(self, found: Iterator[Signals]) -> None:
        self._signals = found
        self._next: Signals | None = next(found, None)
        self.misplaced: list[Signals] = []

    def add(self, row: int, columns: Columns) -> Columns:
        """Give the columns of the document in line `row`, with its signals.

        Signals of another page than the document's are left out: the files are not of one piece.
        """
        while self._next is not None and self._next.row < row:
            self._next = next(self._signals, None)
        if self._next is None or self._next.row != row:
            return columns
        if self._next.url is not None and self._next.url != string(columns.get("url")):
            self.misplaced.append(self._next)
            return columns
        return {**columns, **self._next.columns}


def _object(value: Value | None) -> Columns | None:
    """Give the members of a JSON object that stands in a JSON string, None for anything else."""
    try:
        return dict(_OBJECT.decode(string(value) or ""))
    except (msgspec.DecodeError, RecursionError):
        return None
