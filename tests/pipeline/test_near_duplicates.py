"""The pass near_duplicates on real lakes: what is dropped, why, and that only the texts and their order decide."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F
from support.copies import planted

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.forget import forget
from prox_spark.audit.restore import restore
from prox_spark.audit.verify import verify
from prox_spark.lake.direct import DirectLake
from prox_spark.lake.reading import Asked
from prox_spark.lake.tables import Lake
from prox_spark.spark.settings import changed
from prox_spark.stages import near_duplicates, similarity

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


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Write three files of pages; later ones repeat earlier ones, exactly, nearly or by half, or hold no word."""
    folder = tmp_path_factory.mktemp("pages")
    chance = random.Random(5)
    pages = [page(number) for number in range(9)]
    nearly = [planted(text, 0.9, chance) for text in pages]
    variants = [planted(pages[8], 0.9, chance) for _ in range(5)]
    return (
        write(folder, "a", [*pages[:4], "OK", ""]),
        write(folder, "b", [*pages[4:8], nearly[1], variants[0], variants[1], "ok!"]),
        write(
            folder,
            "c",
            [nearly[4], nearly[2], planted(pages[3], 0.5, chance), *variants[2:], pages[1], nearly[1], "?!"],
        ),
    )


@pytest.fixture(scope="module")
def at_once(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, files: tuple[str, ...]) -> Lake:
    """Give a lake whose files came in one ingest, and that went through the pass."""
    lake = ingested(spark, tmp_path_factory.mktemp("at-once") / "lake", files)
    pipeline.run(lake, settings(exact="drop"))
    return lake


def test_the_earlier_text_stays_and_a_copy_says_whose_it_is(at_once: Lake) -> None:
    addresses = {row["doc_id"]: row["url"] for row in at_once.read("documents").select("doc_id", "url").collect()}
    rows = {row["url"]: row for row in at_once.sql("SELECT * FROM duplicates").collect()}
    copies = {url: (addresses[row["twin"]], row["reason"]) for url, row in rows.items()}
    assert copies.pop("c/6") == ("a/1", "duplicate")  # the very same text; b/4 and its exact copy are near ones
    assert copies.pop("c/7") == copies.pop("b/4") == ("a/1", "drop_doc")
    assert copies.pop("c/0") == ("b/0", "drop_doc") and copies.pop("c/1") == ("a/2", "drop_doc")
    assert copies.pop("b/7") == ("a/4", "drop_doc")  # one word, written otherwise
    stayed = {"b/5", "b/6"} - set(copies)  # within a file the order is that of the hashes of ids
    assert copies == dict.fromkeys({"b/5", "b/6", "c/3", "c/4", "c/5"} - stayed, (*stayed, "drop_doc"))
    assert rows["b/4"]["similarity"] == pytest.approx(0.9, abs=0.05) and rows["c/6"]["similarity"] == 1.0
    fates = outcomes(at_once)
    assert {url for url, (outcome, _) in fates.items() if outcome == "dropped"} == set(rows)
    assert {addresses[row["family"]] for row in rows.values()} <= {
        url for url, fate in fates.items() if fate[0] == "kept"
    }
    counts = json.loads(at_once.read("runs").where("command = 'refine'").select("counts").collect()[0][0])
    assert counts["near_duplicates"] == 8 and counts["duplicates_saved"] == 2 and counts["tokens_saved"] > 1000


def test_verify_measures_copies_again(at_once: Lake) -> None:
    assert verify(at_once).findings == ()
    programs = at_once.read("programs").where("chunks[0].completion LIKE 'drop_doc%'").select("text_sha256", "chunks")
    lies = F.transform(
        "chunks", lambda c: c.withField("completion", F.regexp_replace(c["completion"], r"=0\.9", "=0.8"))
    )
    [past] = max((entry.passes for entry in at_once.entries()), key=len).passes()
    assert past.near_duplicates is not None
    texts = at_once.read("documents").select("text_sha256", "text").dropDuplicates(["text_sha256"])
    told = similarity.misjudged(programs.withColumn("chunks", lies), texts, past, past.near_duplicates).collect()
    assert told and {row["check"] for row in told} == {"similarity"}


