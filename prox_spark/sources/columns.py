"""The columns of a record as they stand in its source: each one the bytes of a JSON value, read only where needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache

import msgspec

from prox_spark.sources.records import BadRecord

Value = bytes | msgspec.Raw

Columns = dict[str, Value]
"""Columns by name; the bytes are one valid JSON value, except that they may hold bytes that are not UTF-8."""

_STRING = msgspec.json.Decoder(str)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def string(value: Value | None) -> str | None:
    """Give the text of a JSON string; None for everything else.

    >>> string(b'"a"'), string(b"1"), string(None)
    ('a', None, None)
    """
    try:
        return None if value is None else _STRING.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def find(columns: Mapping[str, Value], name: str | None) -> Value | None:
    """Give the value of a column, by its name or else by its path; None where there is none.

    >>> find({"metadata": b'{"url": "u"}'}, "metadata.url"), find({"a.b": b"1", "a": b'{"b": 2}'}, "a.b")
    (b'"u"', b'1')
    """
    if name is None:
        return None
    value = columns.get(name)
    if value is not None or "." not in name:
        return value
    for outer, inner in _splits(name):
        if outer in columns and (value := find(members(columns[outer]), inner)) is not None:
            return value if isinstance(value, bytes) else bytes(value)
    return None


def without(columns: Columns, name: str) -> Columns:
    """Give the columns without one of them, which `find` finds by its name or its path."""
    if name in columns:
        return {other: value for other, value in columns.items() if other != name}
    for outer, inner in _splits(name):
        if outer in columns and find(within := members(columns[outer]), inner) is not None:
            return {**columns, outer: to_json(without(within, inner))}
    return columns


def members(value: Value) -> Columns:
    """Give the members of a JSON object, none for everything else."""
    try:
        return dict(_OBJECT.decode(value))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Give all ways to read a name as that of a column and of something in it."""
    parts = name.split(".")
    return ((".".join(parts[:number]), ".".join(parts[number:])) for number in range(1, len(parts)))


def string_column(columns: Mapping[str, Value], name: str | None) -> str | None:
    """Give the text of a column that holds a string, or null, or is not there.

    Raises:
        BadRecord: It holds something else.
    """
    if name is None:
        return None
    value = columns.get(name)
    if value is None and ("." not in name or (value := find(columns, name)) is None):
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
