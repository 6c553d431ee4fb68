"""How far the Python workers of a running job are: each task keeps its numbers in a small file of its own.

Spark tells what an observation has counted when its job ends, and nothing before. Where workers and driver share a
disk, which is where somebody sits in front of the machine, these files tell it meanwhile. They are only looked at:
what a command reports and records is what Spark has counted.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 0.5
"""A task writes its numbers this often at most."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The folder with the numbers of one job, or of several that belong together; travels to the workers.

    Attributes:
        folder: Made and removed by the driver.
    """

    folder: str

    def counter(self) -> Counter:
        """Begin the numbers of the Spark task that this is; one that is tried again begins anew."""
        from pyspark import TaskContext

        context = TaskContext.get()
        task = "0" if context is None else f"{context.stageId()}-{context.partitionId()}"
        return Counter(Path(self.folder) / task)

    def sums(self) -> tuple[int, int, int]:
        """Sum up the documents, tokens and bytes of all tasks so far."""
        each = [_numbers(file) for file in Path(self.folder).iterdir()]
        documents, tokens, size = (sum(column) for column in zip((0, 0, 0), *each, strict=True))
        return documents, tokens, size


@contextlib.contextmanager
def watched(tell: Callable[[int, int, int], None], *, every: float = 1.0) -> Iterator[Tally]:
    """Call `tell(documents, tokens, bytes)` with the sums of a new tally now and then, until the block ends."""
    ended = threading.Event()
    with tempfile.TemporaryDirectory(prefix="prox-tally-", ignore_cleanup_errors=True) as folder:
        tally = Tally(folder)

        def watch() -> None:
            with contextlib.suppress(BaseException):  # whoever listens may fail; the job must not notice
                while not ended.wait(every):
                    tell(*tally.sums())

        thread = threading.Thread(target=watch, name="prox-spark-tally", daemon=True)
        thread.start()
        try:
            yield tally
        finally:
            ended.set()
            thread.join(timeout=5)


class Counter:
    """The numbers of one task."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._numbers = [0, 0, 0]
        self._written = 0.0

    def add(self, documents: int = 0, *, tokens: int = 0, size: int = 0) -> None:
        """Add documents, tokens, and bytes of the input that are done with."""
        for place, number in enumerate((documents, tokens, size)):
            self._numbers[place] += number
        now = time.monotonic()
        if now - self._written >= SECONDS:
            self._written = now
            self.write()

    def write(self) -> None:
        """Write the numbers as they are now; a task does so at its end."""
        # A worker on another machine has no such folder, and nobody there to tell; counting must never stop a job.
        with contextlib.suppress(OSError):
            partial = self._file.with_name(f".{self._file.name}")
            partial.write_text(" ".join(map(str, self._numbers)), encoding="ascii")
            os.replace(partial, self._file)


def _numbers(file: Path) -> tuple[int, ...]:
    if file.name.startswith("."):
        return (0, 0, 0)
    with contextlib.suppress(OSError, ValueError):
        return tuple(int(number) for number in file.read_text(encoding="ascii").split())
    return (0, 0, 0)
