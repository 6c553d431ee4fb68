"""Files of JSON lines: every line is one record, and a bad line costs itself and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NoReturn, cast

import msgspec

from prox_spark.sources import layout
from prox_spark.sources.adapters import Adapter, to_record
from prox_spark.sources.columns import Columns, find, is_null, without
from prox_spark.sources.compression import BrokenStream, codec
from prox_spark.sources.layout import BOM
from prox_spark.sources.lines import Line, lines
from prox_spark.sources.records import BadRecord, Origin, Record, described, quarantined
from prox_spark.sources.redpajama import Join, Signals, signals
from prox_spark.sources.streams import Input, chunks, head

NOTHING = (b"", BOM)
"""Lines without a record, stripped."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = msgspec.json.Decoder(str)


def read_lines(
    source: Input, adapter: Adapter, origin: Origin, *, limit: int, start: int = 0, end: int | None = None,
    joined: Input | None = None,
) -> Iterator[Record]:  # fmt: skip
    """Read the records of a file that begin in its bytes `start` to `end`.

    Args:
        source: The file.
        adapter: The source that it belongs to.
        origin: What its records say of where they come from.
        limit: Longer records are bad.
        start: A compressed file is read whole by whoever begins at 0.
        end: None reads to the end.
        joined: The file whose lines belong to the lines of this one.
    """
    if joined is None:
        yield from _read(source, adapter, origin, limit, start, end, None)
        return
    signals_file = _SignalsFile(joined, adapter.origin(joined.path, origin.snapshot), limit)
    join = Join(signals_file.good())
    for record in _read(source, adapter, origin, limit, start, end, join):
        yield record
        while join.misplaced:
            yield signals_file.misplaced(join.misplaced.pop())
    if signals_file.damaged:
        yield from signals_file.bad()


def parse(raw: bytes, text_column: str) -> tuple[bytes, Columns]:
    r"""Take one line apart into its text, as UTF-8, and its other columns.

    >>> parse(b'{"text": "caf\\u00e9", "n": 1.0}\r', "text")[0].decode()
    'café'

    Raises:
        BadRecord: It is not an object with a text.
    """
    columns = parse_object(raw)
    value = columns.pop(text_column, None)
    if value is None:
        value = find(columns, text_column)
        if value is None:
            raise BadRecord("missing_text", f"there is no column {text_column}; found {', '.join(columns)}")
        columns = without(columns, text_column)
    try:
        return _STRING.decode(value).encode(), columns
    except UnicodeDecodeError as error:
        raise BadRecord("undecodable_text", f"{text_column}: {error}") from error
    except msgspec.ValidationError as error:
        reason = "null_text" if is_null(value) else "wrong_type"
        raise BadRecord(reason, f"{text_column}: {error}") from error


def parse_object(raw: bytes) -> Columns:
    """Take one line apart into its columns.

    Raises:
        BadRecord: It is not a JSON object.
    """
    try:
        return cast("Columns", _OBJECT.decode(raw))
    except msgspec.ValidationError as error:
        raise BadRecord("not_an_object", str(error)) from error
    except UnicodeDecodeError as error:
        raise BadRecord("undecodable_text", str(error)) from error
    except RecursionError as error:
        raise BadRecord("invalid_json", "nested too deeply") from error
    except msgspec.DecodeError as error:
        # msgspec takes no half characters; the standard library does, and nothing else that msgspec refuses.
        if _is_json(raw):
            raise BadRecord("lone_surrogate", "an escape stands for half a character") from error
        raise BadRecord("invalid_json", str(error)) from error


def _read(
    source: Input, adapter: Adapter, origin: Origin, limit: int, start: int, end: int | None, join: Join | None
) -> Iterator[Record]:
    found = False
    try:
        given = _lines(source, limit, start, end)
    except BadRecord as bad:
        if start == 0:
            yield quarantined(bad.reason, bad.detail, origin, 0, head(source), raw_bytes=source.size)
        return
    for row, line in enumerate(given):
        if line.broken is None and line.size <= limit and line.raw.strip() in NOTHING:
            continue
        found = True
        record = _record(line, row, adapter, origin, limit, join)
        if line.broken is None:
            yield record
        elif record.reason is not None:
            yield _break(line, origin)
        else:  # the last record was whole, and the file is broken none the less
            yield record
            yield _break(Line(line.position + line.size, b"", 0, line.broken), origin)
    if not found and start == 0 and end in (None, source.size):
        yield quarantined("empty_file", "there is no record in it", origin, 0)


