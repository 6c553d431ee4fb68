"""The report of differences between the modes, on a real lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.compare import compare_modes
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

WORDS = "enough words to stay above the ten words under which the reference drops a page, whatever it says"
PAGES = {
    "same": f"Menu\n{WORDS}",
    "equals": f"Mail me at a=b today. {WORDS}",
    "short": "Few words, and all of them good.",
}
ANSWERS = {
    "Menu": "remove_lines(start=0, end=0)",
    "a=b": 'normalize(source_str="a=b", target_str="")',
    "Few words": "keep_chunk()",
}


def test_the_documents_on_which_the_modes_differ_are_counted_and_listed_with_the_reason(
    spark: SparkSession, tmp_path: Path
) -> None:
    answers, pages = tmp_path / "answers.jsonl", tmp_path / "pages.jsonl"
    lines = [{"prompt_contains": f"[000]{part}", "completion": answer} for part, answer in ANSWERS.items()]
    lines.append({"prompt_contains": "[000]Mail", "completion": ANSWERS["a=b"]})
    answers.write_text("\n".join(map(json.dumps, [*lines, {"completion": "keep_doc()"}])), encoding="utf-8")
    pages.write_text("".join(json.dumps({"url": u, "text": t}) + "\n" for u, t in PAGES.items()), encoding="utf-8")
    config = configuration.load(overrides=["engine.kind=scripted", f"engine.answers={json.dumps(str(answers))}"])
    lake = Lake.open(spark, str(tmp_path / "lake"))
    pipeline.ingest(lake, "jsonl", [str(pages)], settings=config.ingest)
    pipeline.run(lake, config)

    doc, chunk = compare_modes(lake, config)

    assert (doc["pass_name"], doc["texts"], doc["differing"]) == ("doc", 3, 0)
    assert (chunk["pass_name"], chunk["texts"], chunk["differing"]) == ("chunk", 3, 2)
    found = {row["url"]: (row["strict"], row["reference"]) for row in chunk["documents"]}
    assert found == {"equals": ("edited", "edited"), "short": ("kept", "dropped: too_few_words")}
    assert sum(kind["texts"] for kind in chunk["kinds"]) == 2
