"""The pass near_duplicates on pages with copies of a known similarity, under each measure and scope, behind an edit."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.copies import planted
from support.slow import slow

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.verify import verify
from prox_spark.duplicates import SignatureSettings
from prox_spark.duplicates.signatures import similarities
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from prox_spark.config import Config

pytestmark = [pytest.mark.spark, slow]

SIMILAR = (0.5, 0.7, 0.9, 0.95, 1.0)
PAIRS = 100
"""Pages for each similarity, with one copy of each."""

WORDS = 400
COPIES = {"name": "copies", "kind": "near_duplicates"}


def page(chance: random.Random) -> str:
    return " ".join("".join(chance.choices("abcdefghij", k=6)) for _ in range(WORDS))


def with_copies(**keys: object) -> Config:
    return configuration.load(overrides=[f"passes=[{json.dumps({**COPIES, 'near_duplicates': keys})}]"])


def write(path: Path, texts: Mapping[str, str]) -> str:
    path.write_text("".join(f"{json.dumps({'url': url, 'text': text})}\n" for url, text in texts.items()))
    return str(path)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    chance = random.Random(11)
    return {f"{similar}/{number}": page(chance) for similar in SIMILAR for number in range(PAIRS)}


@pytest.fixture(scope="module")
def planted_copies(pages: dict[str, str]) -> dict[str, str]:
    chance = random.Random(12)
    return {f"{url}/copy": planted(text, float(url.split("/")[0]), chance) for url, text in pages.items()}


@pytest.fixture(scope="module")
def behind_an_edit(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Give a pass that takes the first line of some pages away, and behind it one that drops copies."""
    answers = tmp_path_factory.mktemp("answers") / "answers.jsonl"
    edit = {"prompt_contains": "[000]Menu", "completion": "remove_lines(start=0, end=0)"}
    answers.write_text(f"{json.dumps(edit)}\n{json.dumps({'completion': 'keep_chunk()'})}\n", encoding="utf-8")
    passes = [{"name": "chunk", "profile": "tiny-chunk"}, COPIES]
    engine = ["engine.kind=scripted", f"engine.answers={json.dumps(str(answers))}"]
    return configuration.load(overrides=[*engine, f"passes={json.dumps(passes)}"])


@pytest.fixture(scope="module")
def lake(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, pages: dict[str, str], planted_copies: dict[str, str]
) -> Lake:
    """Give a lake with the pages in one snapshot, their copies in another, and some in another source."""
    folder = tmp_path_factory.mktemp("planted")
    lake = Lake.open(spark, str(folder / "lake"))
    chance, menu = random.Random(13), [page(random.Random(number)) for number in range(3)]
    first = {**pages, "plain": menu[0], "other": menu[1]}
    later = {
        **planted_copies,
        "headed": f"Menu {page(chance)}\n{planted(menu[0], 0.9, chance)}",
        "in-source": planted(menu[1], 0.9, chance),
    }
    pipeline.ingest(lake, "jsonl", [write(folder / "first.jsonl", first)], snapshot="one")
    pipeline.ingest(lake, "jsonl", [write(folder / "later.jsonl", later)], snapshot="two")
    elsewhere = {
        "in-all": planted(menu[1], 0.9, chance),
        "alone": menu[2],
        "in-snapshot": planted(menu[2], 0.9, chance),
    }
    pipeline.ingest(lake, "c4", [write(folder / "c4.json", elsewhere)], snapshot="two")
    return lake


def dropped(lake: Lake, settings: Config) -> set[str]:
    """Refine, and give the addresses of the documents whose texts the pass drops."""
    pipeline.refine(lake, "copies", config=settings)
    fingerprint = lake.read("runs").where("command = 'refine'").orderBy("run_id").select("fingerprint").tail(1)[0][0]
    programs = lake.read("programs").where(f"fingerprint = '{fingerprint}' AND chunks[0].completion LIKE 'drop_doc%'")
    return {row["url"] for row in lake.read("documents").join(programs, "text_sha256", "left_semi").collect()}


@pytest.mark.parametrize("measure", ["shingles", "signatures"])
def test_copies_are_found_from_nine_tenths_on_and_half_a_page_is_no_copy(
    lake: Lake, pages: dict[str, str], planted_copies: dict[str, str], measure: str
) -> None:
    found = dropped(lake, with_copies(measure=measure))
    pairs = [(text, planted_copies[f"{url}/copy"]) for url, text in pages.items()]
    similar = dict(zip(pages, similarities(pairs, SignatureSettings()), strict=True))
    alike = [url for url, value in similar.items() if 0.89 < value < 1]
    half = [url for url, value in similar.items() if value < 0.55]
    assert len(alike) == 2 * PAIRS and len(half) == PAIRS
    assert sum(f"{url}/copy" in found for url in alike) >= 0.98 * len(alike)
    assert sum(f"{url}/copy" in found for url in half) <= 0.01 * len(half)
    assert {"in-source", "in-all", "in-snapshot"} <= found  # the very same text is one text, and stays
    assert found.isdisjoint({*pages, "plain", "other", "alone", *(f"1.0/{n}/copy" for n in range(PAIRS))})


def test_scopes_keep_sources_and_snapshots_apart(lake: Lake) -> None:
    of_source, of_snapshot = (dropped(lake, with_copies(scope=scope)) for scope in ("source", "snapshot"))
    assert "in-source" in of_source and "in-all" not in of_source and "in-snapshot" in of_source
    assert of_snapshot == {"in-snapshot"}


def test_behind_a_pass_that_edits_the_texts_as_it_left_them_are_compared(lake: Lake, behind_an_edit: Config) -> None:
    assert "headed" not in dropped(lake, with_copies())  # half of it is a menu
    pipeline.run(lake, behind_an_edit)
    addresses = {row["doc_id"]: row["url"] for row in lake.read("documents").collect()}
    rows = {row["url"]: row for row in lake.sql("SELECT * FROM duplicates").collect()}
    assert addresses[rows["headed"]["twin"]] == "plain" and addresses[rows["in-all"]["twin"]] == "other"
    assert verify(lake, sample=50).findings == ()
