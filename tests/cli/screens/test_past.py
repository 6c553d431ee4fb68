"""The screens about versions and documents: what they say, and that hostile text stays on its line."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from prox_spark.cli.invocation import Invocation
from prox_spark.cli.queries import Answer
from prox_spark.cli.screens import past as screens
from prox_spark.program import Operation
from prox_spark.stages.diff import CHANGES

PEOPLE, SCRIPTS = Invocation(), Invocation(json=True)


def answer(*rows: dict[str, Any], columns: tuple[str, ...] = ("a", "b")) -> Answer:
    return Answer(columns, (json.dumps(row) for row in rows))


def test_a_query_as_json_is_an_array_of_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    screens.answer(SCRIPTS, answer({"a": 1, "b": None}, {"a": 2, "b": "ü\n"}), limit=1)
    assert json.loads(capsys.readouterr().out) == [{"a": 1, "b": None}, {"a": 2, "b": "ü\n"}]


def test_a_query_without_rows_is_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    screens.answer(SCRIPTS, answer(), limit=20)
    assert json.loads(capsys.readouterr().out) == []


def test_a_query_shows_the_first_rows_and_says_that_there_are_more(capsys: pytest.CaptureFixture[str]) -> None:
    screens.answer(PEOPLE, answer({"a": 1, "b": "x"}, {"a": 2, "b": "y"}), limit=1)
    shown = capsys.readouterr().out
    assert "the first 1 rows" in shown
    assert "y" not in shown.split("the first")[0]


def test_a_query_that_fits_says_how_many_rows(capsys: pytest.CaptureFixture[str]) -> None:
    screens.answer(PEOPLE, answer({"a": 1, "b": "x"}), limit=1)
    assert "1 row\n" in capsys.readouterr().out


def test_corpus_text_is_printed_as_text_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    screens.answer(PEOPLE, answer({"a": 1, "b": "[red]x[/red]\n\x1b[2Jy"}), limit=20)
    shown = capsys.readouterr().out
    assert "[red]x[/red]↵" in shown
    assert "\x1b" not in shown


def test_history_lists_versions_with_the_outcomes_that_occur(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"kept": 12_345, "edited": 0, "dropped": 0, "failed": 0, "not_run": 7, "words_before": 9, "words_after": 8}
    row: Any = {"version": 2, "name": "apply", "pass_name": "doc", "run_id": "r", "finished_at": "2025-01-02T03:04:05"}
    row |= {"readable": True, "readable_until": "2035-01-02T03:04:05+00:00", "tags": ["v1.0"]}
    screens.history(PEOPLE, [row | counts], ["version 2 can be read until tomorrow"])
    captured = capsys.readouterr()
    shown = captured.out
    assert "2035-01-02" in shown and "v1.0" in shown
    assert "until tomorrow" in captured.err
    assert "apply doc" in shown
    assert "2025-01-02 03:04" in shown
    assert "12,345" in shown
    assert "not run" in shown
    assert "failed" not in shown
    assert "9 → 8" in shown
    screens.history(PEOPLE, [])
    assert "no version yet" in capsys.readouterr().out


def test_a_document_shows_its_operations_and_what_they_changed(capsys: pytest.CaptureFixture[str]) -> None:
    op = {**asdict(Operation("remove_lines", 0, 0)), "status": "applied", "reason": None}
    wrong = {**asdict(Operation("normalize", source="\x1b[2J", target="")), "status": "rejected", "reason": "not_found"}
    first = {
        "version": 0,
        "pass_name": None,
        "outcome": "not_run",
        "reason": None,
        "ops": None,
        "text": "Menu\nA page.",
    }
    second = {"version": 1, "pass_name": "chunk", "outcome": "edited", "reason": None, "ops": [op, wrong]}
    life: Any = {
        "document": {
            "doc_id": "ab",
            "url": "https://e.example",
            "source": "c4",
            "snapshot": "en",
            "text": "Menu\nA page.",
        },
        "versions": [
            first | {"words_before": None, "words_after": None},
            second | {"text": "A page.", "words_before": 3, "words_after": 2},
        ],
        "programs": [],
    }
    screens.document(PEOPLE, life)
    shown = capsys.readouterr().out
    assert "version 0  ingested" in shown
    assert "version 1  chunk: edited, 3 words → 2" in shown
    assert "✓ remove_lines(start=0, end=0)" in shown
    assert '✗ normalize(source_str="�[2J", target_str="")  not_found' in shown
    assert "- Menu\n  A page." in shown


def test_a_text_that_no_pass_changed_reaches_the_terminal_without_its_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    life: Any = {
        "document": {"doc_id": "ab", "url": None, "source": "c4", "snapshot": "en", "text": "one\x1b]0;own\x07\ntwo"},
        "versions": [
            {"version": 0, "pass_name": None, "outcome": "not_run", "reason": None, "ops": None}
            | {"text": "one\x1b]0;own\x07\ntwo", "words_before": None, "words_after": None}
        ],
        "programs": [],
    }
    screens.document(PEOPLE, life)
    assert capsys.readouterr().out.endswith("one�]0;own�\ntwo\n")


def counted(**changes: Any) -> dict[str, Any]:
    names = ("documents", *CHANGES, "words_before", "words_after")
    return {**dict.fromkeys(names, 0), **changes}


def test_a_diff_shows_only_changes_that_occur(capsys: pytest.CaptureFixture[str]) -> None:
    total = counted(documents=12, kept=2, edited=10, words_before=2000, words_after=1500)
    counts = {**total, "a": 1, "b": 2, "by_source": [{**total, "source": "c4", "snapshot": "en"}]}
    drawn: Any = {
        "doc_id": "a" * 64,
        "url": "https://a.example/\x1b[31m",
        "change": "edited",
        "reason": None,
        "words_before": 3,
        "words_after": 1,
        "before": "Menu\nA page",
        "after": "A page",
    }
    screens.differences(PEOPLE, {**counts, "by_reason": [], "by_operation": []}, [drawn])
    shown = capsys.readouterr().out
    assert "2,000 → 1,500" in shown
    assert "edited" in shown and "restored" not in shown
    assert "- Menu" in shown and "  A page" in shown
    assert "\x1b[31m" not in shown


def test_a_dropped_document_is_shown_by_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    before, after = (
        {"text": "x\n" * 20, "ops": None},
        {"text": None, "ops": [{**asdict(Operation("drop_doc")), "status": "applied", "reason": None}]},
    )
    pair: Any = {"doc_id": "a" * 64, "url": None, "a": 0, "b": 2, "before": before, "after": after}
    screens.one_document(PEOPLE, pair)
    shown = capsys.readouterr().out
    assert "✓ drop_doc()" in shown
    assert shown.count("- x") == 6 and "15 more lines" in shown
