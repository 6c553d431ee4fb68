"""A lake that UltraX's programs refine: in strict mode, then as its own executor does, without another answer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.diff import diff
from prox_spark.audit.verify import verify
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

PAGES = {
    "menu": "Home | About\n\nIt rained all day.\n\nThe river rose.",
    "clean": "A page\r\nthat stays.",
    "gone": "Buy now",
}
ANSWERS = {
    "It rained": "remove_lines(1, 1)\nreplace_str(3, ' all day', '')\nadd_line(5, 1, 'The river rose. It rained.')",
    "that stays": "keep_all()",
    "Buy now": "remove_all()",
}


def test_programs_of_ultrax_are_executed_in_both_modes_and_verify(spark: SparkSession, tmp_path: Path) -> None:
    answers, pages, system = (tmp_path / name for name in ("answers.jsonl", "pages.jsonl", "system.txt"))
    said = [{"prompt_contains": part, "completion": program} for part, program in ANSWERS.items()]
    answers.write_text("\n".join(map(json.dumps, said)), encoding="utf-8")
    pages.write_text("".join(json.dumps({"url": n, "text": t}) + "\n" for n, t in PAGES.items()), encoding="utf-8")
    system.write_text("You clean pages.", encoding="utf-8")

    def settings(mode: str) -> configuration.Config:
        brought = {"system_file": str(system), "system_sha256": hashlib.sha256(b"You clean pages.").hexdigest()}
        passes = json.dumps([{"name": "edit", "profile": "ultrax", "policy": {"mode": mode}, **brought}])
        engine = ["engine.kind=scripted", f"engine.answers={json.dumps(str(answers))}"]
        return configuration.load(overrides=[*engine, f"passes={passes}"])

    def texts(lake: Lake) -> dict[str, str | None]:
        return {row["url"]: row["text"] for row in lake.read("corpus").collect()}

    lake = Lake.open(spark, str(tmp_path / "lake"))
    pipeline.ingest(lake, "jsonl", [str(pages)])
    ((refined, _),) = pipeline.run(lake, settings("strict"))
    edited = "\nIt rained.\n\nThe river rose.\nThe river rose. It rained."
    assert texts(lake) == {"menu": edited, "clean": PAGES["clean"], "gone": None}
    taken = lake.sql("SELECT op, line, text, replacement FROM removed ORDER BY op").collect()
    assert [tuple(row) for row in taken] == [
        ("remove_lines", 0, "Home | About", None),
        ("replace_str", 2, " all day", ""),
    ]
    brought_in = {row["op"]: row["words_added"] for row in diff(lake, 0, 1).by_operation.collect()}
    assert (brought_in["add_line"], brought_in["replace_str"], brought_in["remove_lines"]) == (5, 0, 0)

    ((again, _),) = pipeline.run(lake, settings("reference"))
    assert (refined.texts, again.texts) == (3, 0)
    edited = "It rained.\nThe river rose.\nThe river rose. It rained."
    assert texts(lake) == {"menu": edited, "clean": "A page\nthat stays.", "gone": None}
    assert verify(lake).findings == ()
