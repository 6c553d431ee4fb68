"""Read damaged files of all sources, for an hour or as long as the argument says, in minutes: `make fuzz MINUTES=10`.

Every file is a sound one, packed in one of the ways that are read, with some of its bytes changed, moved, doubled or
gone. It is read in a process of its own, and what must hold is:

- the reader gives records and raises nothing; where a library ends the process, the careful reader of a second try
  says so;
- nothing is lost in silence: each record that a plain reader (Python's json and zlib, pyarrow) finds is a document, or
  lies where the quarantine says that something could not be read;
- the process stays below a bound of memory.

A case is its seed: `python tests/fuzz/sources.py --seed 4711` runs it again.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import lzma
import multiprocessing
import random
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from prox_spark.sources import File, Reader, Record, Slice, adapter

MEMORY_MB = 1500
SECONDS = 60
CASES = 50
"""Cases of one process."""

TO_THE_END = {"truncated_file", "corrupt_file", "too_large", "unreadable_file", "unreadable_rows", "not_json_lines",
              "unknown_format", "unexpected", "missing_text", "wrong_type", "duplicate_column"}  # fmt: skip
"""Reasons that speak of all that follows their position."""

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, 5, mtime=0),
    ".zst": lambda data: zstandard.compress(data[: len(data) // 2]) + zstandard.compress(data[len(data) // 2 :]),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def pages(made: random.Random, source: str) -> list[dict[str, object]]:
    """Make records with the columns of a source."""
    rows: list[dict[str, object]] = []
    for number in range(made.choice((1, 20, 300))):
        text = "\n".join(
            made.choice(("Größe 水車 €", "word " * 9, "a\tb\u2028c", "")) for _ in range(made.randint(1, 9))
        )
        row: dict[str, object] = {"text": f"{number} {text}", "url": f"https://example.org/{number}"}
        if source == "redpajama-v2":
            row = {"raw_content": row["text"], "url": row["url"], "digest": f"sha1:{number}", "date_download": "2023"}
        row |= {"date": "2024-01-01", "score": made.random(), "id": str(number), "deep": {"n": [number, None]}}
        rows.append(row)
    return rows


def packed(made: random.Random, rows: list[dict[str, object]]) -> tuple[str, bytes]:
    """Write records in one of the ways that are read: the suffix, and the bytes."""
    if made.random() < 0.4:
        sink = io.BytesIO()
        pq.write_table(
            pa.Table.from_pylist(rows),
            sink,
            compression=made.choice(("snappy", "zstd", "gzip", "none")),
            row_group_size=made.choice((7, 1000)),
            write_page_checksum=made.random() < 0.3,
            use_dictionary=made.random() < 0.5,
            data_page_version=made.choice(("1.0", "2.0")),
        )
        return ".parquet", sink.getvalue()
    suffix = made.choice(list(PACKERS))
    lines = b"".join(json.dumps(row, ensure_ascii=made.random() < 0.5).encode() + b"\n" for row in rows)
    return f".jsonl{suffix}", PACKERS[suffix](lines)


def damaged(made: random.Random, data: bytes) -> bytes:
    """Change some bytes of a file."""
    changed = bytearray(data)
    for _ in range(made.choice((0, 1, 1, 2, 5, 40))):
        at, other = made.randrange(len(changed) + 1), made.randrange(len(changed) + 1)
        size = made.choice((1, 1, 4, 100, 5000))
        match made.randrange(6):
            case 0:
                changed[at : at + size] = made.randbytes(size)
            case 1:
                del changed[at : at + size]
            case 2:
                changed[at:at] = made.randbytes(size)
            case 3:
                changed[at : at + size] = changed[other : other + size]
            case 4:
                changed[at:at] = changed[other : other + size]
            case _ if made.random() < 0.3:
                del changed[at:]
            case _:
                changed[at : at + 1] = made.choice((b"\0", b"\xff", b"\n", b'"', b"{", b"}", b"[", b"\\"))
    return bytes(changed)


def plain_lines(suffix: str, data: bytes) -> bytes:
    """Decompress as far as Python's own libraries come."""
    kind = suffix.removeprefix(".jsonl")
    if not kind:
        return data
    openers: dict[str, Callable[..., Any]] = {
        ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": zstandard.open,
    }  # fmt: skip
    opened = openers[kind](io.BytesIO(data), "rb")
    given = bytearray()
    try:
        while part := opened.read(1 << 12):
            given += part
    except Exception:  # noqa: BLE001  # whatever it raises, it came no further
        pass
    return bytes(given)


def found_in_lines(suffix: str, data: bytes, column: str) -> Iterator[tuple[int, str]]:
    """Give the position and text of every record that Python's json finds; the last line may be cut."""
    whole = plain_lines(suffix, data)
    at = 0
    for line in whole.split(b"\n")[: None if whole == data else -1]:
        try:
            record = json.loads(line.decode(), parse_constant=lambda _: 1 / 0)
        except (ValueError, RecursionError, ZeroDivisionError):
            record = None
        if isinstance(record, dict) and isinstance(record.get(column), str):
            yield at, record[column]
        at += len(line) + 1


