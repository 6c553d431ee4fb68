"""The commands from end to end, on the demo's lake: what a user types, sees and scripts against."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.terminal import Terminal

from prox_spark.cli import main
from prox_spark.demo import sample

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

PAGES = 193


@pytest.fixture(scope="module")
def first_demo(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run the demo once and give what it says as JSON."""
    lake = tmp_path_factory.mktemp("commands") / "demo-lake"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["demo", "--quiet", "--json", "--lake", str(lake)]) == 0
    return json.loads(printed.getvalue())


@pytest.fixture(scope="module")
def demo_lake(first_demo: Any) -> Path:
    return Path(first_demo["lake"])


@pytest.fixture
def terminal(demo_lake: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(demo_lake, capsys)


def test_the_demo_leaves_every_page_a_row_in_every_version(terminal: Terminal) -> None:
    versions = terminal.sql("SELECT version, name, pass_name FROM versions ORDER BY version")
    assert [(row["name"], row["pass_name"]) for row in versions] == [
        ("ingest", None),
        ("ingest", None),
        ("apply", "doc"),
        ("apply", "chunk"),
    ]
    counts = [terminal.sql(f"SELECT count(*) AS n FROM corpus VERSION AS OF {v}")[0]["n"] for v in range(4)]
    assert counts == [97, PAGES, PAGES, PAGES]


def test_the_demo_counts_what_each_pass_did(first_demo: Any) -> None:
    assert first_demo["new"] is True
    assert sum(item["documents"] for item in first_demo["ingested"]) == first_demo["documents"] == PAGES
    doc, chunk = first_demo["passes"]
    assert doc["kept"] + doc["edited"] + doc["dropped"] == PAGES
    assert chunk["kept"] + chunk["edited"] + chunk["dropped"] == doc["kept"] + doc["edited"]
    assert 0 < chunk["words_after"] < chunk["words_before"] == doc["words_after"] < doc["words_before"]


def test_the_demo_leaves_a_report_beside_its_lake(first_demo: Any, demo_lake: Path) -> None:
    assert first_demo["report"] == f"{demo_lake}.html"
    page = Path(first_demo["report"]).read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert str(demo_lake) in page


def test_the_demo_a_second_time_does_nothing_and_shows_the_same(terminal: Terminal, first_demo: Any) -> None:
    shown = terminal("demo")
    assert "Nothing new to do" in shown
    assert first_demo["example"]["url"] in shown
    assert shown.splitlines()[-2].endswith(first_demo["report"])
    assert "prox-spark try FILE" in shown.splitlines()[-1]
    for numbers in first_demo["passes"]:
        assert f"{numbers['words_after']:,}" in shown
    for command in first_demo["commands"]:
        assert command in shown.splitlines()
    assert terminal.sql("SELECT max(version) AS v FROM versions") == [{"v": 3}]


def test_the_commands_that_the_demo_prints_work(terminal: Terminal, first_demo: Any) -> None:
    assert len(first_demo["queries"]) == 3
    for command in first_demo["commands"]:
        words = shlex.split(command)
        assert words[-2:] == ["--lake", terminal.lake]
        assert len(terminal(*words[1:-2]).splitlines()) > 4


def test_a_file_that_is_tried_comes_out_as_in_the_lake(terminal: Terminal) -> None:
    (file,) = Path(sample()[0][1]).rglob("*.json.gz")
    tried = terminal.json("try", str(file), "--documents", "20")
    assert len(tried["documents"]) == 20
    rows = {row["doc_id"]: row for row in terminal.sql("SELECT doc_id, text, outcome, reason FROM corpus")}
    for document in tried["documents"]:
        row = rows[document["doc_id"]]
        assert (document["after"], document["outcome"], document["reason"]) == (
            row["text"],
            row["outcome"],
            row["reason"],
        )


def test_a_second_run_has_nothing_to_do(terminal: Terminal) -> None:
    passes = terminal.json("run")["passes"]
    assert [(item["refine"]["texts"], item["apply"]["version"]) for item in passes] == [(0, None), (0, None)]


def test_the_same_files_again_are_duplicates(terminal: Terminal) -> None:
    source, place = sample()[0]
    value = terminal.json("ingest", source, place)
    assert (value["records"], value["documents"], value["duplicates"], value["quarantined"]) == (97, 0, 97, 0)


def test_history_lists_every_version(terminal: Terminal) -> None:
    assert [row["version"] for row in terminal.json("history")] == [0, 1, 2, 3]
    assert "chunk" in terminal("history")


def test_a_document_goes_by_the_beginning_of_its_id(terminal: Terminal) -> None:
    (row,) = terminal.sql("SELECT doc_id, url FROM corpus WHERE outcome = 'edited' ORDER BY doc_id LIMIT 1")
    life = terminal.json("show", row["doc_id"][:10])
    assert life["document"]["doc_id"] == row["doc_id"]
    assert life["versions"][-1]["outcome"] == "edited"
    shown = terminal("show", row["doc_id"][:10])
    assert row["url"] in shown
    assert "✓ remove_lines(" in shown


def test_a_dropped_document_shows_why(terminal: Terminal) -> None:
    (row,) = terminal.sql("SELECT doc_id FROM corpus WHERE outcome = 'dropped' ORDER BY doc_id LIMIT 1")
    assert "dropped (drop_doc)" in terminal("show", row["doc_id"])


def test_a_query_comes_from_stdin_too(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*) AS n\nFROM documents;\n"))
    assert terminal.sql("-") == [{"n": PAGES}]


def test_the_views_are_there(terminal: Terminal) -> None:
    refined, dropped = terminal.sql(
        "SELECT (SELECT count(*) FROM refined) AS n UNION ALL SELECT count(*) FROM corpus WHERE outcome = 'dropped'"
    )
    assert refined["n"] + dropped["n"] == PAGES
    assert terminal.sql("SELECT count(*) > 0 AS some FROM edits WHERE op = 'remove_lines'") == [{"some": True}]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sql", "SELECT * FROM nowhere"], "nowhere"),
        (["sql", "SELECT count(*) FROM corpus VERSION AS OF 99"], "99"),
        (["show", "zz"], "hex digits"),
        (["show", "0" * 64], "there is no document"),
        (["ingest", "c5", "x.json"], "c5"),
        (["ingest", "c4", "/no/such/place/*.json.gz"], "/no/such/place"),
        (["run", "--set", "passes.doc.profile=rules-dco"], "profiles are: "),
        (["refine", "doc", "--set", "engine={kind: transformers, model: /no/such/model}"], "/no/such/model"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], says: str, terminal: Terminal) -> None:
    assert says in terminal(*arguments, code=2)


@pytest.mark.parametrize("command", [["run"], ["history"], ["refine", "doc"], ["apply", "doc"], ["sql", "SELECT 1"]])
def test_a_lake_that_is_not_there_is_not_made(
    command: list[str], spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    assert "there is no lake" in Terminal(missing, capsys)(*command, code=2)
    assert not missing.exists()


def test_a_policy_is_a_new_version_without_inference(terminal: Terminal) -> None:
    policy = "passes.chunk.policy.min_words=300"
    value = terminal.json("apply", "chunk", "--set", policy)
    assert value["version"] == 4
    assert terminal.sql("SELECT count(*) > 0 AS some FROM corpus WHERE reason = 'too_few_words'") == [{"some": True}]
    assert terminal.json("refine", "chunk", "--set", policy)["texts"] == 0
