"""How many rows of a Parquet file fit into memory at a time, by what its footer and its dictionaries say."""

from __future__ import annotations

from typing import Any, NamedTuple

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


class Dictionary(NamedTuple):
    """What the header of a dictionary's page says: its size in bytes, uncompressed, and how many values it holds."""

    size: int
    values: int


def begins(group: Any) -> int:
    """Give the offset of the first page of a row group."""
    offsets: list[int] = [
        group.column(index).dictionary_page_offset or group.column(index).data_page_offset
        for index in range(group.num_columns)
    ]
    return max(0, min(offsets, default=0))


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
    file.seek(column.dictionary_page_offset or column.data_page_offset)
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


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Give the number that is written at a place, and the place behind it."""
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            break
    return value, at