def found_in_rows(data: bytes, column: str) -> Iterator[tuple[int, str]]:
    """Give the row number and text of every row of every row group that pyarrow reads whole."""
    try:
        file = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True)
        groups = file.metadata.num_row_groups
    except Exception:  # noqa: BLE001
        return
    first = 0
    for group in range(groups):
        try:
            values = file.read_row_group(group, columns=[column], use_threads=False)[column].to_pylist()
        except Exception:  # noqa: BLE001
            values = []
        yield from ((first + row, value) for row, value in enumerate(values) if isinstance(value, str))
        first += file.metadata.row_group(group).num_rows


def check(seed: int, folder: Path, *, careful: bool = False) -> str | None:
    """Run one case; say what is wrong."""
    made = random.Random(seed)
    source = made.choice(("c4", "fineweb", "redpajama-v2", "openwebmath", "jsonl", "parquet"))
    suffix, sound = packed(made, pages(made, source))
    data = damaged(made, sound)
    path = folder / f"a{suffix}"
    path.write_bytes(data)
    chosen = adapter(source)
    try:
        part = Slice(File(str(path), len(data)), 0, len(data))
        records = list(Reader(chosen, None, 1 << 26).slices([part], careful=careful))
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
    find = (
        found_in_rows(data, chosen.text_column)
        if suffix == ".parquet"
        else found_in_lines(suffix, data, chosen.text_column)
    )
    return lost(records, find) or (None if records else "no record at all")


def lost(records: list[Record], find: Iterator[tuple[int, str]]) -> str | None:
    """Name a record that another reader finds and that is neither a document nor where something could not be read."""
    texts = {record.text for record in records}
    bad = {record.position for record in records if record.reason is not None}
    ends = [record.position for record in records if record.reason in TO_THE_END]
    first_end = min(ends, default=None)
    for position, text in find:
        covered = position in bad or (first_end is not None and position >= first_end)
        if not covered and text.encode("utf-8", "surrogatepass") not in texts:
            return f"lost: {text[:60]!r} at {position}"
    return None


def work(first: int, last: int, results: multiprocessing.SimpleQueue[tuple[int, str]]) -> None:
    """Run some cases in a process of their own, and tell of each before and after."""
    with tempfile.TemporaryDirectory(prefix="prox-fuzz-") as folder:
        for seed in range(first, last):
            results.put((seed, "begun"))
            wrong = check(seed, Path(folder))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            if wrong is None and peak > MEMORY_MB:
                wrong = f"{peak} MB of memory"
            results.put((seed, wrong or f"fine {peak}"))
            if peak > MEMORY_MB:
                return  # the peak is that of the process, and the next case is another's


def again(seed: int, exitcode: int | None) -> list[str]:
    """Run a case that ended its process as Spark tries such a task again; say what is wrong."""
    how = f"seed {seed}: the process ended with {exitcode}"
    if exitcode != -signal.SIGABRT:
        return [how]
    with tempfile.TemporaryDirectory(prefix="prox-fuzz-") as folder:
        found = check(seed, Path(folder), careful=True)
    if found is not None:
        return [f"{how}, and on a second try: {found}"]
    print(f"{how}; a second try says so and goes on", flush=True)
    return []


def run(first: int, last: int) -> tuple[list[str], int, int]:
    """Run cases: what was wrong, the most memory in MB, and the next seed."""
    results: multiprocessing.SimpleQueue[tuple[int, str]] = multiprocessing.SimpleQueue()
    process = multiprocessing.Process(target=work, args=(first, last, results))
    process.start()
    wrong: list[str] = []
    at, peak, begun, said = first, 0, time.monotonic(), ""
    while process.is_alive() or not results.empty():
        if results.empty():
            if time.monotonic() - begun > SECONDS:
                process.kill()
            process.join(0.02)
            continue
        (at, said), begun = results.get(), time.monotonic()
        if said.startswith("fine"):
            peak = max(peak, int(said.split()[1]))
        elif said != "begun":
            wrong.append(f"seed {at}: {said}")
    process.join()
    if said == "begun":
        wrong += again(at, process.exitcode)
    return wrong, peak, at + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="run this case alone")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return print(run(arguments.seed, arguments.seed + 1))
    ends = time.monotonic() + arguments.minutes * 60
    seed = first = random.randrange(1 << 40)
    wrong: list[str] = []
    peak = 0
    while time.monotonic() < ends:
        more, most, seed = run(seed, seed + CASES)
        wrong, peak = wrong + more, max(peak, most)
        for one in more:
            print(one, flush=True)
    print(f"{seed - first:,} files, {len(wrong)} wrong, {peak} MB of memory at most")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
