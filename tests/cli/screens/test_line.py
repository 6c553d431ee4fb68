"""What the commands that make versions print, for people and for scripts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from prox_spark.cli.doctor import Finding
from prox_spark.cli.invocation import Invocation
from prox_spark.cli.screens import line as screens
from prox_spark.pipeline import ApplySummary, IngestSummary, RefineSummary
from prox_spark.pipeline.plan import Plan

INGESTED = IngestSummary("r1", 1200, 1190, 7, 3, corpus_version=4, seconds=2.0)
REFINED = RefineSummary("r2", "doc", 1190, 2, 1, 8000, 2000, seconds=10.0)
APPLIED = ApplySummary("r3", "doc", 5, 1000, 100, 90, 0, 0, 50_000, 40_000, seconds=3.0)
PEOPLE, SCRIPTS = Invocation(), Invocation(json=True)


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


def test_a_pass_that_finds_copies_says_what_it_spares(capsys: pytest.CaptureFixture[str]) -> None:
    found = replace(REFINED, pass_name="copies", engine="near_duplicates", near_duplicates=90, tokens_saved=90_000)
    screens.refined(PEOPLE, found)
    assert capsys.readouterr().out.strip() == (
        "refine copies: 1,190 texts, 90 repeat an earlier one, about 90,000 tokens less for later passes (10 s)"
    )


def test_a_run_with_nothing_to_do_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = RefineSummary("r", "doc", 0, 0, 0, 0, 0, seconds=1.0)
    unchanged = ApplySummary("r", "doc", None, 10, 0, 0, 0, 2, 50, 50, seconds=1.0)
    screens.ran(PEOPLE, [(nothing, unchanged)])
    assert capsys.readouterr().out.splitlines() == [
        "refine doc: nothing to do, every text that came through the passes before it has its program",
        "apply doc: nothing to do, 10 kept, 0 edited, 0 dropped, 2 not run",
    ]


def test_run_as_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    screens.ran(SCRIPTS, [(REFINED, APPLIED)])
    (item,) = json.loads(capsys.readouterr().out)["passes"]
    assert (item["refine"]["texts"], item["apply"]["version"]) == (1190, 5)


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


def test_doctor_gives_every_check_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    screens.findings(PEOPLE, [Finding("java", True, "17"), Finding("lake", False, "no such place; check --lake")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", "java"], ["wrong", "lake"]]
    screens.findings(SCRIPTS, [Finding("java", True, "17")])
    assert json.loads(capsys.readouterr().out) == [{"name": "java", "ok": True, "detail": "17"}]
