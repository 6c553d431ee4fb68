"""Documents that a classifier scores: the threshold decides at apply, and asks nobody again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.verify import verify
from prox_spark.lake.tables import Lake
from prox_spark.report.facts import gather
from prox_spark.report.page import render

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

SCORES = {"lesson": 3.75, "story": 2.5, "menu": 0.3, "advert": -0.12}


def test_another_threshold_keeps_other_documents_and_asks_no_model(spark: SparkSession, tmp_path: Path) -> None:
    answers, pages = tmp_path / "answers.jsonl", tmp_path / "pages.jsonl"
    said = [{"prompt_contains": name, "completion": f"score({value})"} for name, value in SCORES.items()]
    answers.write_text("\n".join(map(json.dumps, said)), encoding="utf-8")
    pages.write_text("".join(json.dumps({"url": n, "text": f"A {n}."}) + "\n" for n in SCORES), encoding="utf-8")

    def settings(least: float) -> configuration.Config:
        passes = json.dumps([{"name": "edu", "profile": "score-doc", "policy": {"min_score": least}}])
        engine = ["engine.kind=scripted", f"engine.answers={json.dumps(str(answers))}"]
        return configuration.load(overrides=[*engine, f"passes={passes}"])

    lake = Lake.open(spark, str(tmp_path / "lake"))
    pipeline.ingest(lake, "jsonl", [str(pages)])
    ((first, high),) = pipeline.run(lake, settings(2.5))
    ((second, low),) = pipeline.run(lake, settings(0.0))

    assert (first.texts, second.texts) == (4, 0)
    assert (high.kept, high.dropped, low.kept, low.dropped) == (2, 2, 3, 1)
    dropped = lake.sql("SELECT url, reason FROM corpus VERSION AS OF 1 WHERE text IS NULL ORDER BY url").collect()
    assert [tuple(row) for row in dropped] == [("advert", "low_score"), ("menu", "low_score")]
    values = lake.sql("SELECT value FROM edits WHERE op = 'score' ORDER BY value").collect()
    assert [row["value"] for row in values] == sorted(SCORES.values())

    verified = verify(lake)
    assert verified.findings == () and verified.programs == 0  # scores are not in the language that is parsed again

    facts = gather(lake, against=1, gallery=4)
    assert sum(row["documents"] for row in facts.scores) == 4
    assert all(row["low"] <= row["high"] for row in facts.scores) and facts.scores[0]["low"] <= -0.12
    assert facts.against is not None and facts.against["differing"] == 1
    assert "Documents by score" in render(facts)
