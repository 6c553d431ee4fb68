"""Parquet files: every row is one record; a row group that cannot be read costs itself and not the file."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prox_spark.sources.adapters import Adapter, to_record
from prox_spark.sources.columns import Columns, to_json
from prox_spark.sources.parquet_pages import begins, check_pages, rows_that_fit
from prox_spark.sources.parquet_values import UNDECODABLE, column_values, int96_values, is_string, text_values
from prox_spark.sources.records import BadRecord, Origin, Record, described, quarantined
from prox_spark.sources.streams import Input

UNREADABLE = (pa.ArrowException, OSError, MemoryError)
"""What pyarrow raises on damaged files: `ArrowInvalid` and its like, OSError for what its Thrift and codecs meet."""

Batches = Iterator[tuple[pa.RecordBatch, dict[int, pa.Array]]]
"""Rows, and the whole seconds of the columns with INT96 timestamps by the number of the column."""


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
    with source.open() as handle, source.open() as again:
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
                # A damaged footer may say a place behind the end: the last slice takes that group, and says so.
                if start <= min(begins(about), source.size - 1) < (source.size if end is None else end):
                    batches = _batches(file, handle, again, group)
                    yield from _read_group(batches, first, about.num_rows, adapter, origin, limit)
                first += about.num_rows
            if start == 0 and first != file.metadata.num_rows:
                detail = (
                    f"the footer says that there are {file.metadata.num_rows} rows, and its row groups have {first}"
                )
                yield quarantined("unreadable_rows", detail, origin, first)


def _open(handle: Any, source: Input, adapter: Adapter) -> pq.ParquetFile:
    """Open a file and check that it has a text column.

    Raises:
        BadRecord: It has none, or is no Parquet file.
    """
    try:
        file = _file(handle)
        if _int96(file, nested=True):  # microseconds: nothing tells how often nanoseconds wrapped around there
            file = _file(handle, coerce_int96_timestamp_unit="us")
        schema = file.schema_arrow
    except Exception as error:  # a footer may hold anything, and pyarrow raise anything
        detail = str(error) if isinstance(error, (*UNREADABLE, UnicodeDecodeError)) else described(error)
        raise BadRecord("unreadable_file", detail) from error
    _check_columns(schema, adapter)
    if file.metadata.num_rows == 0:
        raise BadRecord("empty_file", "there is no row in it")
    return file


def _file(handle: Any, **options: Any) -> pq.ParquetFile:
    # Pages are read one after the other, not a whole column of a row group at once.
    return pq.ParquetFile(handle, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True, **options)


def _check_columns(schema: pa.Schema, adapter: Adapter) -> None:
    names = schema.names
    for name in (adapter.text_column, adapter.url_column, *(adapter.identity or ())):
        if name is not None and names.count(name.partition(".")[0] if name not in names else name) > 1:
            raise BadRecord("duplicate_column", f"{names.count(name)} columns are called {name}")
    path = _path(schema, adapter.text_column)
    if path is None:
        raise BadRecord("missing_text", f"there is no column {adapter.text_column}; found {', '.join(names)}")
    kind = _field(schema, path).type
    if not is_string(kind):
        raise BadRecord("wrong_type", f"{adapter.text_column}: must be a string, found {kind}")


def _path(schema: pa.Schema, name: str) -> tuple[str, ...] | None:
    """Give the way to a column, by its name or else by its path through structs; None if there is none."""
    if name in schema.names:
        return (name,)
    path = tuple(name.split("."))
    try:
        _field(schema, path)
    except KeyError:
        return None
    return path


def _field(schema: pa.Schema, path: tuple[str, ...]) -> pa.Field:
    field = schema.field(path[0])
    for name in path[1:]:
        if not pa.types.is_struct(field.type):
            raise KeyError(name)
        number = field.type.get_field_index(name)
        if number < 0:
            raise KeyError(name)
        field = field.type.field(number)
    return field


def _batches(file: pq.ParquetFile, handle: Any, again: Any, group: int) -> Batches:
    """Give the rows of a row group, few enough at a time to bound what they hold in memory."""
    if isinstance(handle, (io.RawIOBase, pa.BufferReader)):  # elsewhere each page would be a request of its own
        check_pages(file.metadata.row_group(group), handle)
    rows = rows_that_fit(file.metadata.row_group(group), handle)
    # Threads would read all columns at once; the cores are busy with other tasks.
    options = {"batch_size": rows, "row_groups": [group], "use_threads": False}
    wide = _int96(file)
    if not wide:
        yield from zip(file.iter_batches(**options), repeat({}))
        return
    names = [file.schema_arrow.names[number] for number in wide]
    # Nanoseconds of an INT96 wrap around in the years 1677 and 2262; seconds do not.
    seconds = pq.ParquetFile(again, coerce_int96_timestamp_unit="s", pre_buffer=False)
    for batch, whole in zip(file.iter_batches(**options), seconds.iter_batches(columns=names, **options), strict=True):
        yield batch, dict(zip(wide, whole.columns, strict=True))


def _int96(file: pq.ParquetFile, *, nested: bool = False) -> list[int]:
    """Give the numbers of the columns that are INT96 timestamps, or that have such in them."""
    leaves = (file.schema.column(number) for number in range(len(file.schema)))
    paths = [leaf.path for leaf in leaves if leaf.physical_type == "INT96"]
    names = file.schema_arrow.names
    columns = {path.partition(".")[0] for path in paths if path not in names} if nested else {*paths}
    return [number for number, name in enumerate(names) if name in columns]


def _read_group(
    batches: Batches, first: int, rows: int, adapter: Adapter, origin: Origin, limit: int
) -> Iterator[Record]:
    done = 0
    try:
        for batch, seconds in batches:
            yield from _records(batch, seconds, first + done, adapter, origin, limit)
            done += batch.num_rows
    except Exception as error:  # noqa: BLE001  # whatever a row group does, it costs itself and not the job
        detail = str(error) if isinstance(error, UNREADABLE) else described(error)
        yield quarantined(
            "unreadable_rows", f"rows {first + done} to {first + rows - 1}: {detail}", origin, first + done
        )
    else:
        if done != rows:
            detail = f"the file says that there are {rows} rows here, and {done} could be read"
            yield quarantined("unreadable_rows", detail, origin, first + done)


def _records(
    batch: pa.RecordBatch, seconds: dict[int, pa.Array], first: int, adapter: Adapter, origin: Origin, limit: int
) -> Iterator[Record]:
    text, others = _taken(batch, adapter.text_column)
    names = _apart([name for name, _, _ in others])
    values = [
        column_values(column) if number not in seconds else int96_values(column, seconds[number])
        for _, number, column in others
    ]
    for row, content in enumerate(text_values(text)):
        columns: Columns = {}
        try:
            for name, column in zip(names, values, strict=True):
                columns[name] = _decoded(name, column[row])
            yield to_record(adapter, origin, first + row, _text(content, adapter, limit), columns)
        except BadRecord as bad:
            raw = to_json(columns) if content is None else bytes(content)
            yield quarantined(bad.reason, bad.detail, origin, first + row, raw)
        except Exception as error:  # noqa: BLE001  # whatever a row holds, it costs itself and not the job
            yield quarantined("unexpected", described(error), origin, first + row, content or b"")


def _taken(batch: pa.RecordBatch, text_column: str) -> tuple[pa.Array, list[tuple[str, int, pa.Array]]]:
    """Take the text out of a batch: give it, and the other columns with their names and numbers."""
    names = batch.schema.names
    others = [(name, number, batch.column(number)) for number, name in enumerate(names) if name != text_column]
    if len(others) < len(names):
        return batch.column(names.index(text_column)), others
    outer, *inner = text_column.split(".")
    number = names.index(outer)
    parent = batch.column(number)
    others[number] = (outer, number, _without(parent, inner))
    return pc.struct_field(parent, inner), others


def _without(column: pa.Array, path: list[str]) -> pa.Array:
    """Give a struct column without the field at a path."""
    kept, fields = [], []
    for number in range(column.type.num_fields):
        field, values = column.type.field(number), column.field(number)
        if field.name == path[0] and len(path) == 1:
            continue
        if field.name == path[0]:
            values = _without(values, path[1:])
        kept.append(values)
        fields.append(field.with_type(values.type))
    if not fields:
        return pa.array([None] * len(column), pa.null())
    return pa.StructArray.from_arrays(kept, fields=fields, mask=column.is_null())


def _apart(names: list[str]) -> list[str]:
    """Tell columns of one name apart: the second is `name#2`."""
    seen: Counter[str] = Counter()
    apart = []
    for name in names:
        seen[name] += 1
        apart.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return apart


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
