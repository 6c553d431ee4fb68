"""What a Parquet file needs in memory, by its footer and the headers of its pages."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

BATCH_BYTES = 8 << 20
BATCH_ROWS = 1024

DECODED_BYTES = 256 << 20
"""Most bytes of a batch when each of its rows holds a value that is SKEW times as long as those of a dictionary are."""

SKEW = 16

MOST_BYTES = 2 << 30
"""Most bytes of a batch when each of its rows holds the whole dictionary: no file can need more."""

_PAGE_HEADER = 64
"""Bytes that hold the header of a dictionary's page."""

_INTEGER, _STRUCTS = b"\x15", (b"\x4c", b"\x3c")
"""In Thrift's compact form: the next field, an i32; the dictionary's own header, without and with a CRC before it."""

_HEADERS = (4096, 1 << 20)
"""Bytes that hold the header of a page with its smallest and largest value: of nearly every one, and of any."""

_SLACK = 1 << 16
"""Bytes by which writers of before counted a column too small."""

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 7, 8, 12
_VARINTS = (4, 5, 6)

_VARINT_BYTES = 10
"""Bytes of the largest number of 64 bits; without a bound, a header of nothing but high bytes took minutes to read."""


class Dictionary(NamedTuple):
    """What the header of a dictionary's page says: its size in bytes, uncompressed, and how many values it holds."""

    size: int
    values: int


class Page(NamedTuple):
    """What the header of a page says: the bytes of the header itself, of the page as stored, and uncompressed."""

    header: int
    stored: int
    size: int


def begins(group: Any) -> int:
    """Give the offset of the first page of a row group."""
    return max(0, min((_first_page(group.column(number)) for number in range(group.num_columns)), default=0))


def _first_page(column: Any) -> int:
    """Give where pyarrow begins to read a column: it believes no dictionary that is said to lie behind the data."""
    dictionary_at: int = column.dictionary_page_offset or 0
    data_at: int = column.data_page_offset
    return dictionary_at if 0 < dictionary_at < data_at else data_at


def rows_that_fit(group: Any, file: Any) -> int:
    """Give the number of rows to decode at a time.

    A value in a dictionary is stored once and may stand in every row: 1,024 rows that take a few bytes in the file can
    hold 1,024 times its dictionary in memory.

    Args:
        group: The metadata of the row group.
        file: The file, open; the headers of its dictionaries are read.
    """
    size: int = group.total_byte_size // max(1, group.num_rows)
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, size)))
    likely = most = 0
    for number in range(group.num_columns):
        column = group.column(number)
        each: int = -(-column.num_values // max(1, group.num_rows))  # values of a row, more than one in a list
        found = _dictionary(column, each * rows, file)
        most += found.size * each
        likely += min(found.size, SKEW * found.size // max(1, found.values)) * each
    return max(1, min(rows, DECODED_BYTES // max(1, likely), MOST_BYTES // max(1, most)))


def _dictionary(column: Any, values: int, file: Any) -> Dictionary:
    """Give the size of a column's dictionary; nothing where so many values of it are no matter."""
    size: int = column.total_uncompressed_size
    if not column.has_dictionary_page or column.physical_type != "BYTE_ARRAY" or size * values <= DECODED_BYTES // 16:
        return Dictionary(0, 1)
    file.seek(_first_page(column))
    found = dictionary(file.read(_PAGE_HEADER))
    return found._replace(size=min(size, found.size))


def dictionary(header: bytes) -> Dictionary:
    """Read the header of a dictionary's page, in Thrift's compact form; of another page, the size alone.

    >>> dictionary(bytes([0x15, 0x04, 0x15, 0xD0, 0x0F, 0x15, 0x60, 0x4C, 0x15, 0x0A]))
    Dictionary(size=1000, values=5)
    """
    numbers: list[int] = []
    at = 0
    while header[at : at + 1] == _INTEGER:
        value, at = _varint(header, at + 1)
        numbers.append(value >> 1)  # zigzag
    size = numbers[1] if len(numbers) > 2 else 0
    if header[at : at + 1] in _STRUCTS:
        return Dictionary(size, max(1, _varint(header, at + 2)[0] >> 1))
    return Dictionary(size, 1)


def check_pages(group: Any, file: Any) -> None:
    """Check that pages are where a row group has them, and none says that it is larger than its column.

    What a header says is allocated before anybody looks at what follows.

    Raises:
        ArrowInvalid: A page has no header, or one that cannot be true.
    """
    for number in range(group.num_columns):
        column = group.column(number)
        at = _first_page(column)
        end, most = at + column.total_compressed_size, column.total_uncompressed_size + _SLACK
        while 0 <= at < end:
            found = _page_at(at, file)
            if found is None:
                raise pa.ArrowInvalid(f"no page of {column.path_in_schema} begins at byte {at}")
            if found.size > most:
                raise pa.ArrowInvalid(f"a page of {column.path_in_schema} says {found.size} bytes, its column {most}")
            at += found.header + max(0, found.stored)


def _page_at(at: int, file: Any) -> Page | None:
    for size in _HEADERS:
        file.seek(at)
        found = page(file.read(size))
        if found is not None:
            return found
    return None


def page(data: bytes) -> Page | None:
    """Read the header of a page, in Thrift's compact form; None where it is none.

    >>> page(bytes([0x15, 0x00, 0x15, 0xD0, 0x0F, 0x15, 0x60, 0x2C, 0x15, 0x0A, 0x00, 0x00]))
    Page(header=12, stored=48, size=1000)
    """
    numbers: dict[int, int] = {}
    at, fields = 0, [0]
    try:
        while fields:
            byte, at = data[at], at + 1
            if not byte:
                fields.pop()
                continue
            fields[-1] += byte >> 4
            if byte & 15 == _STRUCT:
                fields.append(0)
                continue
            value, at = _value(data, at, byte & 15)
            if len(fields) == 1:
                numbers[fields[0]] = value
        return Page(at, numbers[3], numbers[2])
    except (IndexError, KeyError):
        return None


def _value(data: bytes, at: int, kind: int) -> tuple[int, int]:
    """Give the number that a field holds, 0 where it holds something else, and the place behind it."""
    if kind in (_TRUE, _FALSE):
        return 0, at
    if kind in (_BYTE, _DOUBLE):
        return 0, at + (1 if kind == _BYTE else 8)
    value, at = _varint(data, at)
    if kind == _BINARY:
        return 0, at + value
    if kind not in _VARINTS:
        raise KeyError(kind)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Give the number that is written at a place, and the place behind it; one without an end is cut off."""
    value = 0
    for number, byte in enumerate(data[at : at + _VARINT_BYTES]):
        value, at = value | (byte & 0x7F) << 7 * number, at + 1
        if byte < 0x80:
            break
    return value, at
