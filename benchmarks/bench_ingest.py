"""Measure ingest in MB a second, beside plain Spark that reads the same records and writes them to Parquet.

python benchmarks/bench_ingest.py [C4 FILES] [--megabytes 1000] [--rounds 2] [--cores 2]

The files are copied, each copy with other texts and URLs, until they hold so many MB of JSON. All of it runs in one
session, by turns; the first round only warms up, and of the others the best counts, because other work on the machine
only slows a round. CPU seconds are those of this process, its JVM and its Python workers. What is measured:

- plain Spark: `spark.read.schema(…).json(files).write.parquet(folder)`, which checks, hashes and joins nothing;
- plain Spark, twice: the same records written to two tables, as an ingest does;
- read: files to records in Arrow batches, thrown away;
- documents: the same with the shuffle that removes duplicates, thrown away;
- ingest: the whole command, into a new lake: `documents` and `corpus`, two Delta commits and the row in `runs`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from prox_spark import pipeline
from prox_spark.config import IngestSettings
from prox_spark.lake.tables import Lake
from prox_spark.spark.session import session
from prox_spark.stages import ingest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data" / "raw" / "c4"
SAMPLE = ROOT / "prox_spark" / "demo" / "data" / "c4"
FILE_BYTES = 50_000_000


def copies(files: list[Path], folder: Path, size: int) -> int:
    """Write `size` bytes of records in files of C4, and give their real size."""
    records = [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    written = number = copy = 0
    while written < size:
        part = bytearray()
        while len(part) < FILE_BYTES and written + len(part) < size:
            for record in records:
                other = record | {"text": f"{copy} {record['text']}", "url": f"{record['url']}?copy={copy}"}
                part += json.dumps(other, ensure_ascii=False).encode() + b"\n"
            copy += 1
        (folder / f"c4-train.{number:05d}-of-01024.json.gz").write_bytes(gzip.compress(part, 4))
        written, number = written + len(part), number + 1
    return written


def workloads(spark: SparkSession, folder: Path, out: Path, cores: int) -> dict[str, Callable[[], None]]:
    """Give what is measured, by name."""
    settings = IngestSettings()
    adapter = ingest.adapter("c4", settings)
    units = ingest.files(spark, adapter, [str(folder)], settings=settings)

    def plain(times: int) -> None:
        rows = spark.read.schema("text STRING, timestamp STRING, url STRING").json(str(folder))
        for number in range(times):
            rows.write.parquet(f"{out}/{number}")

    def read() -> None:
        records = ingest.records(spark, units, adapter, settings=settings)
        records.write.format("noop").mode("overwrite").save()

    def documents() -> None:
        records = ingest.records(spark, units, adapter, settings=settings)
        frame = ingest.documents(records, None, run_id="bench", shards=settings.shards, partitions=cores)
        frame.write.format("noop").mode("overwrite").save()

    def whole() -> None:
        lake = Lake.open(spark, f"{out}/lake-{time.time_ns()}")
        done = pipeline.ingest(lake, "c4", [str(folder)], settings=settings)
        assert done.records == done.documents > 0

    plain_runs = {"plain Spark": lambda: plain(1), "plain Spark, twice": lambda: plain(2)}
    return plain_runs | {"read": read, "documents": documents, "ingest": whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = SHARED if SHARED.is_dir() else SAMPLE
    parser.add_argument("files", nargs="*", type=Path, default=sorted(home.rglob("c4-train.*.json.gz")))
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    spark = session(spark_master=f"local[{arguments.cores}]")
    with tempfile.TemporaryDirectory(prefix="prox-bench-") as place:
        folder, out = Path(place) / "en", Path(place) / "out"
        folder.mkdir()
        size = copies(arguments.files, folder, arguments.megabytes * 1_000_000)
        print(f"{size / 1e6:.0f} MB of JSON in {len(list(folder.iterdir()))} gzip files, {arguments.cores} cores")
        measure(workloads(spark, folder, out, arguments.cores), size / 1e6, arguments.rounds, out)
    spark.stop()


def measure(runs: dict[str, Callable[[], None]], megabytes: float, rounds: int, out: Path) -> None:
    """Run all by turns and print megabytes a second, and the ratios of time and of CPU time."""
    wall: dict[str, float] = {}
    cpu: dict[str, float] = {}
    work = Work()
    for number in range(rounds + 1):
        for name, run in runs.items():
            shutil.rmtree(out, ignore_errors=True)
            start, before = time.perf_counter(), work.seconds()
            run()
            taken, used = time.perf_counter() - start, work.seconds() - before
            wall[name] = min(wall[name], taken) if number > 1 else taken
            cpu[name] = min(cpu[name], used) if number > 1 else used
            print(f"  round {number}  {name:<20}{taken:7.1f} s {used:7.1f} s of CPU", flush=True)
    print()
    for name in runs:
        slower, dearer = wall[name] / wall["plain Spark"], cpu[name] / cpu["plain Spark"]
        print(
            f"{name:<20}{wall[name]:7.1f} s {megabytes / wall[name]:7.1f} MB/s   {slower:5.2f} x plain Spark; "
            f"{cpu[name]:7.1f} s of CPU, {dearer:5.2f} x",
            flush=True,
        )


class Work(threading.Thread):
    """Watch this process and those below it; a Python worker that ends takes its CPU time with it otherwise."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._used: dict[tuple[int, str], float] = {}
        self._lock = threading.Lock()
        self.start()

    def run(self) -> None:
        while True:
            self.seconds()
            time.sleep(0.3)

    def seconds(self) -> float:
        """Give the CPU time used so far by all processes that were ever seen."""
        children: dict[int, list[int]] = {}
        used: dict[int, tuple[str, float]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            used[int(folder.name)] = fields[19], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        with self._lock:
            below = [os.getpid()]
            while below:
                pid = below.pop()
                if pid in used:
                    self._used[pid, used[pid][0]] = used[pid][1]
                below += children.get(pid, [])
            return sum(self._used.values())


if __name__ == "__main__":
    main()
