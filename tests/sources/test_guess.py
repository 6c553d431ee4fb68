"""A file is told by its columns."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_spark import demo
from prox_spark.errors import SourceError
from prox_spark.sources.guess import Guess, guess, of_columns
from prox_spark.sources.streams import memory_input

PAGE = "It rained all day long, and nobody came."


def of_json(*records: dict[str, Any], name: str = "pages.jsonl") -> Guess:
    return guess(memory_input(name, "".join(f"{json.dumps(record)}\n" for record in records).encode()))


def test_the_samples_are_what_they_are() -> None:
    for source, place in demo.sample():
        (file,) = (path for path in Path(place).rglob("*") if path.is_file())
        told = guess(memory_input(str(file), file.read_bytes()))
        assert (told.source, told.text_column, told.url_column, told.named) == (source, "text", "url", True)


@pytest.mark.parametrize(
    ("record", "text", "url"),
    [
        ({"id": 7, "body": PAGE, "link": "http://a.b"}, "body", "link"),
        ({"title": "Rain", "story": PAGE, "tags": ["a"]}, "story", None),
        ({"title": "A title that is longer than the text of the page", "text": PAGE}, "text", None),
        ({"text": None, "content": PAGE}, "content", None),
        ({"text": PAGE, "timestamp": "2020", "url": "http://a.b", "lang": "en"}, "text", "url"),
    ],
)
def test_text_and_url_are_found_by_name_or_else_by_length(record: dict[str, Any], text: str, url: str | None) -> None:
    assert of_json(record) == Guess("jsonl", text, url, named=False)


def test_columns_inside_of_others_go_by_their_paths() -> None:
    record = {"n": 1, "page": {"body": PAGE, "about": {"url": "http://a.b"}}}
    assert of_json(record) == Guess("jsonl", "page.body", "page.about.url", named=False)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([record]), sink)
    assert guess(memory_input("a.parquet", sink.getvalue())) == Guess(
        "parquet", "page.body", "page.about.url", named=False
    )


def test_sources_with_columns_of_their_own_are_named() -> None:
    assert (
        of_columns("jsonl", {"raw_content": [PAGE], "date_download": ["x"], "digest": ["y"]}).source == "redpajama-v2"
    )
    assert (
        of_columns("parquet", {"url": ["u"], "text": [PAGE], "date": ["d"], "metadata": ["{}"]}).source == "openwebmath"
    )


def test_compressed_lines_and_a_line_that_is_cut_are_read() -> None:
    lines = "".join(json.dumps({"body": PAGE * 400}) + "\n" for _ in range(200)).encode()
    assert guess(memory_input("pages.jsonl.gz", gzip.compress(lines))).text_column == "body"
    assert guess(memory_input("pages.jsonl", lines[:-30])).text_column == "body"


def test_parquet_is_told_by_its_first_bytes() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": [1], "article": pa.array([PAGE], pa.large_string())}), sink)
    assert guess(memory_input("pages.bin", sink.getvalue())) == Guess("parquet", "article", None, named=False)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"It rained.\n", "must be JSON lines or Parquet"),
        (b"", "it has no record"),
        (b'{"n": 1}\n', "found n"),
        (b"PAR1 and no more", "must be JSON lines or Parquet"),
        (b"WARC/1.0\r\nWARC-Type: response", "extract the text first"),
        (b'[{"text": "a"}]', "one a line"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(content: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        guess(memory_input("pages", content))


def test_a_table_of_a_spreadsheet_is_told_how_to_become_one_that_is_read() -> None:
    with pytest.raises(SourceError, match="make it Parquet"):
        guess(memory_input("pages.csv", b"id,text\n1,It rained\n"))


def test_a_column_that_the_user_names_is_taken() -> None:
    content = json.dumps({"title": "Rain", "text": PAGE, "url": "http://a.b"}).encode()
    assert guess(memory_input("pages", content), text_column="title") == Guess("jsonl", "title", "url", named=False)
    with pytest.raises(SourceError, match="has no column body; found title, text, url"):
        guess(memory_input("pages", content), text_column="body")
