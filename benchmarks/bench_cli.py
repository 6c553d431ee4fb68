"""How long small commands take on the demo's lake, read directly and by Spark, and whether they print the same.

    python benchmarks/bench_cli.py [LAKE]

Without a lake the demo makes one in a temporary folder, which takes a minute. CPU seconds are those of the command
itself, without Spark's JVM, which nobody waits for at the end; on a busy machine they tell more than the clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

BY_SPARK = ("--set", "spark.spark.sql.session.timeZone=UTC")
"""A setting of SQL, which only Spark heeds, and which is so anyway: with it Spark answers."""

QUERIES = (
    "SELECT count(*) FROM corpus",
    "SELECT outcome, count(*) AS documents FROM corpus GROUP BY outcome ORDER BY outcome",
    "SELECT version, name, pass_name, kept, edited, dropped, not_run FROM versions ORDER BY version",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = sys.argv[1] if len(sys.argv) > 1 else f"{folder}/demo-lake"
        if not os.path.isdir(lake):
            measure(["demo", "--quiet", "--lake", lake])
        newest = measure(["sql", "--json", "SELECT doc_id FROM documents ORDER BY doc_id LIMIT 1", "--lake", lake])
        (first,) = json.loads(newest[2])
        commands = [["history"], ["show", first["doc_id"][:12]], *(["sql", query] for query in QUERIES)]
        print(f"{'command':32}{'direct, s':>12}{'CPU s':>8}{'Spark, s':>12}  same")
        for command in commands:
            direct = measure([*command, "--lake", lake])
            spark = measure([*command, "--lake", lake, *BY_SPARK])
            numbers = f"{direct[0]:12.1f}{direct[1]:8.1f}{spark[0]:12.1f}"
            print(f"{' '.join(command)[:30]:32}{numbers}  {'yes' if direct[2] == spark[2] else 'NO'}", flush=True)


def measure(command: list[str]) -> tuple[float, float, str]:
    """Run a command of prox-spark; give wall seconds, CPU seconds and what it printed."""
    before, began = os.times(), time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "prox_spark.cli", *command], stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used, run.stdout


if __name__ == "__main__":
    main()
