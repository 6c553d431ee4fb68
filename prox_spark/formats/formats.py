"""Rows into shards: where one ends and the next begins, and what each format makes of it.

A corpus is cut into parts by document id and each part into shards by size, so that the same version gives the same
files, with the same names, whatever the cluster and however Spark cuts its batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, get_args

from prox_spark.formats import mds
from prox_spark.formats.place import Place
from prox_spark.formats.tokens import Packing, packed, per_document

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["parquet", "jsonl.zst", "mds", "tokens"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[Format, str] = {"parquet": ".parquet", "jsonl.zst": ".jsonl.zst", "mds": ".mds", "tokens": ".mds"}
PART = "part"
LEVEL = 3
"""Of zstd; twice the time buys a tenth of the space beyond it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows become files.

    Attributes:
        format: The format.
        place: The folder.
        shard_bytes: Text, or tokens, after which the next shard begins.
        packing: How texts become tokens; None for the formats that keep text.
    """

    format: Format
    place: Place
    shard_bytes: int
    packing: Packing | None = None

    @property
    def described(self) -> dict[str, Any] | None:
        """Give what MDS says of its shards; None for other formats."""
        if self.format == "mds":
            names = ("doc_id", "source", "snapshot", "url", "text", "metadata")
            return mds.description(dict.fromkeys(names, "str"), {}, self.shard_bytes)
        if self.packing is not None:
            return mds.description(self.packing.encodings, self.packing.fixed, self.shard_bytes)
        return None


@dataclass(frozen=True, slots=True)
class Written:
    """One file; and the tokens at the end of a part that fill no sequence, which have none (`path` None)."""

    path: str | None
    bytes: int
    sha256: str | None
    documents: int
    samples: int
    text_bytes: int
    tokens: int


def write(batches: Iterable[pa.RecordBatch], layout: Layout) -> Iterator[Written]:
    """Write rows as shards.

    Args:
        batches: The columns of the export and `part`; the rows of a part are together and in their order.
        layout: How and where.

    Raises:
        UserError: The place cannot be written.
    """
    for part, tables in groupby(blocks(batches, layout.shard_bytes), key=itemgetter(0)):
        number = 0
        for shard in _shards((table for _, table in tables), layout):
            data, counts = shard
            if data is None:
                yield Written(None, 0, None, **counts)
                continue
            name = f"shard.{part:05d}.{number:05d}{SUFFIXES[layout.format]}"
            layout.place.write(name, data)
            yield Written(name, len(data), hashlib.sha256(data).hexdigest(), **counts)
            number += 1


def blocks(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[tuple[int, pa.Table]]:
    """Cut rows into tables of one part and about `limit` bytes of strings, whatever the batches they come in."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    size, part = 0, -1
    for batch in batches:
        start = 0
        for row, (here, length) in enumerate(zip(batch.column(PART).to_pylist(), _lengths(batch), strict=True)):
            if (held or row > start) and (here != part or size + length > limit):
                yield part, pa.Table.from_batches([*held, batch.slice(start, row - start)]).drop_columns([PART])
                held, size, start = [], 0, row
            size, part = size + length, here
        if batch.num_rows > start:
            held.append(batch.slice(start))
    if held:
        yield part, pa.Table.from_batches(held).drop_columns([PART])


def _lengths(batch: pa.RecordBatch) -> list[int]:
    """Give the bytes of the strings of each row."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    total = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            total += pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    lengths: list[int] = total.tolist()
    return lengths


_Shard = tuple[bytes | None, dict[str, int]]


def _shards(tables: Iterator[pa.Table], layout: Layout) -> Iterator[_Shard]:
    if layout.packing is None:
        encode = _ENCODERS[layout.format]
        return ((encode(table, layout), _counts(table)) for table in tables)
    described = layout.described or {}
    if layout.packing.length is None:
        shards = per_document(tables, layout.packing)
    else:
        shards = packed(tables, layout.packing, limit=layout.shard_bytes)
    return ((mds.shard(samples, described) if samples else None, counts) for samples, counts in shards)


def _counts(table: pa.Table) -> dict[str, int]:
    import pyarrow.compute as pc

    size = pc.sum(pc.binary_length(table["text"])).as_py() or 0
    return {"documents": table.num_rows, "samples": table.num_rows, "text_bytes": size, "tokens": 0}


def _parquet(table: pa.Table, layout: Layout) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None).combine_chunks(), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _jsonl(table: pa.Table, layout: Layout) -> bytes:
    import msgspec
    import zstandard

    lines = bytearray()
    for row in table.to_pylist():
        if row["metadata"] is not None:
            row["metadata"] = msgspec.Raw(msgspec.json.format(row["metadata"].encode(), indent=-1))
        lines += msgspec.json.encode(row) + b"\n"
    return zstandard.ZstdCompressor(level=LEVEL).compress(lines)


def _mds(table: pa.Table, layout: Layout) -> bytes:
    described = layout.described or {}
    names = described["column_names"]
    columns = [[value and value.encode() for value in table[name].to_pylist()] for name in names]
    return mds.shard([mds.sample(row, [None] * len(names)) for row in zip(*columns, strict=True)], described)


_ENCODERS: dict[Format, Callable[[pa.Table, Layout], bytes]] = {"parquet": _parquet, "jsonl.zst": _jsonl, "mds": _mds}
