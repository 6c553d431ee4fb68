"""How many rows of a Parquet file fit into memory at a time, by what its footer and its dictionaries say."""

from __future__ import annotations

from typing import Any

BATCH_BYTES = 8 << 20
BATCH_ROWS = 1024

DECODED_BYTES = 256 << 20
"""Most bytes that the rows of a batch may have when every one of them is the longest value of its dictionaries."""

SMALL = 1 << 10
"""Dictionaries of columns with fewer bytes in a row group are not looked at: 1,024 rows of them are 1 MiB."""

_PAGE_HEADER = 32
"""The three numbers that a page begins with take up to 19 bytes."""


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
    worst = sum(_longest(group.column(number), group.num_rows, rows, file) for number in range(group.num_columns))
    return max(1, min(rows, DECODED_BYTES // max(1, worst)))


def _longest(column: Any, group_rows: int, rows: int, file: Any) -> int:
    """Give the most bytes that a row can have in a column with a dictionary; 0 where that is no matter."""
    each: int = -(-column.num_values // max(1, group_rows))  # values of a row, more than one in a list
    bound: int = column.total_uncompressed_size * each
    if not column.has_dictionary_page or column.physical_type != "BYTE_ARRAY" or bound <= SMALL:
        return 0
    if bound * rows <= DECODED_BYTES // 16:
        return bound
    offset = column.dictionary_page_offset or column.data_page_offset
    file.seek(offset)
    return min(bound, uncompressed_size(file.read(_PAGE_HEADER)) * each)


def uncompressed_size(header: bytes) -> int:
    """Give the uncompressed size of a page: the second field of its header, in Thrift's compact form.

    >>> uncompressed_size(bytes([0x15, 0x04, 0x15, 0xD0, 0x0F, 0x15, 0x60]))
    1000
    """
    numbers: list[int] = []
    at = 0
    while len(numbers) < 2 and header[at : at + 1] == b"\x15":  # the next field, an i32
        at, value, shift = at + 1, 0, 0
        while at < len(header):
            byte = header[at]
            at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                break
        numbers.append(value >> 1)  # zigzag
    return numbers[1] if len(numbers) == 2 else 0
