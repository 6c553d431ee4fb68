"""The commands about the past from end to end: what a user types, reads and scripts against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.terminal import Terminal

from prox_spark.errors import LakeError
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture
def terminal(lake: Lake, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(lake.location, capsys)


def test_a_version_is_tagged_compared_verified_and_reported(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.json("tag", "raw", "0") == {"tag": "raw", "version": 0, "deleted": False}
    assert "raw" in terminal("history")
    compared = terminal.json("diff", "raw", "--sample", "2")
    assert (compared["a"], compared["b"], len(compared["sample"])) == (0, 2, 2)
    shown = terminal("diff", "raw", "2", "--sample", "2", "--largest")
    assert "dropped, by reason" in shown and "remove_lines" in shown
    one = terminal("diff", "0", "--doc", compared["sample"][0]["doc_id"][:16])
    assert compared["sample"][0]["url"] in one
    assert "all is as it must be" in terminal("verify")
    page = tmp_path / "report.html"
    assert terminal.json("report", "-o", str(page), "--gallery", "4")["path"] == str(page)
    text = page.read_text(encoding="utf-8")
    assert text.count('class="document"') == 4
    assert text.count("<svg") == 4


def test_what_is_wrong_makes_verify_fail_and_names_the_row(terminal: Terminal, lake: Lake) -> None:
    row = lake.read("corpus").where("outcome = 'edited'").first()
    lake.spark.sql(f"UPDATE {lake.name('corpus')} SET words_after = 1 WHERE doc_id = '{row['doc_id']}'")
    found = terminal.json("verify", code=1)
    assert found["ok"] is False
    assert {"check": "row", "key": row["doc_id"], "detail": "other: words_after"} in found["findings"]


def test_a_takedown_is_typed_as_a_file_and_maintenance_dry_runs(terminal: Terminal, lake: Lake, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text(lake.read("documents").first()["doc_id"] + "  # by letter of 3 May\n")
    assert "--now purges them" in terminal("forget", "--ids", str(ids))
    done = terminal.json("maintain", "--keep-days", "30", "--dry-run")
    assert [table["removed"] for table in done["tables"]] == [0, 0, 0, 0]
    assert done["needed"] == {"1": "edits of pass doc", "2": "edits of pass chunk"}
    assert "version 4 holds what version 0 held" in terminal("restore", "0")


def test_mistakes_are_one_line(terminal: Terminal, tmp_path: Path) -> None:
    assert "versions are 0-2" in terminal("diff", "7", code=2)
    assert "a tag is" in terminal("tag", "no spaces", code=2)
    assert "cannot read the ids" in terminal("forget", "--ids", str(tmp_path / "none"), code=2)
    assert "in a folder that is there" in terminal("report", "-o", str(tmp_path / "no" / "r.html"), code=2)
    assert "at least 7" in terminal("maintain", "--keep-days", "1", code=2)
    assert "there is no version v9" in terminal("restore", "v9", code=2)


def test_a_table_of_another_version_is_named(spark: SparkSession, tmp_path: Path) -> None:
    old = spark.createDataFrame([("id", "a text", 3)], "doc_id STRING, text STRING, words INT")
    old.write.format("delta").save(str(tmp_path / "old" / "corpus"))
    with pytest.raises(LakeError, match=r"table corpus of .* was made by another version of prox_spark: column source"):
        Lake.open(spark, str(tmp_path / "old"))
