"""Two chains of passes over one corpus, side by side."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.compare import compare
from prox_spark.cli.screens import sides as screens
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

PAGES = {
    "same": "Home\nIt rained all day.",
    "deeper": "Menu\nIt rained.\nSubscribe!",
    "dropped": "Buy now\nThe river rose.",
    "kept": "Nothing wrong here.",
}
FIRST = {"[000]Home": "remove_lines(0, 0)", "[000]Menu": "remove_lines(0, 0)"}
SECOND = {
    "[000]Home": "remove_lines(0, 0)",
    "[000]Menu": "remove_lines(0, 0)\nremove_lines(2, 2)",
    "[000]Buy": "remove_lines(0, 1)",
}


def settings(folder: Path, name: str, answers: dict[str, str]) -> configuration.Config:
    path = folder / f"{name}.jsonl"
    lines = [{"prompt_contains": part, "completion": answer} for part, answer in answers.items()]
    path.write_text("\n".join(map(json.dumps, [*lines, {"completion": "keep_chunk()"}])), encoding="utf-8")
    passes = json.dumps([{"name": name, "profile": "rules-chunk"}])
    return configuration.load(
        overrides=["engine.kind=scripted", f"engine.answers={json.dumps(str(path))}", f"passes={passes}"]
    )


@pytest.fixture(scope="module")
def compared(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Compare version 1, of the pass `first`, with version 2, of the pass `second` on the same pages."""
    folder = tmp_path_factory.mktemp("sides")
    pages = folder / "pages.jsonl"
    pages.write_text("".join(json.dumps({"url": u, "text": t}) + "\n" for u, t in PAGES.items()), encoding="utf-8")
    lake = Lake.open(spark, str(folder / "lake"))
    pipeline.ingest(lake, "jsonl", [str(pages)])
    for name, answers in (("first", FIRST), ("second", SECOND)):
        pipeline.run(lake, settings(folder, name, answers))
    return compare(lake, 1, 2, count=10, largest=True)


def test_each_version_is_held_against_what_was_ingested(compared: dict[str, Any]) -> None:
    sides = [{name: compared[side][name] for name in ("version", "kept", "edited", "dropped")} for side in ("a", "b")]
    assert sides == [
        {"version": 1, "kept": 2, "edited": 2, "dropped": 0},
        {"version": 2, "kept": 1, "edited": 2, "dropped": 1},
    ]
    assert [[item["pass_name"] for item in compared[side]["passes"]] for side in ("a", "b")] == [["first"], ["second"]]
    assert (compared["documents"], compared["differing"], compared["words"]) == (4, 2, 17)
    assert [compared[side]["words"] for side in ("a", "b")] == [15, 9]


def test_what_both_made_of_documents_is_counted_in_pairs(compared: dict[str, Any]) -> None:
    counts = {(row["fate_a"], row["fate_b"]): (row["documents"], row["differing"]) for row in compared["fates"]}
    assert counts == {("edited", "edited"): (2, 1), ("kept", "kept"): (1, 0), ("kept", "dropped"): (1, 1)}
    assert sum(row["documents"] for row in compared["by_source"]) == 4


def test_documents_that_differ_are_drawn_with_all_their_texts(compared: dict[str, Any]) -> None:
    assert [row["url"] for row in compared["sample"]] == ["dropped", "deeper"]
    deeper = compared["sample"][1]
    assert (deeper["text"], deeper["text_a"], deeper["text_b"]) == (
        PAGES["deeper"],
        "It rained.\nSubscribe!",
        "It rained.",
    )
    assert compared["sample"][0]["text_b"] is None and compared["sample"][0]["reason_b"] == "nothing_left"


def test_the_terminal_shows_both_sides_and_what_is_only_in_one(compared: dict[str, Any]) -> None:
    class Options:
        """An invocation that prints to a string."""

        json = False
        file = io.StringIO()

        def console(self) -> Console:
            return Console(file=self.file, width=120)

    options = Options()
    screens.sides(options, compared)  # type: ignore[arg-type]
    printed = options.file.getvalue()
    assert "A  version 1  first (rules-chunk, scripted)" in printed
    assert "2 of 4 documents differ" in printed
    assert "- Subscribe!" in printed and "  It rained." in printed and "B dropped (0 words, nothing_left)" in printed
