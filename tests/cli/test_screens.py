"""What the commands print, for people and for scripts."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any

import pytest

from prox_spark.cli import screens
from prox_spark.cli.doctor import Finding
from prox_spark.cli.invocation import Invocation
from prox_spark.cli.queries import Answer
from prox_spark.pipeline import ApplySummary, IngestSummary, RefineSummary
from prox_spark.pipeline.plan import Plan
from prox_spark.program import Operation

INGESTED = IngestSummary("r1", 1200, 1190, 7, 3, corpus_version=4, seconds=2.0)
REFINED = RefineSummary("r2", "doc", 1190, 2, 1, 8000, 2000, seconds=10.0)
APPLIED = ApplySummary("r3", "doc", 5, 1000, 100, 90, 0, 0, 50_000, 40_000, seconds=3.0)
PEOPLE, SCRIPTS = Invocation(), Invocation(json=True)


def answer(*rows: dict[str, Any], columns: tuple[str, ...] = ("a", "b")) -> Answer:
    return Answer(columns, (json.dumps(row) for row in rows))


def test_ingest_prints_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    screens.ingested(PEOPLE, "lake", INGESTED)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "1,200 records = 1,190 documents + 7 duplicates + 3 quarantined"
    assert "quarantine GROUP BY reason" in shown[1]


def test_a_second_ingest_says_that_nothing_is_new(capsys: pytest.CaptureFixture[str]) -> None:
    screens.ingested(PEOPLE, "lake", IngestSummary("r", 10, 0, 10, 0, corpus_version=None, seconds=1.0))
    assert "Nothing new" in capsys.readouterr().out


def test_ingest_as_json_has_the_four_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    screens.ingested(SCRIPTS, "lake", INGESTED)
    value = json.loads(capsys.readouterr().out)
    assert value["records"] == value["documents"] + value["duplicates"] + value["quarantined"] == 1200


def test_refine_and_apply_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    screens.ran(PEOPLE, [(REFINED, APPLIED)])
    assert capsys.readouterr().out.splitlines() == [
        "refine doc: 1,190 texts in 2 waves, 1 failed, 1,000 tokens/s (10 s)",
        "apply doc: corpus version 5, 1,000 kept, 100 edited, 90 dropped (3.0 s)",
    ]


def test_a_run_with_nothing_to_do_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = RefineSummary("r", "doc", 0, 0, 0, 0, 0, seconds=1.0)
    unchanged = ApplySummary("r", "doc", None, 10, 0, 0, 0, 2, 50, 50, seconds=1.0)
    screens.ran(PEOPLE, [(nothing, unchanged)])
    assert capsys.readouterr().out.splitlines() == [
        "refine doc: nothing to do, every text has its program",
        "apply doc: nothing to do, 10 kept, 0 edited, 0 dropped, 2 not run",
    ]


def test_run_as_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    screens.ran(SCRIPTS, [(REFINED, APPLIED)])
    (item,) = json.loads(capsys.readouterr().out)["passes"]
    assert (item["refine"]["texts"], item["apply"]["version"]) == (1190, 5)


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


def test_a_long_value_is_cut_in_the_table() -> None:
    assert screens.cell("x" * 500).plain == "x" * 200 + "…"


def test_history_lists_versions_with_the_outcomes_that_occur(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"kept": 12_345, "edited": 0, "dropped": 0, "failed": 0, "not_run": 7, "words_before": 9, "words_after": 8}
    row = {"version": 2, "name": "apply", "pass_name": "doc", "run_id": "r", "finished_at": "2025-01-02T03:04:05"}
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


def test_doctor_gives_every_check_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    screens.findings(PEOPLE, [Finding("java", True, "17"), Finding("lake", False, "no such place; check --lake")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", "java"], ["wrong", "lake"]]
    screens.findings(SCRIPTS, [Finding("java", True, "17")])
    assert json.loads(capsys.readouterr().out) == [{"name": "java", "ok": True, "detail": "17"}]


def test_moments_and_bytes_have_a_form_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    screens.print_json({"at": datetime(2025, 1, 2, tzinfo=timezone.utc), "raw": b"\xff"})
    assert json.loads(capsys.readouterr().out) == {"at": "2025-01-02T00:00:00+00:00", "raw": "ff"}


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
    life = {
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
    life = {
        "document": {"doc_id": "ab", "url": None, "source": "c4", "snapshot": "en", "text": "one\x1b]0;own\x07\ntwo"},
        "versions": [
            {"version": 0, "pass_name": None, "outcome": "not_run", "reason": None, "ops": None}
            | {"text": "one\x1b]0;own\x07\ntwo", "words_before": None, "words_after": None}
        ],
        "programs": [],
    }
    screens.document(PEOPLE, life)
    assert capsys.readouterr().out.endswith("one�]0;own�\ntwo\n")


def test_a_plan_says_what_a_pass_will_take(capsys: pytest.CaptureFixture[str]) -> None:
    expected = Plan("doc", "vllm", 4, 1190, 10, 200, 8_000_000, 200_000, 20_000.0, 410.0, 0.45, 0.45, 0.9)
    screens.planned(PEOPLE, expected)
    assert capsys.readouterr().out.splitlines() == [
        "plan doc (vllm): 1,190 texts to do, 10 more documents are copies of them",
        "  8,000,000 tokens in, 200,000 out",
        "  6:50 at 20,000 tokens/s with 4 at work",
        "  0.45 GPU hours, 0.90 at the given price",
        "from a sample of 200 texts",
    ]
    screens.planned(SCRIPTS, expected)
    assert json.loads(capsys.readouterr().out)["gpu_hours"] == 0.45


def test_a_refine_says_which_engine_answered(capsys: pytest.CaptureFixture[str]) -> None:
    screens.refined(PEOPLE, replace(REFINED, engine="vllm"))
    assert capsys.readouterr().out.strip().endswith("1,000 tokens/s by vllm (10 s)")
