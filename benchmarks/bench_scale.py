"""Measure how time and memory grow with the corpus: ingest and both passes, at several sizes, each in a new process.

python benchmarks/bench_scale.py [--megabytes 250 500 1000] [--cores 2] [--driver-heap 768] [--json FILE] [--page FILE]

Real pages are varied until they hold so many MB of JSON: each copy of a page has another beginning and another URL, so
that no text occurs twice. The programs are the rules engine's, which needs no model; what a model costs comes on top.
Spark runs as `local-cluster`: driver and executors are processes of their own, and the peak resident memory of each
kind is read from the kernel, CPU seconds as well, which a busy machine changes less than time. Before the clock starts
each process takes a small corpus through the whole line, so that what is timed is work and not the start of Spark and
its compiler. The heaps are the same at every size, and the driver's is small: one that collected a corpus would fail.

--page writes the table into docs/scale.md, between its two marks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_ingest import SAMPLE, SHARED, copies

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from prox_spark.lake.tables import Lake

WARM_UP_BYTES = 8_000_000
MARKS = "<!-- make bench-scale writes from here -->", "<!-- to here -->"
ROOT = Path(__file__).resolve().parents[1]
KINDS = {
    "driver JVM": b"org.apache.spark.deploy.SparkSubmit",
    "executor JVM": b"CoarseGrainedExecutorBackend",
    "Python worker": b"pyspark.daemon",
}


def session_processes() -> list[tuple[Path, bytes]]:
    """List the processes of this session: their folders in /proc and their command lines."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if os.getsid(int(folder.name)) == os.getsid(0):
                    found.append((folder, (folder / "cmdline").read_bytes()))
            except OSError:
                continue
    return found


def cpu_seconds() -> float:
    """Give the CPU time of all processes of this session, with that of the children they have buried."""
    ticks = 0
    for folder, _ in session_processes():
        try:
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Memory(threading.Thread):
    """Watch the processes below this one and keep the highest peak of each kind, in MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[str, float] = {}
        self._done = threading.Event()

    def run(self) -> None:
        """Look twice a second until `stop`."""
        while not self._done.wait(0.5):
            self.look()

    def stop(self) -> dict[str, float]:
        """Look once more, and give the peaks."""
        self._done.set()
        self.join()
        self.look()
        return self.peaks

    def look(self) -> None:
        """Read the peak of every process of the session."""
        self._keep("driver Python", os.getpid())
        for folder, line in session_processes():
            for kind, mark in KINDS.items():
                if mark in line:
                    self._keep(kind, int(folder.name))

    def _keep(self, kind: str, pid: int) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        except OSError:
            return
        peak = next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
        self.peaks[kind] = max(self.peaks.get(kind, 0.0), peak)


def started(cores: int, driver_heap: int) -> SparkSession:
    """Start Spark with a driver and executors of their own; the heaps are in MB."""
    from prox_spark.spark.session import session

    settings: dict[str, Any] = {
        "spark.master": f"local-cluster[{cores},1,1536]",
        "spark.driver.memory": f"{driver_heap}m",
        "spark.executor.memory": "1536m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
        "spark.sql.shuffle.partitions": 8,
        "spark.default.parallelism": cores,
        "spark.databricks.delta.snapshotPartitions": 1,
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.execution.arrow.maxRecordsPerBatch": 1024,
        "spark.executor.extraJavaOptions": "-XX:+UseParallelGC -Xss4m",
        "spark.pyspark.python": sys.executable,
        "spark.executorEnv.PYTHONPATH": str(ROOT),
    }
    return session(**settings)


def line(lake: Lake, files: Path, timed: Callable[[str, Callable[[], Any]], Any]) -> int:
    """Take the files through ingest and both passes, and give the number of documents."""
    from prox_spark import pipeline
    from prox_spark.config import load

    config = load(overrides=["engine.kind=rules", "refine.wave_texts=20000"])
    summary = timed("ingest", lambda: pipeline.ingest(lake, "c4", [str(files)], settings=config.ingest))
    for item in config.passes:
        timed(f"refine {item.name}", partial(pipeline.refine, lake, item.name, config=config))
        timed(f"apply {item.name}", partial(pipeline.apply, lake, item.name, config=config))
    return int(summary.documents)


def heap_in_use(spark: SparkSession) -> float:
    """Give what lives on the driver's heap after a collection, in MB."""
    runtime = spark._jvm.java.lang.Runtime.getRuntime()
    spark._jvm.java.lang.System.gc()
    return float(runtime.totalMemory() - runtime.freeMemory()) / 2**20


