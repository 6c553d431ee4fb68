"""Measure executing programs: the JVM's expressions, the Python twin alone, and the twin inside a pandas UDF.

python benchmarks/bench_apply.py [PARQUET with the columns text and keep] [--rounds 3] [--copies 4] [--jar JAR]

Each page's `keep` labels become the programs of its chunks, as a perfect model would write them. All run from this
process on one core, by turns; the best round counts, because other work on the machine only slows a round. The ratios
are of CPU time, which a busy machine changes less. The rows are in memory for all of them, and `rows alone` is what
Spark needs to hand the same rows on without executing anything. `JVM, words known` is a pass after one that counted the
words; `accelerator` is the optional compiled executor (`make accelerator`). In the mode reference it counts words
only, and the Python twin does what the published executor does, at about its speed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from prox_spark.chunks import WordTokenizer, chunk
from prox_spark.lake import schema
from prox_spark.program import ChunkProgram, Mode, Operation, Policy, chunk_program, columns, execute_operations
from prox_spark.program.ranges import runs
from prox_spark.spark import accelerator

ROWS = StructType([StructField("text", StringType()), StructField("chunks", ArrayType(schema.CHUNK))])
Program = list[ChunkProgram]
WORKLOADS = ("keep", "remove", "normalize", "replace_str", "add_line", "rewrite", "score")
POLICIES = {name: Policy(grammar="ultrax", insert="source_words") for name in ("replace_str", "add_line")}
POLICIES |= {
    "rewrite": Policy(grammar="rescraper", rewrite="source_words"),
    "score": Policy(grammar="score", min_score=2),
}
"""The operations of refiners after ProX; they have no workload in the mode reference, where theirs is line by line."""


def programs(text: str, keep: list[bool], workload: str) -> Program:
    """Write the program of each chunk: nothing, the lines to remove, or those and a string to delete."""
    written = []
    for part in chunk(text, WordTokenizer()):
        calls = []
        for kept, run in groupby(range(part.line_start, part.line_end + 1), key=lambda line: keep[line]):
            lines = list(run)
            if not kept and workload != "keep":
                calls.append(f"remove_lines(start={lines[0]}, end={lines[-1]})")
        if workload == "normalize":
            word = max(text.split("\n")[part.line_start].split() or ["none"], key=len)
            calls += [f'normalize(source_str="{word}", target_str="")', 'normalize(source_str="Read more")']
        written.append(chunk_program(part, "\n".join(calls) or "keep_chunk()"))
    return written


def later_programs(text: str, keep: list[bool], workload: str) -> Program:
    """Write the program of each chunk in the operations of later refiners: unwanted lines go, and one thing more."""
    if workload == "score":
        return [ChunkProgram(operations=(Operation("score", target="2.5"),))]
    lines, written = text.split("\n"), []
    for part in chunk(text, WordTokenizer()):
        first, last = part.line_start, part.line_end
        gone = runs(line for line in range(first, last + 1) if not keep[line])
        operations = [Operation("remove_lines", *one) for one in gone]
        if workload == "replace_str":
            long = [line for line in range(first, last + 1) if keep[line] and len(lines[line]) > 20]
            operations += [Operation("replace_str", at, at, lines[at][5:15], lines[at][5:10]) for at in long]
        elif workload == "add_line":
            operations += [Operation("add_line", line, target=lines[first]) for line in range(first, last + 1, 20)][:10]
        else:
            operations.append(Operation("rewrite", target="\n".join(lines[first:last])))
        written.append(ChunkProgram(part.index, first, last, operations=tuple(operations)))
    return written


def chunk_row(program: ChunkProgram) -> dict[str, Any]:
    """Give a program as `schema.CHUNK` stores it."""

    def plain(operations: Any) -> list[dict[str, Any]]:
        return [{field.name: getattr(one, field.name) for field in schema.OPERATION} for one in operations]

    row: dict[str, Any] = dict.fromkeys(schema.CHUNK.names)
    row |= {"chunk_index": program.chunk_index, "line_start": program.scope_start, "line_end": program.scope_end}
    row |= {"completion": program.completion, "ops": plain(program.operations), "problems": []}
    return row | {"reference_ops": plain(program.reference_operations), "reference_errors": program.reference_errors}


def from_row(row: Any) -> ChunkProgram:
    """Give a stored chunk back as a program."""
    return ChunkProgram(
        chunk_index=row["chunk_index"],
        scope_start=row["line_start"],
        scope_end=row["line_end"],
        completion=row["completion"],
        operations=tuple(Operation(**one) for one in row["ops"]),
        problems=len(row["problems"]),
        reference_operations=tuple(Operation(**one) for one in row["reference_ops"]),
        reference_errors=row["reference_errors"],
    )


def sink(frame: DataFrame) -> Callable[[], None]:
    return lambda: frame.write.format("noop").mode("overwrite").save()


def jvm(frame: DataFrame, policy: Policy, known: str | None = None, *, compiled: bool = False) -> Callable[[], None]:
    return sink(frame.select(columns.execute("text", "chunks", policy=policy, known_words=known, compiled=compiled)))


def twin(pages: list[tuple[str, Program]], policy: Policy) -> Callable[[], None]:
    def run() -> None:
        for text, program in pages:
            execute_operations(text, program, policy=policy)

    return run


def pandas_udf(frame: DataFrame, policy: Policy) -> Callable[[], None]:
    def execute(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            done = [
                execute_operations(text, [from_row(row) for row in rows], policy=policy)
                for text, rows in zip(batch["text"], batch["chunks"], strict=True)
            ]
            yield pd.DataFrame(
                {
                    "text": [one.text for one in done],
                    "outcome": [one.outcome for one in done],
                    "fates": [str(len(one.operations)) for one in done],
                    "words": [one.words_after for one in done],
                }
            )

    return sink(
        frame.select("text", "chunks").mapInPandas(execute, "text string, outcome string, fates string, words bigint")
    )


def session() -> SparkSession:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.memory", "2g").config("spark.ui.showConsoleProgress", "false")
    live = builder.config("spark.sql.execution.arrow.pythonUDF.columnarInput.enabled", "false").getOrCreate()
    live.sparkContext.setLogLevel("ERROR")
    return live


def cpu_times(spark: SparkSession) -> dict[int, float]:
    """Give the CPU seconds that this process (0), the JVM and each of its Python workers have used, by process."""
    virtual_machine = spark._jvm.java.lang.ProcessHandle.current()  # type: ignore[union-attr]
    processes = [virtual_machine, *virtual_machine.descendants().toList()]
    spent = {process.pid(): process.info().totalCpuDuration() for process in processes}
    found = {number: one.get().toMillis() / 1000 for number, one in spent.items() if one.isPresent()}
    return found | {0: time.process_time()}


def cpu_seconds(before: dict[int, float], after: dict[int, float]) -> float:
    """Give what was used between; a worker that ended meanwhile was idle, and must not count as negative time."""
    return sum(seconds - before.get(process, 0) for process, seconds in after.items())


def measure(spark: SparkSession, measured: dict[str, Callable[[], None]], megabytes: float, rounds: int) -> None:
    """Run all by turns and print megabytes a second; the first round only warms up."""
    wall: dict[str, float] = dict.fromkeys(measured, float("inf"))
    cpu = dict(wall)
    for number in range(rounds + 1):
        for name, run in measured.items():
            start, used = time.perf_counter(), cpu_times(spark)
            run()
            if number:
                wall[name] = min(wall[name], time.perf_counter() - start)
                cpu[name] = min(cpu[name], cpu_seconds(used, cpu_times(spark)))
    for name in measured:
        twin, udf = cpu["Python twin"] / cpu[name], cpu["pandas UDF"] / cpu[name]
        print(
            f"    {name:<26}{megabytes / wall[name]:7.1f} MB/s, {megabytes / cpu[name]:7.1f} MB per CPU second, "
            f"{twin:5.2f} x the twin, {udf:5.2f} x the pandas UDF",
            flush=True,
        )


def in_memory(spark: SparkSession, pages: list[tuple[str, Program]], modes: list[Mode], copies: int) -> DataFrame:
    """Give the pages with their programs and, for each mode, their words."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [(text, [chunk_row(one) for one in program]) for text, program in pages]
        frame = spark.createDataFrame(rows, ROWS).coalesce(1)
        for _ in range(copies):
            frame.write.mode("append").parquet(folder)
        counts = [columns.words("text", mode=mode).alias(mode) for mode in modes]
        return spark.read.parquet(folder).coalesce(1).select("*", *counts).localCheckpoint()


