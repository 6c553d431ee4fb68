"""The sample that ships: its layouts, its size, its licence."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prox_spark import demo
from prox_spark.demo.line import DATA, command

FINEWEB_COLUMNS = ["text", "id", "dump", "url", "date", "file_path", "language", "language_score", "token_count"]


def c4_rows() -> list[dict[str, Any]]:
    (file,) = DATA.glob("c4/en.noclean/c4-train.*.json.gz")
    return [json.loads(line) for line in gzip.open(file, "rt", encoding="utf-8")]


def fineweb_rows() -> list[dict[str, Any]]:
    (file,) = DATA.glob("fineweb/data/CC-MAIN-*/000_00000.parquet")
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def test_each_layout_has_half_of_the_pages_and_the_columns_of_its_corpus() -> None:
    c4, fineweb = c4_rows(), fineweb_rows()
    assert (len(c4), len(fineweb)) == (97, 96)
    assert {tuple(row) for row in c4} == {("text", "timestamp", "url")}
    assert {tuple(row) for row in fineweb} == {tuple(FINEWEB_COLUMNS)}


def test_no_page_is_there_twice_and_none_is_empty() -> None:
    rows = c4_rows() + fineweb_rows()
    assert len({row["url"] for row in rows}) == len({row["text"] for row in rows}) == len(rows)
    assert min(len(row["text"].split()) for row in rows) > 100


def test_the_sample_is_small() -> None:
    assert sum(file.stat().st_size for file in DATA.rglob("*") if file.is_file()) < 2_000_000


def test_no_page_shows_an_email_address() -> None:
    assert [row["url"] for row in c4_rows() + fineweb_rows() if re.search(r"[\w.+-]+@[\w-]+\.\w+", row["text"])] == []


def test_source_licence_and_number_of_pages_are_stated() -> None:
    stated = (DATA / "ATTRIBUTION.md").read_text(encoding="utf-8")
    notice = (Path(__file__).parents[2] / "NOTICE").read_text(encoding="utf-8")
    assert f"{len(c4_rows()) + len(fineweb_rows())} web pages" in stated
    for text in (stated, notice):
        assert "WCXB" in text
        assert "CC BY 4.0" in text


def test_the_places_of_the_sample_exist() -> None:
    assert [source for source, _ in demo.sample()] == ["c4", "fineweb"]
    assert all(Path(place).is_dir() for _, place in demo.sample())


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT 'a'", 'SELECT "a$b" AS `c`', "SELECT split(a, '\\n')"])
def test_a_command_gives_the_shell_the_query_as_it_is(query: str) -> None:
    words = shlex.split(command("prox-spark", query, "it's here"))
    assert words == ["prox-spark", "sql", query, "--lake", "it's here"]
