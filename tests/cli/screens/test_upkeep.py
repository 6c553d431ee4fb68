"""The screens of the commands that keep a lake as it must be."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from prox_spark.audit.forget import ForgetSummary, Remainder
from prox_spark.audit.restore import RestoreSummary
from prox_spark.audit.verify import Verification
from prox_spark.cli.invocation import Invocation
from prox_spark.cli.screens import upkeep as screens

PEOPLE = Invocation()


def test_verifying_says_what_must_hold(capsys: pytest.CaptureFixture[str]) -> None:
    finding = {"check": "no_program", "key": "a" * 64, "detail": "stands after pass 1"}
    screens.verified(PEOPLE, Verification(3, 10, 20, {"no_program": 1}, (finding,)))
    shown = capsys.readouterr().out
    assert "something is wrong" in shown
    assert "each pass that a row went through has a program for it" in shown
    assert "a" * 64 in shown


def test_verifying_tells_of_programs_that_an_earlier_parser_read(capsys: pytest.CaptureFixture[str]) -> None:
    screens.verified(PEOPLE, Verification(3, 10, 20, read_before=2))
    shown = capsys.readouterr().out
    assert "all is as it must be" in shown
    assert "20 programs parsed again, 2 of them stored as an earlier parser read and executed them" in shown


def test_forgetting_says_until_when_old_versions_hold_the_documents(capsys: pytest.CaptureFixture[str]) -> None:
    remains = (Remainder("corpus", datetime(2036, 1, 2, tzinfo=timezone.utc)), Remainder("programs", None))
    screens.forgotten(PEOPLE, ForgetSummary("r", 3, 2, 4, 7, remains, ("v1.0",), 1.0, 5))
    shown = " ".join(capsys.readouterr().out.split())
    assert "5 documents were copies of them" in shown
    assert "2 of 3 documents" in shown
    assert "corpus: old versions hold them until 2036-01-02" in shown
    assert "programs: no old version holds them any more" in shown
    assert "removed tags: v1.0" in shown


def test_restoring_the_newest_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    screens.restored(PEOPLE, RestoreSummary("r", 3, None, 10, 0, 0, 1.0))
    assert "version 3 is the newest already" in capsys.readouterr().out
