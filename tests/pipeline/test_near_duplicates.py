"""The pass near_duplicates on real lakes: what is dropped, why, and that only the texts and their order decide."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.copies import planted

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.verify import verify
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from prox_spark.config import Config

pytestmark = pytest.mark.spark


def page(seed: int, words: int = 120) -> str:
    chance = random.Random(seed)
    return " ".join("".join(chance.choices("abcdefghij", k=6)) for _ in range(words))


def write(folder: Path, name: str, texts: Sequence[str]) -> str:
    """Write texts as pages, one a line; their address says file and line."""
    rows = (json.dumps({"url": f"{name}/{number}", "text": text}) for number, text in enumerate(texts))
    path = folder / f"{name}.jsonl"
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return str(path)


def settings(**keys: object) -> Config:
    item = {"name": "copies", "kind": "near_duplicates", "near_duplicates": keys}
    return configuration.load(overrides=[f"passes=[{json.dumps(item)}]"])


def ingested(spark: SparkSession, place: Path, *ingests: Sequence[str]) -> Lake:
    lake = Lake.open(spark, str(place))
    for paths in ingests:
        pipeline.ingest(lake, "jsonl", list(paths), snapshot="one")
    return lake


def outcomes(lake: Lake) -> dict[str, tuple[str, str | None]]:
    rows = lake.read("corpus").select("url", "outcome", "reason").collect()
    return {row["url"]: (row["outcome"], row["reason"]) for row in rows}


def test_the_earlier_text_stays_and_the_copy_says_whose_it_is(spark: SparkSession, tmp_path: Path) -> None:
    one = page(1)
    first = write(tmp_path, "a", [one, page(2), "OK"])
    later = write(tmp_path, "b", [planted(one, 0.9, random.Random(5)), one, "!?", planted(one, 0.4, random.Random(6))])
    lake = ingested(spark, tmp_path / "lake", [first], [later])
    refined, applied = pipeline.run(lake, settings(exact="drop"))[0]
    assert (refined.texts, refined.near_duplicates, refined.duplicates_saved) == (6, 1, 1)
    assert (applied.kept, applied.dropped) == (5, 2)
    fates = outcomes(lake)
    assert {url for url, (fate, _) in fates.items() if fate == "dropped"} == {"b/0", "b/1"}
    assert (fates["b/0"][1], fates["b/1"][1]) == ("drop_doc", "duplicate")
    addresses = {row["doc_id"]: row["url"] for row in lake.read("documents").select("doc_id", "url").collect()}
    rows = {row["url"]: row for row in lake.sql("SELECT * FROM duplicates").collect()}
    assert {url: (addresses[row["twin"]], addresses[row["family"]]) for url, row in rows.items()} == {
        "b/0": ("a/0", "a/0"),
        "b/1": ("a/0", "a/0"),
    }
    assert rows["b/0"]["similarity"] == pytest.approx(0.9, abs=0.03)
    assert rows["b/1"]["similarity"] == 1.0
    assert verify(lake).findings == ()
