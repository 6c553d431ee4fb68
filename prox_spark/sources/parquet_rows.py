"""Parquet files: every row is one record; a row group that cannot be read costs itself and not the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_spark.sources.adapters import Adapter, to_record
from prox_spark.sources.columns import Columns, to_json
from prox_spark.sources.parquet_values import UNDECODABLE, column_values, is_string, text_values
from prox_spark.sources.records import BadRecord, Origin, Record, quarantined
from prox_spark.sources.streams import Input

BATCH_BYTES = 8 << 20
BATCH_ROWS = 1024

UNREADABLE = (pa.ArrowException, OSError, MemoryError)
"""What pyarrow raises on damaged files: `ArrowInvalid` and its like, OSError for what its Thrift and codecs meet."""


def read_rows(
    source: Input, adapter: Adapter, origin: Origin, *, limit: int, start: int = 0, end: int | None = None
) -> Iterator[Record]:
    """Read the rows of the row groups that begin in the bytes `start` to `end` of a file.

    Args:
        source: The file.
        adapter: The source that it belongs to.
        origin: What its records say of where they come from.
        limit: Rows with a longer text are bad.
        start: Whoever begins at 0 reports what is wrong with the whole file.
        end: None reads to the end.
    """
    with source.open() as handle:
        try:
            opened = _open(handle, source, adapter)
        except BadRecord as bad:
            if start == 0:
                yield quarantined(bad.reason, bad.detail, origin, 0, raw_bytes=source.size)
            return
        first = 0
        with closing(opened) as file:
            for group in range(file.metadata.num_row_groups):
                about = file.metadata.row_group(group)
                if start <= _begins(about) < (source.size if end is None else end):
                    yield from _read_group(file, group, first, adapter, origin, limit)
                first += about.num_rows


def _open(handle: Any, source: Input, adapter: Adapter) -> pq.ParquetFile:
    """Open a file and check that it has a text column.

    Raises:
        BadRecord: It has none, or is no Parquet file.
    """
    try:
        # Pages are read one after the other, not a whole column of a row group at once.
        file = pq.ParquetFile(handle, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True)
        schema = file.schema_arrow
    except (*UNREADABLE, UnicodeDecodeError) as error:
        raise BadRecord("unreadable_file", str(error)) from error
    found = schema.get_field_index(adapter.text_column)
    if found < 0:
        raise BadRecord("missing_text", f"there is no column {adapter.text_column}; found {', '.join(schema.names)}")
    if not is_string(schema.field(found).type):
        raise BadRecord("wrong_type", f"{adapter.text_column}: must be a string, found {schema.field(found).type}")
    if file.metadata.num_rows == 0:
        raise BadRecord("empty_file", "there is no row in it")
    return file


def _begins(group: Any) -> int:
    """Give the offset of the first page of a row group."""
    offsets = [
        group.column(index).dictionary_page_offset or group.column(index).data_page_offset
        for index in range(group.num_columns)
    ]
    return max(0, min(offsets, default=0))


def _read_group(
    file: pq.ParquetFile, group: int, first: int, adapter: Adapter, origin: Origin, limit: int
) -> Iterator[Record]:
    about = file.metadata.row_group(group)
    size = about.total_byte_size // max(1, about.num_rows)
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, size)))
    done = 0
    try:
        # Threads would read all columns at once; the cores are busy with other tasks.
        for batch in file.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
            yield from _records(batch, first + done, adapter, origin, limit)
            done += batch.num_rows
    except UNREADABLE as error:
        detail = f"rows {first + done} to {first + about.num_rows - 1}: {error}"
        yield quarantined("unreadable_rows", detail, origin, first + done)


def _records(batch: pa.RecordBatch, first: int, adapter: Adapter, origin: Origin, limit: int) -> Iterator[Record]:
    names = [name for name in batch.schema.names if name != adapter.text_column]
    values = [column_values(batch.column(name)) for name in names]
    for row, text in enumerate(text_values(batch.column(adapter.text_column))):
        columns: Columns = {}
        try:
            for name, column in zip(names, values, strict=True):
                columns[name] = _decoded(name, column[row])
            yield to_record(adapter, origin, first + row, _text(text, adapter, limit), columns)
        except BadRecord as bad:
            raw = to_json(columns) if text is None else bytes(text)
            yield quarantined(bad.reason, bad.detail, origin, first + row, raw)


def _text(text: bytes | None, adapter: Adapter, limit: int) -> bytes:
    if text is None:
        raise BadRecord("null_text", f"{adapter.text_column} is null")
    if len(text) > limit:
        raise BadRecord("too_large", f"{len(text)} bytes; ingest.max_record_bytes is {limit}")
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise BadRecord("undecodable_text", f"{adapter.text_column}: {error}") from error
    return text


def _decoded(name: str, value: bytes) -> bytes:
    if value is UNDECODABLE:
        raise BadRecord("undecodable_text", f"{name}: not UTF-8")
    return value