def test_three_ingests_and_other_partitions_give_the_same_decisions(
    spark: SparkSession, at_once: Lake, tmp_path: Path, files: tuple[str, ...]
) -> None:
    def decisions(lake: Lake) -> dict[str, str]:
        rows = lake.read("programs").selectExpr("text_sha256", "chunks[0].completion").collect()
        return {row[0]: row[1] for row in rows}

    lake = ingested(spark, tmp_path / "lake", [files[0]])
    with changed(spark, {"spark.sql.shuffle.partitions": "5", "spark.sql.adaptive.enabled": "false"}):
        pipeline.refine(lake, "copies", config=settings())
        before = decisions(lake)
        for file in files[1:]:
            pipeline.ingest(lake, "jsonl", [file], snapshot="one")
        pipeline.refine(lake, "copies", config=settings(exact="drop"))
    assert before and before.items() <= decisions(lake).items()
    assert decisions(lake) == decisions(at_once)


def test_forgetting_lets_a_copy_back_and_a_text_that_another_document_has_stays_what_others_repeat(
    spark: SparkSession, at_once: Lake, tmp_path: Path
) -> None:
    shutil.copytree(at_once.location, tmp_path / "lake")
    lake = Lake.open(spark, str(tmp_path / "lake"))
    ids = {row["url"]: row["doc_id"] for row in lake.read("documents").select("url", "doc_id").collect()}
    duplicates = "SELECT url, twin, family FROM duplicates WHERE url IN ('b/4', 'c/6', 'c/7')"

    def copies() -> dict[str, tuple[str, str]]:
        return {row["url"]: (row["twin"], row["family"]) for row in lake.sql(duplicates).collect()}

    def decided() -> list[tuple[str, str]]:
        asked = Asked("url IN ('a/1', 'b/4', 'c/6', 'c/7')", "url, op")
        by_spark, directly = (place.rows("edits", asked=asked) for place in (lake, DirectLake(lake.location)))
        rows = sorted((row["url"], row["op"]) for row in by_spark)
        assert sorted((row["url"], row["op"]) for row in directly) == rows
        return rows

    assert copies() == dict.fromkeys(("b/4", "c/6", "c/7"), (ids["a/1"], ids["a/1"]))
    assert decided() == [("a/1", "keep_doc"), *((url, "drop_doc") for url in ("b/4", "c/6", "c/7"))]
    assert forget(lake, [ids["a/1"]]).returned == 1  # the very same text is in c/6: copies repeat that one now
    assert copies() == dict.fromkeys(("b/4", "c/7"), (ids["c/6"], ids["c/6"]))
    assert outcomes(lake)["c/6"] == ("not_run", None)
    assert decided() == [("b/4", "drop_doc"), ("c/7", "drop_doc")]
    assert forget(lake, [ids["c/6"]]).returned == 2  # now the text is gone
    assert copies() == {} and decided() == [] and verify(lake).findings == ()
    pipeline.run(lake, settings(exact="drop"))
    assert copies() == {"c/7": (ids["b/4"], ids["b/4"])}
    assert outcomes(lake)["b/4"] == ("kept", None)
    assert decided() == [("b/4", "keep_doc"), ("c/7", "drop_doc")]
    restore(lake, 1)  # where both were copies of what is gone
    assert outcomes(lake)["b/4"] == ("not_run", None) and decided() == [] and verify(lake).findings == ()


def test_a_chain_of_copies_is_followed_to_the_text_that_stays(spark: SparkSession) -> None:
    links = [(str(number), str(number - 1), 0.8) for number in range(1, 12)]
    copies = spark.createDataFrame([*links, ("b", "a", 0.9)], "text_sha256 STRING, twin STRING, similarity DOUBLE")
    roots = {row["text_sha256"]: row["root"] for row in near_duplicates.with_root(copies).collect()}
    assert roots == {str(number): "0" for number in range(1, 12)} | {"b": "a"}


def test_texts_of_one_bucket_are_compared_with_its_earliest_and_scopes_stay_apart(spark: SparkSession) -> None:
    columns = "text_sha256 STRING, doc_id STRING, scope STRING, arrival STRUCT<file: INT, place: BIGINT>"
    texts = [(f"{number:02d}", f"doc-{number}", "one", (0, number)) for number in range(20)]
    new = spark.createDataFrame([*texts, ("x", "doc-x", "two", (0, 99))], columns)
    known = spark.createDataFrame([("z", "doc-z", "one", (7, 7))], columns)
    keys = [(row[0], [7]) for row in (*texts, ("x",), ("z",))]
    signed = spark.createDataFrame(keys, "text_sha256 STRING, bands ARRAY<BIGINT>")
    pairs = near_duplicates.candidates(new, known, signed).collect()
    others: dict[str, set[str]] = {}
    for row in pairs:
        others.setdefault(row["text_sha256"], set()).add(row["other"])
    assert "x" not in others and others["00"] == {"z"} and others["01"] == {"z", "00"}
    assert others["19"] == {"z", "00", "01", "02"}
