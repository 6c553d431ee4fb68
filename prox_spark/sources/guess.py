"""What a file is, by looking at its first records: which source reads it, and which columns hold text and URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from prox_spark.errors import SourceError
from prox_spark.sources.adapters import C4, FINEWEB, OPENWEBMATH, REDPAJAMA_V2
from prox_spark.sources.columns import Columns, Value, members, string
from prox_spark.sources.compression import BrokenStream
from prox_spark.sources.files import is_parquet
from prox_spark.sources.json_lines import parse_object
from prox_spark.sources.parquet_values import is_string
from prox_spark.sources.records import BadRecord
from prox_spark.sources.streams import Input, chunks, head

RECORDS = 50
LONGEST_HEAD = 64 << 20
"""Bytes in which a file must have come to the end of its first line."""

DEPTH = 3
"""Objects inside of objects that are looked into; their columns go by paths, such as `content.text`."""

TEXT_COLUMNS = ("text", "content", "raw_content", "body", "document", "page", "article", "markdown", "article_text")
URL_COLUMNS = ("url", "uri", "link", "source_url", "page_url", "target_uri")

_NAMED = {
    C4.name: ("json", {"text", "timestamp", "url"}),
    FINEWEB.name: ("parquet", {"text", "id", "dump", "url", "date"}),
    REDPAJAMA_V2.name: ("json", {"raw_content", "date_download", "digest"}),
    OPENWEBMATH.name: ("parquet", {"url", "text", "date", "metadata"}),
}
"""The format of each source that has columns of its own, and those by which it is told."""

Strings = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Guess:
    """What a file seems to be.

    Attributes:
        source: As on the command line.
        text_column: The column with the text.
        url_column: The column with the URL; None where there is none.
        named: Whether the source has these columns by itself, so that nobody need name them.
    """

    source: str
    text_column: str
    url_column: str | None
    named: bool


def guess(source: Input, *, text_column: str | None = None) -> Guess:
    """Look at a file's first records.

    Args:
        source: The file.
        text_column: The column with the text, where the user knows it.

    Raises:
        SourceError: It is neither JSON lines nor Parquet, or no column holds text.
    """
    parquet = is_parquet(source.path) or head(source).startswith(b"PAR1")
    try:
        strings = _of_parquet(source) if parquet else _of_json(source)
    except (BadRecord, BrokenStream, pa.ArrowException, OSError) as error:
        why = error.detail if isinstance(error, BadRecord) else error
        raise SourceError(
            f"{source.path} is not read: it must be JSON lines or Parquet ({why}){_advice(source)}"
        ) from error
    kind = "parquet" if parquet else "jsonl"
    if text_column is not None:
        if text_column not in strings:
            raise SourceError(f"{source.path} has no column {text_column}; found {', '.join(strings)}")
        return Guess(kind, text_column, _url(strings, text_column), named=False)
    return of_columns(kind, strings, path=source.path)


def _advice(source: Input) -> str:
    """Say how to get there from what people have; nothing where that is not known."""
    name, start = source.path.lower(), head(source).lstrip()
    if start.startswith((b"WARC/", b"<", b"%PDF")) or ".warc" in name:
        return "; extract the text first, with trafilatura for one, and write a JSON object a line"
    if start.startswith(b"["):
        return "; write the objects of the array one a line"
    if ".csv" in name or ".tsv" in name:
        return "; make it Parquet, as with pandas.read_csv(…).to_parquet(…)"
    return ""


def of_columns(kind: str, strings: Strings, *, path: str = "the file") -> Guess:
    """Tell source and columns by the names of columns and the strings in them.

    >>> of_columns("jsonl", {"text": ["A page."], "timestamp": ["2020"], "url": ["http://a.b"]}).source
    'c4'
    >>> of_columns("parquet", {"id": ["1"], "story": ["A long story."]})
    Guess(source='parquet', text_column='story', url_column=None, named=False)

    Raises:
        SourceError: No column holds text.
    """
    names = set(strings)
    for source, (format_, told_by) in _NAMED.items():
        if format_.startswith(kind[:4]) and (names == told_by if source == C4.name else names >= told_by):
            return Guess(source, "raw_content" if source == REDPAJAMA_V2.name else "text", "url", named=True)
    filled = {name: values for name, values in strings.items() if any(values)}
    longest = max(filled, key=lambda name: sum(map(len, filled[name])), default=None)
    text = next((name for name in TEXT_COLUMNS if name in filled), longest)
    if text is None:
        found = f"found {', '.join(strings)}" if strings else "it has no record"
        raise SourceError(f"no column of {path} holds text; {found}")
    return Guess(kind, text, _url(filled, text), named=False)


def _url(strings: Strings, text_column: str) -> str | None:
    filled = sorted((name for name, values in strings.items() if name != text_column and any(values)), key=_depth)
    return next((name for url in URL_COLUMNS for name in filled if _leaf(name) == url), None)


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _depth(name: str) -> int:
    return name.count(".")


def _of_json(source: Input) -> Strings:
    start = b""
    for chunk in chunks(source):
        start += chunk
        if b"\n" in start or len(start) > LONGEST_HEAD:
            break
    records: list[Columns] = []
    bad = None
    for line in islice(filter(bytes.strip, start.split(b"\n")), RECORDS):
        try:
            records.append(dict(_within(parse_object(line))))
        except BadRecord as error:  # one of many, or cut where the head ends
            bad = bad or error
    if bad is not None and not records:
        raise bad
    columns = dict.fromkeys(name for record in records for name in record)
    return {name: [string(record.get(name)) or "" for record in records] for name in columns}


def _within(columns: Mapping[str, Value], outer: str = "", depth: int = DEPTH) -> Iterator[tuple[str, Value]]:
    """Give columns, and those inside of them by their paths."""
    for name, value in columns.items():
        yield f"{outer}{name}", value
        if depth > 1:
            yield from _within(members(value), f"{outer}{name}.", depth - 1)


def _of_parquet(source: Input) -> Strings:
    with source.open() as handle:
        file = pq.ParquetFile(handle, pre_buffer=False)
        fields = list(file.schema_arrow)
        wanted = [field.name for field in fields if is_string(field.type) or pa.types.is_struct(field.type)]
        first = next(file.iter_batches(batch_size=RECORDS, columns=wanted), None) if wanted else None
    table = pa.table({}) if first is None else pa.Table.from_batches([first])
    for _ in range(DEPTH - 1):
        table = table.flatten()
    rows = table.to_pylist()
    names = dict.fromkeys([*(field.name for field in fields), *table.column_names])
    return {name: [_text(row.get(name)) for row in rows] for name in names}


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
