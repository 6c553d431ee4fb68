"""Versions of a lake are compared by models; what is judged on is found or given, and never learned from."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

from prox_spark import pipeline
from prox_spark.audit.ablate import ablate
from prox_spark.config import AblateSettings, Config
from prox_spark.errors import UserError
from prox_spark.lake.tables import Lake
from prox_spark.training.ablation.texts import read_held_out

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("default")]

SETTINGS = AblateSettings(tokens=2048, seeds=1, held_out_share=0.4, bf16=False)
WORDS = [f"word{number}" for number in range(500)]


def text(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=200))


@pytest.fixture
def sites(lake: Lake, settings: Config, tmp_path: Path) -> Lake:
    """Give a lake with documents of twenty more sites."""
    chance = random.Random(3)
    rows = [{"url": f"https://www.site{number}.example/1", "text": text(chance)} for number in range(20)]
    path = tmp_path / "sites.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    pipeline.ingest(lake, "jsonl", [str(path)], snapshot="two", settings=settings.ingest)
    return lake


def learned(result: dict[str, Any]) -> list[int]:
    return [arm["documents"] for arm in result["arms"]]


def test_sites_that_all_versions_have_are_held_out_and_not_learned_from(sites: Lake, tmp_path: Path) -> None:
    to = tmp_path / "out"
    result = ablate(sites, ["latest", "latest"], str(to), settings=SETTINGS)
    judged = read_held_out(to / "held-out.parquet")
    held = {document.site for document in judged}
    assert 3 <= len(held) <= 15 and {document.set for document in judged} == {
        "as latest has them", "as latest (2) has them",
    }  # fmt: skip
    rows = sites.read("corpus").where("text IS NOT NULL").select("doc_id", "url").collect()
    out = [row for row in rows if any(f".{site}/" in row["url"] or f"/{site}/" in row["url"] for site in held)]
    assert learned(result) == [len(rows) - len(out)] * 2
    assert result["left_out"] == {"text": len(held)}  # one document of each
    assert [item["total"]["value"] for item in result["differences"]] == [0.0, 0.0]
    with pytest.raises(UserError, match="holds an ablation with other arms"):
        ablate(sites, ["0", "latest"], str(to), settings=SETTINGS)


def test_texts_given_to_judge_on_that_a_version_shows_are_refused_or_left_out_of_all(
    sites: Lake, tmp_path: Path
) -> None:
    row = sites.read("corpus").where("snapshot = 'two'").orderBy("doc_id").first()
    chance = random.Random(4)
    given = [f"Before. {row['text'].upper()} After.", *(text(chance) for _ in range(6))]
    path = tmp_path / "judged.parquet"
    pq.write_table(pa.table({"text": given}), path)
    others = tmp_path / "others.parquet"
    names_of_theirs = [None, *(f"page {number}" for number in range(19))]
    pq.write_table(pa.table({"doc_id": names_of_theirs, "text": [text(chance) for _ in range(20)]}), others)
    names = ["doc+chunk", f"others={others}"]
    to = str(tmp_path / "out")
    with pytest.raises(
        UserError, match=f"show what is judged on .1 by passage; such as {row['doc_id'][:12]}.*leave-out"
    ):
        ablate(sites, ["latest", *names], to, settings=SETTINGS, held_out=[str(path)])
    result = ablate(sites, ["latest", *names], to, settings=SETTINGS, held_out=[str(path)], leave_out=True)
    assert result["left_out"] == {"passage": 1} and learned(result)[2] == 20
    assert [arm["name"] for arm in result["arms"]] == ["latest", "doc+chunk", "others"]
    with pytest.raises(UserError, match=r"no tag and no chain of passes .* chains are: doc, doc\+chunk"):
        ablate(sites, ["latest", "chunk+doc"], to, settings=SETTINGS)
