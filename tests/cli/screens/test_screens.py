"""What all screens print with."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from prox_spark.cli import screens


def test_a_long_value_is_cut_in_the_table() -> None:
    assert screens.cell("x" * 500).plain == "x" * 200 + "…"


def test_moments_and_bytes_have_a_form_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    screens.print_json({"at": datetime(2025, 1, 2, tzinfo=timezone.utc), "raw": b"\xff"})
    assert json.loads(capsys.readouterr().out) == {"at": "2025-01-02T00:00:00+00:00", "raw": "ff"}
