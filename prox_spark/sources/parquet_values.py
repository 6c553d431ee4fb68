"""The values of Parquet columns as JSON, in the one form that `documents.metadata` has for each type.

| Arrow | JSON |
|---|---|
| integers, booleans, strings, lists, structs | as they are, integers exact |
| floats | shortest form that reads back the same; else the strings "NaN", "Infinity", "-Infinity" |
| decimals | strings, so that no digit is lost |
| timestamps, dates, times | ISO 8601 strings, timestamps with a zone in UTC with a `Z` |
| what Python has no value for | as Arrow prints it |
| durations | ISO 8601 strings |
| binary | base64 strings |
| maps | lists of [key, value] |
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.types as types

NULL = b"null"
UNDECODABLE = b"\xff"
"""Stands for a value that is not UTF-8."""


def _other(value: Any) -> str:
    """Write what msgspec does not know: subclasses of the time types, as pandas has them."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_other, decimal_format="string")


def is_string(kind: pa.DataType) -> bool:
    """Say whether a column of this type holds text."""
    if types.is_dictionary(kind):
        kind = kind.value_type
    return any(matches(kind) for matches in (types.is_string, types.is_large_string, types.is_string_view))


def text_values(column: pa.Array) -> list[bytes | None]:
    """Give the bytes of a text column; what is not UTF-8 is among them, `is_utf8` tells."""
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values: list[bytes | None] = column.cast(pa.large_binary()).to_pylist()
    return values


def column_values(column: pa.Array) -> list[bytes]:
    """Give every value of a column as JSON; UNDECODABLE where it is not UTF-8."""
    if is_string(column.type):
        return [NULL if value is None else _string(value) for value in text_values(column)]
    if types.is_timestamp(column.type) or types.is_date(column.type):
        return [NULL if value is None else _ENCODER.encode(value) for value in _written(column)]
    finite = _finite if _holds_floats(column.type) else _as_it_is
    try:
        return [_ENCODER.encode(finite(value)) for value in column.to_pylist()]
    except (ValueError, TypeError, OverflowError, RecursionError, pa.ArrowException):
        return [_alone(column.slice(row, 1)) for row in range(len(column))]


def int96_values(column: pa.Array, seconds: pa.Array) -> list[bytes]:
    """Give timestamps of the type INT96 as JSON, with all nine digits of their second and of any year.

    Args:
        column: As nanoseconds or microseconds, which wrap around where they do not fit into 64 bits.
        seconds: The same as whole seconds, which fit.
    """
    digits = {"ns": 9, "us": 6}[column.type.unit]
    wrapped = column.cast(pa.int64()).to_pylist()
    whole = seconds.cast(pa.int64()).to_pylist()
    rest = [
        0 if second is None else (part - second * 10**digits) % 2**64
        for part, second in zip(wrapped, whole, strict=True)
    ]
    return [
        NULL if text is None else _ENCODER.encode(f"{text}.{fraction * 10 ** (9 - digits):09d}")
        for text, fraction in zip(_written(seconds), rest, strict=True)
    ]


def _string(value: bytes) -> bytes:
    try:
        return _ENCODER.encode(value.decode())
    except UnicodeDecodeError:
        return UNDECODABLE


def _written(column: pa.Array) -> list[str | None]:
    # Arrow's own text form has every digit and every year; Python's datetime has neither.
    if types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    written: list[str | None] = column.cast(pa.string()).to_pylist()
    return [value if value is None or value.startswith("<") else value.replace(" ", "T", 1) for value in written]


def _alone(column: pa.Array) -> bytes:
    """Write one value of a column in which some value is not UTF-8, or beyond what Python has a value for."""
    try:
        return _ENCODER.encode(_finite(column[0].as_py()))
    except UnicodeDecodeError:
        return UNDECODABLE
    except (ValueError, TypeError, OverflowError, RecursionError, pa.ArrowException):
        return _ENCODER.encode(column.to_string())


def _as_it_is(value: Any) -> Any:
    return value


def _holds_floats(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        kind = kind.value_type
    return types.is_floating(kind) or any(_holds_floats(kind.field(index).type) for index in range(kind.num_fields))


def _finite(value: Any) -> Any:
    """Write the floats that JSON has no number for as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