def _record(line: Line, row: int, adapter: Adapter, origin: Origin, limit: int, join: Join | None) -> Record:
    """Give the record of a line, good or bad."""
    try:
        text, columns = parse(_checked(line, limit), adapter.text_column)
        columns = columns if join is None else join.add(row, columns)
        return to_record(adapter, origin, line.position, text, columns)
    except BadRecord as bad:
        return quarantined(bad.reason, bad.detail, origin, line.position, line.raw, raw_bytes=line.size)
    except Exception as error:  # noqa: BLE001  # whatever a line holds, it costs itself and not the job
        return quarantined("unexpected", described(error), origin, line.position, line.raw, raw_bytes=line.size)


def _lines(source: Input, limit: int, start: int, end: int | None) -> Iterator[Line]:
    """Give the lines that begin in the bytes `start` to `end`.

    Raises:
        BadRecord: The file holds something else than lines of JSON; every slice of it finds that.
    """
    compressed = codec(source.path, head(source)) != "plain"
    if compressed and start > 0:
        return iter(())
    given = chunks(source)
    first, broken = _first(given)
    layout.check(first)
    if start == 0:
        return lines(_again(first, broken, given), limit=limit, end=None if compressed else end)
    begin = start - 1  # the byte before tells whether a line begins at `start`
    return lines(chunks(source, start=begin), limit=limit, start=begin, end=end, inside=True)


def _first(given: Iterator[bytes]) -> tuple[bytes, BrokenStream | None]:
    """Give the first chunk, and why it is the last if the stream breaks before there is one."""
    try:
        return next(given, b""), None
    except BrokenStream as error:
        return b"", error


def _again(first: bytes, broken: BrokenStream | None, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Give the chunks of a file of which the first was taken out."""
    yield first
    if broken is not None:
        raise broken
    yield from rest


def _checked(line: Line, limit: int) -> bytes:
    """Give the bytes of a line that may be parsed."""
    if line.size > limit:
        raise BadRecord("too_large", f"{line.size} bytes; ingest.max_record_bytes is {limit}")
    return line.raw.lstrip(BOM) if line.raw.startswith(BOM) else line.raw


def _break(line: Line, origin: Origin) -> Record:
    assert line.broken is not None
    return quarantined(line.broken.reason, line.broken.detail, origin, line.position, line.raw, raw_bytes=line.size)


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


class _SignalsFile:
    """A signals file, read once for its good lines; a second time for the bad ones, and only if there are any."""

    def __init__(self, source: Input, origin: Origin, limit: int) -> None:
        self._source = source
        self._origin = origin
        self._limit = limit
        self.damaged = False

    def good(self) -> Iterator[Signals]:
        for found in self._read():
            if isinstance(found, Signals):
                yield found
            else:
                self.damaged = True

    def bad(self) -> Iterator[Record]:
        return (found for found in self._read() if isinstance(found, Record))

    def misplaced(self, found: Signals) -> Record:
        detail, line = f"the document in line {found.row} is of another page than {found.url}", found.line
        return quarantined("misplaced_signals", detail, self._origin, line.position, line.raw, raw_bytes=line.size)

    def _read(self) -> Iterator[Signals | Record]:
        try:
            for line in _lines(self._source, self._limit, 0, None):
                if line.broken is not None:
                    yield _break(line, self._origin)
                elif line.raw.strip():
                    yield self._parse(line)
        except BadRecord as bad:
            yield quarantined(bad.reason, bad.detail, self._origin, 0, head(self._source), raw_bytes=self._source.size)
        except OSError as error:  # the documents are read without it
            yield quarantined("unreadable_file", error.strerror or str(error), self._origin, 0)

    def _parse(self, line: Line) -> Signals | Record:
        try:
            return signals(parse_object(_checked(line, self._limit)), line)
        except BadRecord as bad:
            return quarantined(bad.reason, bad.detail, self._origin, line.position, line.raw, raw_bytes=line.size)
