"""The columns of a record as they stand in its source: each one the bytes of a JSON value, read only where needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from prox_spark.sources.records import BadRecord

Value = bytes | msgspec.Raw

Columns = dict[str, Value]
"""Columns by name; the bytes are one valid JSON value, except that they may hold bytes that are not UTF-8."""

_STRING = msgspec.json.Decoder(str)


def string(value: Value | None) -> str | None:
    """Give the text of a JSON string; None for everything else.

    >>> string(b'"a"'), string(b"1"), string(None)
    ('a', None, None)
    """
    try:
        return None if value is None else _STRING.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def string_column(columns: Mapping[str, Value], name: str | None) -> str | None:
    """Give the text of a column that holds a string, or null, or is not there.

    Raises:
        BadRecord: It holds something else.
    """
    value = None if name is None else columns.get(name)
    if value is None:
        return None
    try:
        return _STRING.decode(value)
    except UnicodeDecodeError as error:
        raise BadRecord("undecodable_text", f"{name}: {error}") from error
    except msgspec.ValidationError as error:
        if is_null(value):
            return None
        raise BadRecord("wrong_type", f"{name}: {error}") from error


def is_null(value: Value) -> bool:
    """Say whether a value is null."""
    return bytes(value) == b"null"


def canonical(value: Value) -> bytes | None:
    """Write a value in the one form that all ways of writing it share; a string as its text, null as None.

    >>> canonical(b'{"b": 1.50, "a": "\\\\u00e9"}') == canonical('{"a":"é","b":1.5}'.encode())
    True
    """
    try:
        decoded = msgspec.json.decode(value)
    except UnicodeDecodeError as error:
        raise BadRecord("undecodable_text", str(error)) from error
    except (msgspec.DecodeError, RecursionError):  # a number beyond what can be computed with
        return bytes(value)
    if decoded is None:
        return None
    return decoded.encode() if isinstance(decoded, str) else msgspec.json.encode(decoded, order="sorted")


def to_json(columns: Mapping[str, Value], *, without: str | None = None) -> bytes:
    """Write columns as one JSON object, each value as it stands in the source.

    >>> to_json({"a": b"1.0", "b": b'"x"'}, without="b")
    b'{"a":1.0}'

    Raises:
        BadRecord: A value is not UTF-8.
    """
    members = [_key(name) + value for name, value in columns.items() if name != without]
    joined = b"{" + b",".join(members) + b"}"
    if not joined.isascii():
        try:
            joined.decode()
        except UnicodeDecodeError as error:
            raise BadRecord("undecodable_text", f"metadata: {error}") from error
    return joined


@lru_cache(maxsize=4096)
def _key(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode() + b":"
