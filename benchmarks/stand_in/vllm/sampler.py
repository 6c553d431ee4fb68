"""What the worker's threads spend their CPU time on: looked at from within, fifty times a second."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

EVERY = 0.02
SELDOM = 0.2

PARTS = (
    ("engines/tokenizer.py", ("decode", "decode_batch", "decoded"), "decode"),
    ("engines/tokenizer.py", (), "encode"),
    ("prox_spark/chunks.py", (), "cut"),
    ("prox_spark/profiles.py", (), "cut"),
    ("program/", (), "parse"),
    ("vllm/__init__.py", ("step",), "wait"),
    ("engines/vllm.py", ("add", "_sampling"), "feed"),
    ("engines/continuous.py", (), "feed"),
    ("engines/vllm.py", (), "feed"),
    ("vllm/__init__.py", (), "feed"),
    ("prox_spark/stages/", (), "rows"),
    ("pyspark/", (), "Spark's worker"),
    ("vllm/sampler.py", (), "this sampler"),
)
"""Which file and function stands for which part, the first that fits, from the innermost frame outwards."""


_SAMPLERS: dict[str, Sampler] = {}


def sampler(model: str) -> Sampler:
    """Give the one sampler that this process has for a model's folder; several engines share it."""
    if model not in _SAMPLERS:
        _SAMPLERS[model] = Sampler(model)
    return _SAMPLERS[model]


class Sampler:
    """A thread that gives each thread's CPU time, since it looked last, to what that thread is doing."""

    def __init__(self, model: str) -> None:
        about = json.loads((Path(model) / "stand_in.json").read_text())
        self._sample = about["sample"]
        self._file = Path(about["seen"]) / f"worker-{os.getpid()}-{time.monotonic_ns()}.json"
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._last: dict[int, int] = {}
        self._began_cpu = 0.0
        self._feeding = [0.0, 0.0, 0.0, 0.0]  # wall and CPU of the feeding thread at the first and last call
        self.waited = 0.0
        threading.Thread(target=self._run, name="stand-in-sampler", daemon=True).start()

    def feeds(self) -> None:
        """Note how far the calling thread is, which is the one that feeds the engine."""
        now = time.monotonic()
        if now - self._feeding[2] < EVERY:
            return
        cpu = time.thread_time()  # a call into the system, which costs
        if not self._feeding[0]:
            self._feeding[:2] = now, cpu
            self._began_cpu = time.process_time()
        self._feeding[2:] = now, cpu

    def _run(self) -> None:
        written = 0.0
        while True:
            time.sleep(EVERY if self._sample else SELDOM)
            if self._sample:
                self._look()
            if time.monotonic() - written > SELDOM:
                written = time.monotonic()
                self._write()

    def _look(self) -> None:
        names = {thread.native_id: thread.ident for thread in threading.enumerate()}
        names[os.getpid()] = threading.main_thread().ident  # in a forked process it has its parent's number
        frames = sys._current_frames()
        for task in os.listdir("/proc/self/task"):
            tid = int(task)
            spent = _spent(tid)
            before = self._last.get(tid, spent if not self._last else 0)
            self._last[tid] = spent
            if spent > before and self._feeding[0]:
                frame = frames.get(names.get(tid) or -1)
                self._seconds["threads of libraries" if frame is None else _part(frame)] += (spent - before) / 1e9

    def _write(self) -> None:
        began, cpu, last, cpu_last = self._feeding
        about = {
            "wall": last - began,
            "feeding_cpu": cpu_last - cpu,
            "feeding_waited": self.waited,
            "worker_cpu": time.process_time() - self._began_cpu,
            "parts": dict(self._seconds),
        }
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(about))
        partial.replace(self._file)


def _spent(tid: int) -> int:
    try:
        with open(f"/proc/self/task/{tid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, IndexError):
        return 0


def _part(frame: FrameType | None) -> str:
    while frame is not None:
        path, function = frame.f_code.co_filename, frame.f_code.co_name
        for place, functions, part in PARTS:
            if place in path and (not functions or function in functions):
                return part
        frame = frame.f_back
    return "other"
