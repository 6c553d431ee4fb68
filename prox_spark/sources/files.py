"""Which files are read, by whom: units of work of about the same size, out of a listing of paths and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prox_spark.sources.adapters import Adapter
from prox_spark.sources.compression import SUFFIXES

TEXT_SUFFIXES = (".json", ".jsonl", ".ndjson")
PARQUET_SUFFIXES = (".parquet", ".parq")

MINIMUM_UNIT = 16_000_000
UNITS = 256
"""Small inputs are cut finer than the settings say, so that they too keep every core busy."""

FILE_COST = 100_000
"""Bytes that could be read while a file is opened."""

LEFT_OUT = {
    "hidden": "with names that begin with . or _",
    "unknown_suffix": "that are not .json, .jsonl or .ndjson (also with .gz, .zst, .bz2 or .xz) and not .parquet",
    "no_documents": "that belong to the data set and hold no documents",
    "linked_twice": "that are links to what is read already",
    "broken_link": "that are links to nothing",
    "not_a_file": "that are pipes, sockets or devices",
    "unreadable": "folders that may not be listed",
    "undecodable_name": "with names that are not UTF-8",
    "own_lake": "that are lakes of prox_spark",
    "own_export": "that are exports of prox_spark",
    "table": "of an Iceberg or Hudi table, or of earlier versions of a Delta table",
}
"""Why files and folders are left out: the reasons, and what they say of them."""


@dataclass(frozen=True, slots=True)
class File:
    """One file as a listing gives it.

    Attributes:
        path: A path of this machine, or a URI.
        size: Bytes.
        joined: The file whose lines belong to the lines of this one.
    """

    path: str
    size: int
    joined: File | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a file that one unit reads: the records that begin in the bytes `start` to `end`."""

    file: File
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Unit:
    """The work of one Spark task: one slice, or several small files."""

    slices: tuple[Slice, ...]


def why_left_out(adapter: Adapter, path: str, *, named: bool = False) -> str | None:
    """Give the reason why a file of a listing is not read, one of LEFT_OUT; None for a file to read.

    >>> from prox_spark.sources.adapters import adapter
    >>> why_left_out(adapter("c4"), "/c4/en/README.md"), why_left_out(adapter("c4"), "/c4/en/c4-train.0.json.gz")
    ('unknown_suffix', None)

    Args:
        adapter: The source.
        path: The file.
        named: The user named this very file: then it is read whatever its name ends in.
    """
    if adapter.ignored is not None and adapter.ignored.search(path):
        return "no_documents"
    if named:
        return None
    if is_hidden(path.rpartition("/")[2]):
        return "hidden"
    return None if is_parquet(path) or _is_text(path) else "unknown_suffix"


def is_hidden(name: str) -> bool:
    """Say whether a file or folder of this name is for programs: it begins with `.` or `_`, and is no `_key=value`.

    >>> is_hidden("_SUCCESS"), is_hidden(".a.json.crc"), is_hidden("_day=1"), is_hidden("a_.json")
    (True, True, False, False)
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def is_parquet(path: str) -> bool:
    """Say whether the name is that of a Parquet file."""
    return path.lower().endswith(PARQUET_SUFFIXES)


def units(files: Sequence[File], *, unit_bytes: int, splits: Callable[[str], bool]) -> list[Unit]:
    """Cut files into units of about `unit_bytes` bytes.

    Args:
        files: The files.
        unit_bytes: The most that a unit should have; a compressed file that is larger is one unit all the same.
        splits: Says whether a file can be read from the middle.
    """
    total = sum(file.size + FILE_COST for file in files)
    target = min(unit_bytes, max(MINIMUM_UNIT, total // UNITS))
    slices = (part for file in sorted(files, key=lambda file: file.path) for part in _cut(file, target, splits))
    return [Unit(tuple(group)) for group in _packed(slices, target)]


def splits_in_place(path: str) -> bool:
    """Say whether a file can be read from the middle, by its name: Parquet has row groups, plain text has lines."""
    return is_parquet(path) or path.lower().endswith(TEXT_SUFFIXES)


def _cut(file: File, target: int, splits: Callable[[str], bool]) -> Iterator[Slice]:
    if file.joined is not None or file.size <= target or not splits(file.path):
        yield Slice(file, 0, file.size)
        return
    parts = -(-file.size // target)
    bounds = [file.size * part // parts for part in range(parts + 1)]
    for start, end in pairwise(bounds):
        yield Slice(file, start, end)


def _packed(slices: Iterable[Slice], target: int) -> Iterator[list[Slice]]:
    group: list[Slice] = []
    held = 0
    for part in slices:
        cost = part.end - part.start + FILE_COST
        if group and held + cost > target:
            yield group
            group, held = [], 0
        group.append(part)
        held += cost
    if group:
        yield group


def _is_text(path: str) -> bool:
    lowered = path.lower()
    stem = next((lowered.removesuffix(suffix) for suffix in SUFFIXES if lowered.endswith(suffix)), lowered)
    return stem.endswith(TEXT_SUFFIXES)
