"""Reading files in a process of their own, to find those that end it: a library can abort on damage that it meets.

pyarrow does where the footer of a Parquet file says what its format forbids. Nobody can catch that, so a task whose
worker has died reads its files like this before it reads them itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prox_spark.errors import TaskError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from prox_spark.sources.reading import Reader
    from prox_spark.sources.streams import Input


@dataclass(frozen=True, slots=True)
class Part:
    """What is read of one file: the records that begin in the bytes `start` to `end`, all where `end` is None.

    Attributes:
        source: The file.
        start: The first byte.
        end: The byte behind the last.
        joined: The file with what its records lack, record by record.
    """

    source: Input
    start: int = 0
    end: int | None = None
    joined: Input | None = None


def deadly(reader: Reader, parts: Sequence[Part]) -> dict[int, str]:
    """Give the numbers of the parts that end the process which reads them, and by which signal or exit code."""
    ended: dict[int, str] = {}
    context = multiprocessing.get_context("spawn")  # a fork would share the locks of this process's threads
    first = 0
    while first < len(parts):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_read, args=(reader, parts[first:], sender), daemon=True)
        process.start()
        sender.close()
        with receiver:
            begun = _last(receiver)
        process.join()
        if process.exitcode == 0:
            break
        if begun is None:
            raise ChildProcessError(f"a process to read files in did not start: it ended with {process.exitcode}")
        ended[first + begun] = _how(process.exitcode)
        first += begun + 1
    return ended


def _read(reader: Reader, parts: Sequence[Part], sender: Connection) -> None:
    for number, part in enumerate(parts):
        sender.send(number)
        with contextlib.suppress(TaskError):  # whoever reads in earnest meets it too, and fails the task
            deque(reader.records(part.source, start=part.start, end=part.end, joined=part.joined), maxlen=0)


def _last(receiver: Connection) -> int | None:
    """Give the last number that comes before the sender is gone."""
    number = None
    while True:
        try:
            number = int(receiver.recv())
        except EOFError:
            return number


def _how(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return signal.Signals(-exitcode).name
    except ValueError:
        return f"signal {-exitcode}"
