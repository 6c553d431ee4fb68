"""A few documents of a user's own file through all passes, in this process: no lake, no Spark, nothing written.

The programs come from the functions that a Spark task calls, and are executed by the Python twin of the JVM executor,
so that a document comes out as `run` would have it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from prox_spark import engines
from prox_spark.config import Config, IngestSettings
from prox_spark.errors import SourceError
from prox_spark.passes import Pass, resolve
from prox_spark.program.execute import execute_operations
from prox_spark.program.operations import Execution
from prox_spark.program.stored import Readings
from prox_spark.sources import Reader, adapter
from prox_spark.sources.guess import Guess, guess
from prox_spark.sources.records import Record
from prox_spark.sources.streams import Input, local_input
from prox_spark.stages import refine

BATCH = 16
SECONDS = 40.0
"""No further documents are begun after it: the answer is there within a minute."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One document of the file before and after the passes.

    Attributes:
        doc_id: The id that it would have in a lake.
        url: Its URL, if it has one.
        before: Its text in the file.
        after: Its text after the passes; None where it is dropped.
        outcome: What the last pass that reached it did.
        reason: Why it was dropped or failed.
    """

    doc_id: str
    url: str | None
    before: str
    after: str | None
    outcome: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class TriedPass:
    """What one pass did to the documents that reached it, and how many words these had and have."""

    name: str
    documents: int
    kept: int
    edited: int
    dropped: int
    failed: int
    words_before: int
    words_after: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a file's first documents.

    Attributes:
        path: The file, as it was given.
        guess: What it seems to be.
        passes: What each pass did, in order.
        left_out: The passes that look at a whole corpus, and so were not tried.
        documents: The documents, in the order of the file.
        unreadable: Records among them that would go to quarantine.
        more: Whether the file has more records.
        seconds: Wall time.
    """

    path: str
    guess: Guess
    passes: tuple[TriedPass, ...]
    left_out: tuple[str, ...]
    documents: tuple[Tried, ...]
    unreadable: int
    more: bool
    seconds: float


def trial(path: str, config: Config, *, documents: int, text_column: str | None = None) -> Trial:
    """Refine the first documents of a file.

    Args:
        path: A file of this machine: JSON lines, compressed or not, or Parquet.
        config: Passes and engine.
        documents: How many to refine at most.
        text_column: The column with the text; None guesses it.

    Raises:
        SourceError: It cannot be read, or nothing in it is a document.
        EngineError: A pass's model cannot be found.
    """
    began = time.monotonic()
    file = _file(path)
    told = guess(file, text_column=text_column)
    settings = IngestSettings(text_column=told.text_column, url_column=told.url_column)
    reader = Reader(adapter(told.source, settings), None, settings.max_record_bytes, settings.max_window_bytes)
    given = reader.records(file)
    asked = resolve(config)
    passes = [pass_ for pass_ in asked if isinstance(pass_, Pass)]  # copies show among all documents, not among a few
    done: dict[str, list[Execution | None]] = {pass_.name: [] for pass_ in passes}
    tried: list[Tried] = []
    bad: list[Record] = []
    while len(tried) < documents and time.monotonic() - began < SECONDS:
        records = list(islice(given, min(BATCH, documents - len(tried))))
        if not records:
            break
        bad += (record for record in records if record.text is None)
        tried += _refined([record for record in records if record.text is not None], passes, done)
    if not tried:
        why = f"{bad[0].reason} ({bad[0].detail})" if bad else "it holds no record"
        raise SourceError(f"no document could be read from {path}: {why}")
    counts = tuple(_counted(name, executions) for name, executions in done.items())
    more = next(given, None) is not None
    left_out = tuple(pass_.name for pass_ in asked if not isinstance(pass_, Pass))
    return Trial(path, told, counts, left_out, tuple(tried), len(bad), more, time.monotonic() - began)


def _file(path: str) -> Input:
    place = os.path.abspath(os.path.expanduser(path.removeprefix("file://")))
    if not os.path.isfile(place):
        what = "is a folder: name one file in it" if os.path.isdir(place) else "is no file of this machine"
        raise SourceError(f"{path} {what}")
    return local_input(place, os.path.getsize(place))


def _refined(
    records: Sequence[Record], passes: Sequence[Pass], done: Mapping[str, list[Execution | None]]
) -> Iterator[Tried]:
    """Take documents through the passes, and add to `done` what each made of them; None where the engine failed."""
    texts = [(record.text or b"").decode() for record in records]
    now: list[str | None] = list(texts)
    last: list[tuple[str, str | None]] = [("not_run", None)] * len(records)
    for pass_ in passes:
        engine = engines.get_engine(pass_.engine)
        asked = [(str(place), text) for place, text in enumerate(now) if text is not None]
        for row in refine.programs(asked, pass_, engine):
            place = int(row["text_sha256"])
            execution = None if row["error"] else _executed(now[place] or "", row["chunks"], pass_)
            done[pass_.name].append(execution)
            if execution is None:
                last[place] = ("failed", "engine_error")
            else:
                now[place], last[place] = execution.text, (execution.outcome, execution.reason)
    for place, record in enumerate(records):
        yield Tried(record.doc_id or "", record.url, texts[place], now[place], *last[place])


def _executed(text: str, chunks: Sequence[Mapping[str, Any]], pass_: Pass) -> Execution:
    programs = [
        Readings.of(chunk).program(
            chunk.get("completion") or "", chunk["chunk_index"], chunk["line_start"], chunk["line_end"]
        )
        for chunk in chunks
    ]
    return execute_operations(text, programs, level=pass_.level, policy=pass_.policy)


def _counted(name: str, executions: Sequence[Execution | None]) -> TriedPass:
    done = [execution for execution in executions if execution is not None]
    fates = Counter(execution.outcome for execution in done)
    return TriedPass(
        name,
        documents=len(executions),
        kept=fates["kept"],
        edited=fates["edited"],
        dropped=fates["dropped"],
        failed=len(executions) - len(done),
        words_before=sum(execution.words_before for execution in done),
        words_after=sum(execution.words_after for execution in done),
    )