def contestants(
    stored: DataFrame, pages: list[tuple[str, Program]], policy: Policy, *, compiled: bool
) -> dict[str, Callable[[], None]]:
    """Give what is measured, by name."""
    measured = {"rows alone": sink(stored.select("text", "chunks")), "JVM": jvm(stored, policy)}
    measured["JVM, words known"] = jvm(stored, policy, policy.mode)
    if compiled:
        measured["accelerator"] = jvm(stored, policy, compiled=True)
        measured["accelerator, words known"] = jvm(stored, policy, policy.mode, compiled=True)
    return measured | {"Python twin": twin(pages, policy), "pandas UDF": pandas_udf(stored, policy)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    home = Path(os.environ.get("PROX_SPARK_SHARED", Path(__file__).resolve().parents[2] / "shared" / "data"))
    parser.add_argument("pages", nargs="?", type=Path, default=home / "web_lines_train.parquet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--modes", default="strict,reference")
    built = Path(__file__).resolve().parents[1] / "build" / "prox-accelerator.jar"
    parser.add_argument("--jar", type=Path, default=built, help="the accelerator; left out where there is none")
    arguments = parser.parse_args()
    table = pq.read_table(arguments.pages, columns=["text", "keep"]).to_pylist()
    spark = session()
    if arguments.jar.exists():
        accelerator.register(spark, str(arguments.jar))
    for workload in arguments.workloads.split(","):
        later = POLICIES.get(workload)
        write = programs if later is None else later_programs
        pages = [(row["text"], write(row["text"], row["keep"], workload)) for row in table]
        print(f"{workload}: {len(pages)} pages", flush=True)
        stored = in_memory(spark, pages, arguments.modes.split(","), arguments.copies)
        copies = pages * arguments.copies
        size = sum(len(text.encode()) for text, _ in copies) / 1e6
        modes: list[Mode] = arguments.modes.split(",") if later is None else ["strict"]
        for mode in modes:
            print(f"  {mode}", flush=True)
            measured = contestants(stored, copies, later or Policy(mode=mode), compiled=arguments.jar.exists())
            measure(spark, measured, size, arguments.rounds)
    spark.stop()


if __name__ == "__main__":
    main()
