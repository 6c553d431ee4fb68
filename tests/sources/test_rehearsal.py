"""Files that end the process which reads them are found by a process of their own."""

from __future__ import annotations

import io
import os
import sys
from functools import partial
from typing import IO

import pytest

from prox_spark.errors import TaskError
from prox_spark.sources import Input, Part, Reader, adapter
from prox_spark.sources.rehearsal import deadly
from prox_spark.sources.streams import local_input

READER = Reader(adapter("jsonl"), None, 1 << 20)
FINE = Part(Input("a.jsonl", 16, partial(io.BytesIO, b'{"text": "fine"}')))


def stop() -> IO[bytes]:
    sys.exit(7)


def test_files_that_end_the_process_are_found_and_the_others_are_read() -> None:
    parts = [FINE, Part(Input("b.jsonl", 5, os.abort)), FINE, FINE, Part(Input("c.jsonl", 5, stop)), FINE]
    assert deadly(READER, parts) == {1: "SIGABRT", 4: "exit code 7"}
    records = list(READER.parts(parts, careful=True))
    assert [(record.text, record.reason) for record in records] == [
        (b"fine", None), (None, "unexpected"), (b"fine", None), (b"fine", None), (None, "unexpected"), (b"fine", None),
    ]  # fmt: skip
    assert records[1].detail == "reading it ends the process: SIGABRT"


def test_where_nothing_dies_one_process_reads_all() -> None:
    assert deadly(READER, [FINE] * 3) == {}
    assert deadly(READER, []) == {}


def test_a_file_that_is_gone_ends_no_process_and_fails_the_task_that_reads_it() -> None:
    parts = [FINE, Part(local_input("/nowhere/b.jsonl", 5)), FINE]
    assert deadly(READER, parts) == {}
    with pytest.raises(TaskError, match="put it where all workers see it"):
        list(READER.parts(parts, careful=True))
