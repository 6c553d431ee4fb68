"""One adapter per source: which columns of a record are its text, URL and identity, and where its snapshot is named.

An adapter is a value; `to_record` is the same for all of them and knows neither files nor file formats. Every other
column goes to `metadata`, with the bytes that it has in the source.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from prox_spark.errors import SourceError
from prox_spark.sources import redpajama
from prox_spark.sources.columns import Columns, canonical, find, string, string_column, to_json
from prox_spark.sources.records import BadRecord, Origin, Record, digest

GENERIC = ("jsonl", "parquet", "table")
"""Sources whose columns the user names."""

SNAPSHOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What may name a snapshot; it becomes a folder of the table, and may come from the data."""

DEFAULT_SNAPSHOT = "default"

SNAPSHOT_FOLDERS = ("snapshot", "dump")
"""Folders `snapshot=…` and `dump=…` name the snapshot of the records below them."""

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"

_FOLDER = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)=(.+)", re.DOTALL)


class Settings(Protocol):
    """The settings that the generic adapters need."""

    @property
    def text_column(self) -> str:
        """Name the column with the text."""

    @property
    def url_column(self) -> str | None:
        """Name the column with the URL, if there is one."""

    @property
    def id_column(self) -> str | None:
        """Name the column that tells records apart; None takes the whole record."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """How the records of one source become documents.

    Attributes:
        name: As in `documents.source` and on the command line.
        text_column: The column with the text.
        url_column: The column with the URL.
        identity: Columns that, with source, URL and text, make a record what it is: they survive re-packing, another
            order of keys and another file name. None takes all columns.
        required_identity: A record without an `identity` column is bad.
        path_snapshot: Matches the part of a file's path that names its snapshot (group 1).
        record_snapshot: The snapshot that a record itself names, if any.
        unfold: Turns columns that are JSON in a string into columns.
        joined: The path of the file whose lines belong to the lines of a file at a path, if it has one.
        ignored: Matches the paths of files that are part of the data set but hold no documents.
    """

    name: str
    text_column: str = "text"
    url_column: str | None = "url"
    identity: tuple[str, ...] | None = None
    required_identity: bool = False
    path_snapshot: re.Pattern[str] | None = None
    record_snapshot: Callable[[Columns], str | None] | None = None
    unfold: Callable[[Columns], Columns] | None = None
    joined: Callable[[str], str | None] | None = None
    ignored: re.Pattern[str] | None = None

    def origin(self, path: str, snapshot: str | None = None) -> Origin:
        """Give the origin of a file's records; `snapshot` is the one that the user gave.

        >>> adapter("c4").origin("/data/c4/en.noclean/c4-train.00000-of-01024.json.gz").snapshot
        'en.noclean'
        """
        columns = path_columns(path)
        of_folders = [string(columns.get(key)) for key in SNAPSHOT_FOLDERS]
        of_path = self.path_snapshot.findall(path)[-1:] if self.path_snapshot else []
        known = next((name for name in (*of_folders, *of_path) if name and SNAPSHOT.fullmatch(name)), DEFAULT_SNAPSHOT)
        return Origin(path, snapshot or known, snapshot is not None, columns)


def path_columns(path: str) -> Columns:
    """Give what the folders of a path say of its records, in the form that Hive and Spark write.

    >>> path_columns("/data/dump=CC-MAIN-2024-10/language=en/part-0.parquet")
    {'dump': b'"CC-MAIN-2024-10"', 'language': b'"en"'}
    """
    if "=" not in path:
        return {}
    folders = (_FOLDER.fullmatch(name) for name in path.split("/")[:-1])
    return {match[1]: _folder_value(match[2]) for match in folders if match}


def adapter(source: str, settings: Settings | None = None) -> Adapter:
    """Give the adapter of a source.

    Args:
        source: One of `SOURCES`.
        settings: Names the columns of `GENERIC` sources; the others have theirs.

    Raises:
        SourceError: There is no such source.
    """
    if source in GENERIC:
        return _generic(source, settings)
    known = {item.name: item for item in (C4, FINEWEB, REDPAJAMA_V2, OPENWEBMATH)}
    if source not in known:
        raise SourceError(f"there is no source {source}; known: {', '.join(SOURCES)}")
    return known[source]


def to_record(source: Adapter, origin: Origin, position: int, text: bytes, columns: Columns) -> Record:
    """Make the document of one record.

    Args:
        source: The adapter.
        origin: The file of the record.
        position: Where the record is in its file.
        text: The text, valid UTF-8.
        columns: All other columns.

    Raises:
        BadRecord: A column does not hold what it must.
    """
    if source.unfold is not None:
        columns = source.unfold(columns)
    own = columns
    if origin.columns:  # what the record itself says of such a column wins
        columns = {**columns, **{name: value for name, value in origin.columns.items() if name not in columns}}
    url = string_column(columns, source.url_column)
    text_sha256 = hashlib.sha256(text).hexdigest()
    identity = _identity(source, own, columns)
    doc_id = digest((source.name.encode(), None if url is None else url.encode(), text_sha256.encode(), *identity))
    snapshot = origin.snapshot
    if source.record_snapshot is not None and not origin.final:
        named = source.record_snapshot(columns)
        snapshot = named if named and SNAPSHOT.fullmatch(named) else snapshot
    metadata = to_json(columns, without=source.url_column)
    return Record(origin.path, position, snapshot, doc_id, url, text, text_sha256, metadata)


def check_snapshot(snapshot: str | None) -> None:
    """Check the name that a user gave to a snapshot.

    Raises:
        SourceError: It cannot be the name of a folder.
    """
    if snapshot is not None and not SNAPSHOT.fullmatch(snapshot):
        raise SourceError(f"a snapshot is named by letters, digits, '.', '_' and '-' (up to 100), got {snapshot!r}")


def _identity(source: Adapter, own: Columns, columns: Columns) -> list[bytes | None]:
    """Give what makes a record what it is; where that is the whole record, its folder is no part of it."""
    if source.identity is None:
        return [canonical(to_json(own, without=source.url_column))]
    values = (columns.get(name) or find(columns, name) for name in source.identity)
    identity = [None if value is None else canonical(value) for value in values]
    if source.required_identity and None in identity:
        raise BadRecord("wrong_type", f"the id column {source.identity[0]} must hold a value, got none")
    return identity


def _folder_value(written: str) -> bytes:
    return b"null" if written == NULL_FOLDER else json.dumps(unquote(written), ensure_ascii=False).encode()


def _dump(columns: Columns) -> str | None:
    return string(columns.get("dump"))


def _generic(source: str, settings: Settings | None) -> Adapter:
    if settings is None:
        return Adapter(source)
    identity = None if settings.id_column is None else (settings.id_column,)
    return Adapter(
        source,
        text_column=settings.text_column,
        url_column=settings.url_column,
        identity=identity,
        required_identity=identity is not None,
    )


C4 = Adapter(
    "c4",
    identity=("timestamp",),
    path_snapshot=re.compile(r"/(en|en\.noclean|en\.noblocklist|realnewslike|multilingual)(?=/)"),
)

FINEWEB = Adapter(
    "fineweb",
    identity=("id", "date"),
    path_snapshot=re.compile(r"/(CC-MAIN-\d{4}-\d{2})(?=/)"),
    record_snapshot=_dump,
)

REDPAJAMA_V2 = Adapter(
    "redpajama-v2",
    text_column="raw_content",
    identity=("date_download", "digest"),
    path_snapshot=re.compile(r"/(\d{4}-\d{2})(?=/)"),
    record_snapshot=redpajama.snapshot,
    unfold=redpajama.unfold,
    joined=redpajama.signals_path,
    ignored=redpajama.NO_DOCUMENTS,
)

OPENWEBMATH = Adapter("openwebmath", identity=("date",))

SOURCES = (C4.name, FINEWEB.name, REDPAJAMA_V2.name, OPENWEBMATH.name, *GENERIC)
