"""An engine and the baselines on labelled pages."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_spark.chunks import Chunk
from prox_spark.engines import Completion, RulesEngine, ScriptedEngine
from prox_spark.errors import SourceError
from prox_spark.evaluation import (
    GoldDocument,
    GoldPage,
    Row,
    holds_documents,
    plot,
    read,
    removed_lines,
    score_documents,
    score_pages,
)
from prox_spark.evaluation.baselines import LINE_BASELINES
from prox_spark.profiles import PROFILES

LINES = ("Home | About", "It rained all day long, and the river rose over its banks.", "Login")
GOLD = GoldPage("1", "news", "a.example", "article", LINES, (False, True, False), (True, True, True), 0)


def of(rows: list[Row], who: str, kind: str = "all") -> Row:
    return next(row for row in rows if row.who == who and row.page_type == kind)


def test_a_perfect_program_scores_one_and_keeping_all_does_not() -> None:
    engine = ScriptedEngine({}, default="remove_lines(start=0, end=0)\nremove_lines(start=2, end=2)")
    rows = score_pages([GOLD], engine, PROFILES["tiny-chunk"], who="scripted")
    found = of(rows, "scripted").summary
    assert (found.kept_f1.value, found.removed_f1.value, found.parsed) == (1.0, 1.0, 1.0)
    assert of(rows, "keep all").summary.kept_recall.value == 1.0
    assert of(rows, "keep all").summary.kept_f1.value < 1.0


def test_each_type_of_page_is_scored_beside_its_source() -> None:
    other = replace(GOLD, id="2", page_type="forum", keep=(True, True, True))
    rows = score_pages([GOLD, other], RulesEngine(), PROFILES["tiny-chunk"], who="rules")
    assert {(row.source, row.page_type, row.summary.pages) for row in rows} == {
        ("news", "all", 2),
        ("news", "article", 1),
        ("news", "forum", 1),
    }
    assert {row.who for row in rows} == {"rules", *LINE_BASELINES}
    assert of(rows, "rules", "article").summary.kept_f1.value == of(rows, "C4 lines", "article").summary.kept_f1.value


@pytest.mark.parametrize("answer", ["remove the menu, please", "remove_lines(start=0", ""])
def test_a_completion_that_is_no_program_is_counted_as_not_parsed(answer: str) -> None:
    rows = score_pages([GOLD], ScriptedEngine({}, default=answer), PROFILES["tiny-chunk"], who="scripted")
    assert of(rows, "scripted").summary.parsed == 0.0


def test_operations_outside_their_chunk_remove_nothing() -> None:
    parts = [
        (Chunk(0, 0, 1, "", 0), Completion("remove_lines(start=1, end=9)\nremove_lines(start=2, end=2)", "stop", 0, 0))
    ]
    assert removed_lines(("a b", "c d", "e f"), parts) == [False, True, False]


def test_documents_are_scored_by_their_verdicts() -> None:
    documents = [GoldDocument("good", True, True), GoldDocument("bad", False, True), GoldDocument("so", True, False)]
    engine = ScriptedEngine({"bad": "drop_doc()"}, default="keep_doc()")
    rows = score_documents(documents, engine, PROFILES["tiny-doc"], who="scripted")
    assert of(rows, "scripted").summary.kept_f1_pooled.value == 1.0
    assert of(rows, "scripted", "unanimous").summary.pages == 2
    assert of(rows, "keep all").summary.kept_f1_pooled.value == pytest.approx(0.8)


def test_pages_are_read_with_what_their_table_has(tmp_path: Path) -> None:
    path = tmp_path / "pages.parquet"
    pq.write_table(pa.table({"text": ["a\nb"], "keep": [[True, False]], "line_match": [[1.0, 0.5]]}), path)
    [page] = read(path)
    assert (page.lines, page.keep, page.counted) == (("a", "b"), (True, False), (True, False))
    assert not holds_documents(path)


@pytest.mark.parametrize("columns", [{"text": ["a"]}, {"text": ["a\nb"], "keep": [[True]]}])
def test_a_table_that_is_no_gold_is_refused_in_one_line(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    path = tmp_path / "pages.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(SourceError, match="pages"):
        list(read(path))


def test_the_plot_is_well_formed_whatever_a_source_is_called() -> None:
    rows = score_pages([replace(GOLD, source="<a&b>")], RulesEngine(), PROFILES["tiny-chunk"], who="rules")
    assert ElementTree.fromstring(plot(rows, who="rules")).tag.endswith("svg")
