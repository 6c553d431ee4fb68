"""Refine with real vLLM on two executors, undisturbed and then with a worker killed; print what happened as JSON.

    python two_executors.py MODEL FOLDER

A program of its own, since a Python process has one Spark: this one is `local-cluster` with two executors.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.lake.tables import Lake
from prox_spark.spark.session import session

BIG = 500 * 1024 * 1024
"""A Python worker with a model has more memory than this; one without has less."""


def workers() -> list[psutil.Process]:
    """Give the Python workers of the executors, which are children of this process's JVM."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                "pyspark.daemon" in process.cmdline()
                and process.parent()
                and os.getpid() in {parent.pid for parent in process.parents()}
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def loaded() -> list[psutil.Process]:
    found = []
    for process in workers():
        try:
            if process.memory_info().rss > BIG:
                found.append(process)
        except psutil.Error:
            continue
    return found


def watch(stop: threading.Event, most: list[int], kill: bool, killed: list[int]) -> None:
    """Note the most workers that hold a model at once; after a while of work kill one of them."""
    busy_since: dict[int, float] = {}
    while not stop.wait(0.5):
        now = loaded()
        most[0] = max(most[0], len(now))
        for process in now:
            busy_since.setdefault(process.pid, time.monotonic())
            if kill and not killed and time.monotonic() - busy_since[process.pid] > 2:
                killed.append(process.pid)
                process.send_signal(signal.SIGKILL)


def main() -> None:
    model, folder = sys.argv[1], Path(sys.argv[2])
    conf: dict[str, Any] = {
        "spark.master": "local-cluster[2,1,1024]",
        "spark.executor.cores": "1",
        "spark.driver.memory": "1g",
        "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    spark = session(**conf)
    rows = (
        {"url": f"https://a.example/{n}", "text": "\n".join(f"Line {n} {k} of a page." for k in range(n % 40 + 1))}
        for n in range(240)
    )
    (folder / "pages.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    passes = json.dumps([{"name": "one", "profile": "prox-web-chunk"}, {"name": "two", "profile": "prox-web-chunk"}])
    engine = ["kind=vllm", f"model={model}", "device=cpu", "cache_gib=1", "threads=1", "max_sequences=32"]
    settings = [f"engine.{item}" for item in engine]
    config = configuration.load(overrides=[f"passes={passes}", "refine.preflight_texts=0", *settings])
    lake = Lake.open(spark, str(folder / "lake"))
    pipeline.ingest(lake, "jsonl", [str(folder / "pages.jsonl")], settings=config.ingest)
    said = {}
    for name, kill in (("one", False), ("two", True)):
        stop, most, killed = threading.Event(), [0], list[int]()
        watcher = threading.Thread(target=watch, args=(stop, most, kill, killed), daemon=True)
        watcher.start()
        only = config.model_copy(update={"passes": tuple(p for p in config.passes if p.name == name)})
        summary = pipeline.refine(lake, name, config=only)
        stop.set()
        watcher.join()
        made = lake.read("programs").where(f"pass_name = '{name}'")
        said[name] = {
            "rows": made.count(),
            "distinct": made.select("text_sha256").distinct().count(),
            "errors": summary.errors,
            "loads": summary.loads,
            "most": most[0],
            "killed": killed,
            "load_seconds": summary.load_seconds,
            "seconds": summary.seconds,
        }
    print(json.dumps(said))
    spark.stop()


if __name__ == "__main__":
    main()
