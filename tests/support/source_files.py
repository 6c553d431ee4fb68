"""What the tests of sources share: writing files of records, sound and damaged, and reading them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import zstandard

from prox_spark.sources import File, Reader, Record, Slice, adapter
from prox_spark.sources.adapters import Adapter

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".zst": lambda data: zstandard.compress(data),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def line(text: Any = "One page.", **columns: Any) -> bytes:
    """Write a record of C4 as one line."""
    record = {"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": "https://example.org/"} | columns
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def write(folder: Path, name: str, data: bytes) -> str:
    """Write a file, packed as its name says, and give its path."""
    suffix = next((suffix for suffix in PACKERS if suffix and name.endswith(suffix)), "")
    return write_raw(folder, name, PACKERS[suffix](data))


def write_raw(folder: Path, name: str, data: bytes) -> str:
    """Write a file with exactly these bytes, and give its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def read(
    path: str, source: str | Adapter = "c4", *, limit: int = 1 << 26, snapshot: str | None = None,
    joined: str | None = None,
) -> list[Record]:  # fmt: skip
    """Read all records of a file."""
    other = None if joined is None else File(joined, Path(joined).stat().st_size)
    size = Path(path).stat().st_size
    return read_slices([Slice(File(path, size, other), 0, size)], source, limit=limit, snapshot=snapshot)


def read_slices(
    slices: Iterable[Slice], source: str | Adapter = "c4", *, limit: int = 1 << 26, snapshot: str | None = None
) -> list[Record]:
    """Read all records of some slices."""
    chosen = adapter(source) if isinstance(source, str) else source
    return list(Reader(chosen, snapshot, limit).slices(slices))


def texts(records: Iterable[Record]) -> list[str]:
    """Give the texts of the good records."""
    return [record.text.decode() for record in records if record.text is not None]


def reasons(records: Iterable[Record]) -> list[str]:
    """Give the reasons of the bad records."""
    return [record.reason for record in records if record.reason is not None]
