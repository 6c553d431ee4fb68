"""From a slice of a file to Arrow batches of its records, as the workers of an ingest read them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import pyarrow as pa

from prox_spark.errors import TaskError
from prox_spark.sources.adapters import Adapter
from prox_spark.sources.files import Slice, is_parquet
from prox_spark.sources.json_lines import read_lines
from prox_spark.sources.parquet_rows import read_rows
from prox_spark.sources.records import Record, described, quarantined, record_id
from prox_spark.sources.rehearsal import Part, deadly
from prox_spark.sources.streams import MEMORY, Input, head, local_input

BATCH_BYTES = 8 << 20
BATCH_ROWS = 2048

KINDS = {"position": pa.int64(), "raw": pa.binary(), "raw_bytes": pa.int64(), "unit": pa.int32()}

SCHEMA = pa.schema([(name, KINDS.get(name, pa.string())) for name in (*Record._fields, "record_id", "source", "unit")])
"""The fields of Record in their order, then what a batch adds: the id of a bad record, source, number of the unit."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How an ingest reads its records; travels to the workers.

    Attributes:
        adapter: The source.
        snapshot: The snapshot that the user gave; None takes it from the records and the paths.
        limit: Longer records are bad.
        memory: Most bytes that the decompression of a file may hold.
    """

    adapter: Adapter
    snapshot: str | None
    limit: int
    memory: int = MEMORY

    def slices(self, slices: Iterable[Slice], *, careful: bool = False) -> Iterator[Record]:
        """Read the records of some slices."""
        return self.parts([_part(one) for one in slices], careful=careful)

    def parts(self, parts: Sequence[Part], *, careful: bool = False) -> Iterator[Record]:
        """Read the records of parts of files.

        Args:
            parts: The parts.
            careful: Whether a process of its own reads them first, and one that ends it is a bad record.
        """
        ended = deadly(self, parts) if careful else {}
        for number, part in enumerate(parts):
            if number in ended:
                origin = self.adapter.origin(part.source.path, self.snapshot)
                detail = f"reading it ends the process: {ended[number]}"
                yield quarantined("unexpected", detail, origin, part.start, raw_bytes=part.source.size)
            else:
                yield from self.records(part.source, start=part.start, end=part.end, joined=part.joined)

    def records(
        self, source: Input, *, start: int = 0, end: int | None = None, joined: Input | None = None
    ) -> Iterator[Record]:
        """Read the records of one file that begin in the bytes `start` to `end`."""
        origin = self.adapter.origin(source.path, self.snapshot)
        adapter, limit = self.adapter, self.limit
        source = replace(source, memory=self.memory)
        joined = None if joined is None else replace(joined, memory=self.memory)
        if source.size == 0:
            yield quarantined("empty_file", "there is nothing in it", origin, 0)
            return
        try:
            if is_parquet(source.path) or head(source).startswith(b"PAR1"):
                yield from read_rows(source, adapter, origin, limit=limit, start=start, end=end)
            else:
                yield from read_lines(source, adapter, origin, limit=limit, start=start, end=end, joined=joined)
        except TaskError:
            raise
        except OSError as error:
            yield quarantined("unreadable_file", error.strerror or str(error), origin, start)
        except Exception as error:  # noqa: BLE001  # whatever a file holds, it costs itself and not the job
            yield quarantined("unexpected", described(error), origin, start)


def _part(cut: Slice) -> Part:
    joined = cut.file.joined
    other = None if joined is None else local_input(joined.path, joined.size)
    return Part(local_input(cut.file.path, cut.file.size), cut.start, cut.end, other)


def batches(records: Iterable[Record], *, source: str, unit: int) -> Iterator[pa.RecordBatch]:
    """Gather records into batches of about 8 MB."""
    rows: list[Record] = []
    held = 0
    for record in records:
        rows.append(record)
        held += len(record.text or b"") + len(record.metadata or b"") + len(record.raw or b"") + 500
        if held >= BATCH_BYTES or len(rows) >= BATCH_ROWS:
            yield _batch(rows, source, unit)
            rows, held = [], 0
    if rows:
        yield _batch(rows, source, unit)


def _batch(rows: list[Record], source: str, unit: int) -> pa.RecordBatch:
    ids = [record_id(row.source_file, row.position, row.reason) if row.reason else None for row in rows]
    columns = [*zip(*rows, strict=True), ids, [source] * len(rows), [unit] * len(rows)]
    arrays = [
        _utf8(column) if field.name in ("text", "metadata") else pa.array(column, field.type)
        for column, field in zip(columns, SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _utf8(values: Sequence[bytes | None]) -> pa.Array:
    """Make a string column of bytes that are known to be UTF-8; `pa.array` would check them once more, one by one."""
    if None in values:
        return pa.array(values, pa.string())
    given = [value for value in values if value is not None]
    offsets = array("i", accumulate(map(len, given), initial=0))
    return pa.StringArray.from_buffers(len(given), pa.py_buffer(offsets), pa.py_buffer(b"".join(given)))
