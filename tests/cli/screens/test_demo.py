"""The last screen of the demo: numbers, a page, what to try next, the report, and a file of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prox_spark.cli.invocation import Invocation
from prox_spark.cli.screens.demo import open_report, show
from prox_spark.demo import Demo, Example, PassResult

DEMO = Demo(
    lake="there/demo-lake",
    ingested=(),
    documents=2,
    passes=(PassResult("doc", 2, kept=1, edited=0, dropped=1, failed=0, words_before=20, words_after=12),),
    example=Example("ab" * 32, "https://example.org", "Home\nIt rained.", "It rained."),
    queries=(("how many there are", "SELECT count(*) FROM corpus"),),
    new=True,
)


def test_the_report_and_a_file_of_ones_own_come_last(capsys: pytest.CaptureFixture[str]) -> None:
    show(Invocation(), DEMO, Path("/there/demo-lake.html"))
    *_, report, own = capsys.readouterr().out.splitlines()
    assert report == "All of it on one page, to open in a browser: /there/demo-lake.html"
    assert own == "A file of your own: prox-spark try FILE shows it before and after, in seconds and without Spark."


def test_json_names_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    show(Invocation(json=True), DEMO, Path("/there/demo-lake.html"))
    assert json.loads(capsys.readouterr().out)["report"] == "/there/demo-lake.html"


def test_nothing_is_opened_where_the_screen_is_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    open_report(Path("/there/demo-lake.html"))
    assert capsys.readouterr().out == ""