def measured(folder: Path, cores: int, driver_heap: int) -> dict[str, Any]:
    """Take the files through the line in this process, and give the seconds of each step and the memory it took."""
    from prox_spark.lake.tables import Lake

    memory = Memory()
    memory.start()
    spark = started(cores, driver_heap)
    line(Lake.open(spark, str(folder / "first")), folder / "few", lambda _, step: step())
    seconds: dict[str, float] = {}
    cpu: dict[str, float] = {}
    live: list[float] = []

    def timed(name: str, step: Callable[[], Any]) -> Any:
        begin, worked = time.monotonic(), cpu_seconds()
        result = step()
        seconds[name], cpu[name] = round(time.monotonic() - begin, 1), round(cpu_seconds() - worked, 1)
        live.append(heap_in_use(spark))
        return result

    documents = line(Lake.open(spark, str(folder / "lake")), folder / "files", timed)
    stored = sum(path.stat().st_size for path in (folder / "lake").rglob("*.parquet"))
    spark.stop()
    peaks = {kind: round(peak) for kind, peak in memory.stop().items()}
    return {
        "documents": documents,
        "lake_mb": round(stored / 1e6),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "live_heap_mb": round(max(live)),
        "peak_mb": peaks,
    }


def one_size(megabytes: int, cores: int, driver_heap: int) -> dict[str, Any]:
    """Write files of that size and measure them in a new process, whose session of processes is its own."""
    source = sorted((SHARED if SHARED.is_dir() else SAMPLE).glob("en.noclean/*.json.gz"))
    with tempfile.TemporaryDirectory(prefix="prox-spark-scale-") as name:
        folder = Path(name)
        for part in ("few", "files"):
            (folder / part).mkdir()
        copies(source, folder / "few", WARM_UP_BYTES)
        size = copies(source, folder / "files", megabytes * 1_000_000)
        command = [sys.executable, __file__, "--measure", str(folder)]
        command += ["--cores", str(cores), "--driver-heap", str(driver_heap)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True)
    return {"megabytes": round(size / 1e6), **json.loads(done.stdout.splitlines()[-1])}


def table(rows: list[dict[str, Any]]) -> str:
    """Write the measurements as a Markdown table with a column for each size, and below it how the cost grows."""
    lines: dict[str, list[Any]] = {
        "MB of JSON": [row["megabytes"] for row in rows],
        "documents": [f"{row['documents']:,}" for row in rows],
    }
    for step in rows[0]["seconds"]:
        lines[f"{step}: seconds (of CPU)"] = [f"{row['seconds'][step]} ({row['cpu_seconds'][step]})" for row in rows]
    lines["all: seconds (of CPU)"] = [
        f"{sum(row['seconds'].values()):.1f} ({sum(row['cpu_seconds'].values()):.1f})" for row in rows
    ]
    lines["lake, MB"] = [row["lake_mb"] for row in rows]
    lines["live on the driver's heap, MB"] = [row["live_heap_mb"] for row in rows]
    for kind in sorted(rows[0]["peak_mb"]):
        lines[f"peak of the {kind}, MB"] = [row["peak_mb"].get(kind, "") for row in rows]
    head, *rest = [f"| {name} | {' | '.join(str(value) for value in values)} |" for name, values in lines.items()]
    return "\n".join([head, f"|---|{'---:|' * len(rows)}", *rest, "", *growth(rows)])


def growth(rows: list[dict[str, Any]]) -> list[str]:
    """Say what 100 MB more cost, from one size to the next: equal numbers are linear growth. Then what a TB would."""
    said = []
    cpu = 0.0
    for less, more in itertools.pairwise(rows):
        hundreds = (more["megabytes"] - less["megabytes"]) / 100
        cpu, wall = (
            (sum(more[name].values()) - sum(less[name].values())) / hundreds for name in ("cpu_seconds", "seconds")
        )
        said.append(
            f"- From {less['megabytes']} to {more['megabytes']} MB, each 100 MB more took {wall:.1f} s "
            f"({cpu:.1f} s of CPU)."
        )
    hours = cpu * 10_000 / 3600  # 1 TB is 10,000 times 100 MB
    said.append(
        f"- At the last of these rates, everything but the model takes {hours:,.0f} core hours for 1 TB of JSON and "
        f"{100 * hours:,.0f} for 100 TB."
    )
    return said


def write(page: Path, text: str) -> None:
    """Put the measurements between the two marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    page.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> None:
    """Measure all sizes, smallest first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--driver-heap", type=int, default=768, help="in MB (768)")
    parser.add_argument("--json", type=Path, help="also write the measurements to this file")
    parser.add_argument("--page", type=Path, help="also write the table into this page")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measured(given.measure, given.cores, given.driver_heap)))
        return
    rows = []
    for megabytes in sorted(given.megabytes):
        rows.append(one_size(megabytes, given.cores, given.driver_heap))
        print(json.dumps(rows[-1]), flush=True)
        if given.json:
            given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    if given.page:
        write(given.page, table(rows))


if __name__ == "__main__":
    main()
