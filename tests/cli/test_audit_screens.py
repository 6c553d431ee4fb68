"""The screens about a lake's past: what they say, and that hostile text stays on its line."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import pytest

from prox_spark.audit.forget import ForgetSummary, Remainder
from prox_spark.audit.restore import RestoreSummary
from prox_spark.audit.verify import Verification
from prox_spark.cli import audit_screens
from prox_spark.cli.invocation import Invocation
from prox_spark.program import Operation
from prox_spark.stages.diff import CHANGES

PEOPLE = Invocation()


def counted(**changes: Any) -> dict[str, Any]:
    names = ("documents", *CHANGES, "words_before", "words_after")
    return {**dict.fromkeys(names, 0), **changes}


def test_a_diff_shows_only_changes_that_occur(capsys: pytest.CaptureFixture[str]) -> None:
    total = counted(documents=12, kept=2, edited=10, words_before=2000, words_after=1500)
    counts = {**total, "a": 1, "b": 2, "by_source": [{**total, "source": "c4", "snapshot": "en"}]}
    drawn = {
        "doc_id": "a" * 64,
        "url": "https://a.example/\x1b[31m",
        "change": "edited",
        "reason": None,
        "words_before": 3,
        "words_after": 1,
        "before": "Menu\nA page",
        "after": "A page",
    }
    audit_screens.differences(PEOPLE, {**counts, "by_reason": [], "by_operation": []}, [drawn])
    shown = capsys.readouterr().out
    assert "2,000 → 1,500" in shown
    assert "edited" in shown and "restored" not in shown
    assert "- Menu" in shown and "  A page" in shown
    assert "\x1b[31m" not in shown


def test_a_dropped_document_is_shown_by_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"doc_id": "a" * 64, "url": None, "a": 0, "b": 2}
    before, after = (
        {"text": "x\n" * 20, "ops": None},
        {"text": None, "ops": [{**asdict(Operation("drop_doc")), "status": "applied", "reason": None}]},
    )
    audit_screens.one_document(PEOPLE, {**found, "before": before, "after": after})
    shown = capsys.readouterr().out
    assert "✓ drop_doc()" in shown
    assert shown.count("- x") == 6 and "15 more lines" in shown


def test_verifying_says_what_must_hold(capsys: pytest.CaptureFixture[str]) -> None:
    finding = {"check": "no_program", "key": "a" * 64, "detail": "stands after pass 1"}
    audit_screens.verified(PEOPLE, Verification(3, 10, 20, {"no_program": 1}, (finding,)))
    shown = capsys.readouterr().out
    assert "something is wrong" in shown
    assert "each pass that a row went through has a program for it" in shown
    assert "a" * 64 in shown


def test_forgetting_says_until_when_old_versions_hold_the_documents(capsys: pytest.CaptureFixture[str]) -> None:
    remains = (Remainder("corpus", datetime(2036, 1, 2, tzinfo=timezone.utc)), Remainder("programs", None))
    audit_screens.forgotten(PEOPLE, ForgetSummary("r", 3, 2, 4, 7, remains, ("v1.0",), 1.0))
    shown = capsys.readouterr().out
    assert "2 of 3 documents" in shown
    assert "corpus: old versions hold them until 2036-01-02" in shown
    assert "programs: no old version holds them any more" in shown
    assert "removed tags: v1.0" in shown


def test_restoring_the_newest_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    audit_screens.restored(PEOPLE, RestoreSummary("r", 3, None, 10, 0, 0, 1.0))
    assert "version 3 is the newest already" in capsys.readouterr().out
