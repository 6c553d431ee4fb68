"""The straight line on a real lake: files in, versions out, whatever happens on the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit.history import document, history
from prox_spark.errors import ConfigError, LakeError, RunError, SourceError
from prox_spark.lake import ledger
from prox_spark.lake.commits import Commit
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from prox_spark.config import Config

pytestmark = pytest.mark.spark

PAGES = {
    "https://a.example/1": "Home | About\nA paragraph that is worth keeping, with a number of words in it.",
    "https://a.example/2": "Buy now\nBuy now\nBuy now",
    "https://a.example/3": "Nothing is wrong with this page, and it stays as it is.\r\nNot one byte\x00 changes.\u2028",
}


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake.open(spark, str(tmp_path / "lake"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("line")


@pytest.fixture(scope="module")
def settings(home: Path) -> Config:
    """Give a configuration of two passes whose answers are known."""
    return configured(home, "answers.jsonl", ("Home | About", "remove_lines(start=0, end=0)"))


@pytest.fixture(scope="module")
def pages(home: Path) -> str:
    return write_pages(home / "pages.jsonl", PAGES)


def configured(folder: Path, name: str, *answers: tuple[str, str], **error: str) -> Config:
    lines: list[dict[str, str]] = [{"prompt_contains": part, "completion": completion} for part, completion in answers]
    lines.append({"prompt_contains": "[001]Buy now", "completion": "keep_chunk()"})
    lines.append({"prompt_contains": "Buy now", "completion": "drop_doc()"})
    lines.extend({"prompt_contains": part, "error": what} for part, what in error.items())
    lines.append({"completion": "keep_doc()"})
    (folder / name).write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return configuration.load(overrides=["engine.kind=scripted", f"engine.answers={json.dumps(str(folder / name))}"])


def write_pages(path: Path, pages: dict[str, str]) -> str:
    lines = (json.dumps({"url": url, "text": text, "rank": len(url)}) for url, text in pages.items())
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def ingest(lake: Lake, settings: Config, path: str) -> pipeline.IngestSummary:
    return pipeline.ingest(lake, "jsonl", [path], settings=settings.ingest)


def texts(lake: Lake, version: int | None = None) -> dict[str, str | None]:
    return {row["url"]: row["text"] for row in lake.read("corpus", version).select("url", "text").collect()}


def outcomes(lake: Lake) -> dict[str, tuple[str, str | None]]:
    rows = lake.read("corpus").select("url", "outcome", "pass_name").collect()
    return {row["url"].rsplit("/", 1)[1]: (row["outcome"], row["pass_name"]) for row in rows}


@pytest.fixture(scope="module")
def ingested_model(spark: SparkSession, home: Path, settings: Config, pages: str) -> Path:
    ingest(Lake.open(spark, str(home / "ingested")), settings, pages)
    return home / "ingested"


@pytest.fixture(scope="module")
def refined_model(spark: SparkSession, ingested_model: Path, home: Path, settings: Config) -> Path:
    shutil.copytree(ingested_model, home / "refined")
    pipeline.run(Lake.open(spark, str(home / "refined")), settings)
    return home / "refined"


@pytest.fixture
def ingested(spark: SparkSession, ingested_model: Path, tmp_path: Path) -> Lake:
    """Give a lake of its own with the pages; a lake may be copied like any folder."""
    shutil.copytree(ingested_model, tmp_path / "ingested")
    return Lake.open(spark, str(tmp_path / "ingested"))


@pytest.fixture(scope="module")
def finished(spark: SparkSession, refined_model: Path) -> Lake:
    """Give the lake that others are copies of, to tests that only read it."""
    return Lake.open(spark, str(refined_model))


@pytest.fixture
def refined(spark: SparkSession, refined_model: Path, tmp_path: Path) -> Lake:
    """Give a lake of its own whose pages have been through both passes."""
    shutil.copytree(refined_model, tmp_path / "refined")
    return Lake.open(spark, str(tmp_path / "refined"))


def test_each_command_adds_one_version_with_as_many_rows_as_there_are_documents(finished: Lake) -> None:
    assert [entry["name"] for entry in history(finished)] == ["ingest", "apply", "apply"]
    for version in range(3):
        assert finished.sql(f"SELECT count(*) FROM corpus VERSION AS OF {version}").first()[0] == 3
    assert texts(finished, 0) == PAGES


def test_what_no_operation_touched_comes_out_byte_for_byte(finished: Lake) -> None:
    after = texts(finished)
    assert after["https://a.example/1"] == PAGES["https://a.example/1"].split("\n", 1)[1]
    assert after["https://a.example/2"] is None
    assert after["https://a.example/3"] == PAGES["https://a.example/3"]
    assert outcomes(finished) == {"1": ("edited", "chunk"), "2": ("dropped", "doc"), "3": ("kept", "chunk")}


def test_hashes_are_those_of_the_texts(finished: Lake) -> None:
    wrong = finished.sql("SELECT count(*) FROM refined WHERE text_sha256 <> sha2(text, 256) OR text_sha256 IS NULL")
    assert wrong.first()[0] == 0
    assert finished.sql("SELECT count(*) FROM corpus WHERE text IS NULL AND text_sha256 IS NOT NULL").first()[0] == 0


def test_the_views_tell_which_operation_did_what(finished: Lake) -> None:
    edits = finished.sql("SELECT url, pass_name, op, line_start, line_end, status, found FROM edits ORDER BY url, op")
    rows = [tuple(row) for row in edits.collect()]
    assert ("https://a.example/1", "chunk", "remove_lines", 0, 0, "applied", 1) in rows
    assert ("https://a.example/2", "doc", "drop_doc", None, None, "applied", 0) in rows
    versions = finished.sql("SELECT version, pass_name, kept, edited, dropped FROM versions ORDER BY version").collect()
    assert [tuple(row) for row in versions] == [(0, None, 0, 0, 0), (1, "doc", 2, 0, 1), (2, "chunk", 1, 1, 1)]


def test_a_second_run_generates_nothing_and_adds_no_version(refined: Lake, settings: Config) -> None:
    programs, versions = refined.newest("programs"), refined.newest("corpus")
    again = pipeline.run(refined, settings)
    assert [(refine.texts, apply.version) for refine, apply in again] == [(0, None), (0, None)]
    assert (refined.newest("programs"), refined.newest("corpus")) == (programs, versions)


def test_the_same_files_again_add_nothing(refined: Lake, settings: Config, pages: str) -> None:
    summary = ingest(refined, settings, pages)
    assert (summary.records, summary.documents, summary.duplicates, summary.corpus_version) == (3, 0, 3, None)
    assert refined.count("documents") == 3


def test_new_files_cost_only_their_own_texts_and_catch_up(refined: Lake, settings: Config, tmp_path: Path) -> None:
    before = texts(refined)
    new = {"https://a.example/4": "Home | About\nMore to read.", "https://a.example/5": PAGES["https://a.example/3"]}
    ingest(refined, settings, write_pages(tmp_path / "new.jsonl", new))
    results = pipeline.run(refined, settings)
    assert [refine.texts for refine, _ in results] == [1, 1]  # the text of page 5 has its program already
    assert texts(refined) == before | {
        "https://a.example/4": "More to read.",
        "https://a.example/5": new["https://a.example/5"],
    }
    assert set(outcomes(refined).values()) == {("edited", "chunk"), ("dropped", "doc"), ("kept", "chunk")}


def test_another_policy_needs_no_inference_and_starts_before_the_pass(refined: Lake, settings: Config) -> None:
    stricter = configuration.load(overrides=[*overrides(settings), "passes.chunk.policy.min_words=12"])
    (doc_refine, doc_apply), (chunk_refine, chunk_apply) = pipeline.run(refined, stricter)
    assert (doc_refine.texts, doc_apply.version, chunk_refine.texts, chunk_apply.version) == (0, None, 0, 3)
    assert outcomes(refined) == {"1": ("edited", "chunk"), "2": ("dropped", "doc"), "3": ("kept", "chunk")}
    back = pipeline.apply(refined, "chunk", config=settings)
    assert back.version == 4
    assert texts(refined, 4) == texts(refined, 2)


def test_another_model_starts_from_the_documents_and_brings_dropped_ones_back(
    refined: Lake, settings: Config, tmp_path: Path
) -> None:
    milder = configured(tmp_path, "milder.jsonl", ("Buy now\nBuy now", "keep_doc()"))
    pipeline.run(refined, milder)
    assert texts(refined) == PAGES
    current = refined.sql("SELECT DISTINCT version FROM edits").collect()
    assert {row[0] for row in current} == {3, 4}


def overrides(settings: Config) -> list[str]:
    return ["engine.kind=scripted", f"engine.answers={json.dumps(settings.engine.answers)}"]


def test_equal_texts_cost_the_engine_once(lake: Lake, settings: Config, tmp_path: Path) -> None:
    many = {f"https://a.example/{number}": "The same words on every page." for number in range(20)}
    ingest(lake, settings, write_pages(tmp_path / "same.jsonl", many))
    assert pipeline.refine(lake, "doc", config=settings).texts == 1
    assert pipeline.apply(lake, "doc", config=settings).kept == 20


def test_nothing_of_a_document_is_in_the_logs_of_delta(lake: Lake, settings: Config, tmp_path: Path) -> None:
    ingest(lake, settings, write_pages(tmp_path / "one.jsonl", {"https://a.example/secret": "A sentence of my own."}))
    pipeline.run(lake, settings)
    logs = [file.read_text() for file in Path(lake.folder or "").glob("*/_delta_log/*.json")]
    assert sum("numRecords" in log for log in logs) >= 4  # there are statistics, of other columns
    assert not [log for log in logs if "A sentence" in log or "a.example" in log]


def test_the_counts_of_a_version_are_those_of_its_rows(ingested: Lake, settings: Config, tmp_path: Path) -> None:
    more = {"https://a.example/more": "Another page, found later."}
    ingest(ingested, settings, write_pages(tmp_path / "more.jsonl", more))
    pipeline.run(ingested, settings)
    counts = {row["version"]: row for row in ingested.sql("SELECT * FROM versions").collect()}
    assert len(counts) > 2
    for version, row in counts.items():
        counted = ledger.outcome_counts(ingested, version)
        assert {name: row[name] or 0 for name in counted} == counted


def test_waves_are_commits_of_their_own(lake: Lake, settings: Config, tmp_path: Path) -> None:
    many = {f"https://a.example/{number}": f"Page number {number}." for number in range(40)}
    ingest(lake, settings, write_pages(tmp_path / "many.jsonl", many))
    small = configuration.load(overrides=[*overrides(settings), "refine.wave_texts=10", "ingest.shards=64"])
    steps: list[pipeline.Step] = []
    summary = pipeline.refine(lake, "doc", config=small, progress=steps.append)
    assert (summary.texts, summary.waves) == (40, 4)
    assert [version.commit.wave for version in lake.versions("programs")] == [0, 1, 2, 3]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total == 40


def test_an_interrupted_refine_goes_on_where_it_was(lake: Lake, settings: Config, tmp_path: Path) -> None:
    many = {f"https://a.example/{number}": f"Page number {number}." for number in range(40)}
    ingest(lake, settings, write_pages(tmp_path / "many.jsonl", many))
    small = configuration.load(overrides=[*overrides(settings), "refine.wave_texts=10"])

    def interrupt(step: pipeline.Step) -> None:
        if step.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.refine(lake, "doc", config=small, progress=interrupt)
    done = lake.count("programs")
    assert 0 < done < 40
    assert pipeline.refine(lake, "doc", config=small).texts == 40 - done


def test_documents_that_an_interrupted_ingest_left_unpublished_are_published_by_the_next_command(
    lake: Lake, settings: Config, pages: str
) -> None:
    def interrupt(step: pipeline.Step) -> None:
        if step.stage == "publish":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.ingest(lake, "jsonl", [pages], settings=settings.ingest, progress=interrupt)
    assert (lake.count("documents"), lake.count("corpus")) == (3, 0)
    pipeline.run(lake, settings)
    assert lake.count("corpus") == 3
    assert texts(lake, 0) == PAGES
    assert outcomes(lake)["1"] == ("edited", "chunk")


def test_a_version_that_an_interrupted_apply_left_out_of_runs_is_entered_by_the_next_command(
    refined: Lake, settings: Config
) -> None:
    stricter = configuration.load(overrides=[*overrides(settings), "passes.chunk.policy.min_words=12"])

    def interrupt(step: pipeline.Step) -> None:
        if step.stage == "apply chunk" and step.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.apply(refined, "chunk", config=stricter, progress=interrupt)
    assert (refined.newest("corpus"), len(history(refined))) == (3, 3)
    assert pipeline.apply(refined, "chunk", config=stricter).version is None
    assert [entry["version"] for entry in history(refined)] == [0, 1, 2, 3]


def test_a_text_that_the_engine_cannot_answer_for_is_failed_and_keeps_its_text(ingested: Lake, tmp_path: Path) -> None:
    failing = configured(tmp_path, "failing.jsonl", **{"Nothing is wrong": "out of luck"})
    summary = pipeline.refine(ingested, "doc", config=failing)
    assert (summary.texts, summary.errors) == (3, 1)
    applied = pipeline.apply(ingested, "doc", config=failing)
    assert (applied.kept, applied.dropped, applied.failed) == (1, 1, 1)
    row = ingested.read("corpus").where("outcome = 'failed'").first()
    assert (row["text"], row["reason"]) == (PAGES["https://a.example/3"], "engine_error")
    assert pipeline.refine(ingested, "doc", config=failing).texts == 0  # recorded, not tried for ever


def test_a_pass_applied_before_its_programs_are_there_changes_nothing(ingested: Lake, settings: Config) -> None:
    assert pipeline.apply(ingested, "doc", config=settings).version is None
    assert pipeline.apply(ingested, "chunk", config=settings).version is None
    assert texts(ingested) == PAGES


def test_the_order_of_refine_and_apply_does_not_change_the_result(
    ingested: Lake, refined: Lake, settings: Config
) -> None:
    pipeline.refine(ingested, "doc", config=settings)
    pipeline.refine(ingested, "chunk", config=settings)  # before doc is applied
    pipeline.apply(ingested, "chunk", config=settings)  # takes both passes at once
    assert texts(ingested) == texts(refined)
    assert pipeline.apply(ingested, "doc", config=settings).version is None


def test_records_are_documents_and_duplicates_and_quarantined(lake: Lake, settings: Config, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "good"}\n{"text": "good"}\nnot json\n{"text": 5}\n{"url": "x"}\n', encoding="utf-8")
    for documents, duplicates in ((1, 1), (0, 2)):
        summary = ingest(lake, settings, str(path))
        assert (summary.records, summary.quarantined) == (5, 3)
        assert (summary.documents, summary.duplicates) == (documents, duplicates)
    rows = lake.read("quarantine").orderBy("position").collect()
    assert [row["reason"] for row in rows] == ["invalid_json", "wrong_type", "missing_text"]
    assert bytes(rows[0]["raw"]) == b"not json"
    assert rows[0]["position"] == 34


def test_a_lake_in_a_catalog_works_like_one_in_a_folder(spark: SparkSession, settings: Config, pages: str) -> None:
    lake = Lake.open(spark, "spark_catalog.prox_test")
    ingest(lake, settings, pages)
    pipeline.run(lake, settings)
    assert spark.sql("SELECT count(*) FROM spark_catalog.prox_test.corpus VERSION AS OF 0").first()[0] == 3
    assert outcomes(lake) == {"1": ("edited", "chunk"), "2": ("dropped", "doc"), "3": ("kept", "chunk")}


def test_a_document_tells_its_life(finished: Lake) -> None:
    doc_id = finished.sql("SELECT doc_id FROM documents WHERE url LIKE '%/1'").first()[0]
    life = document(finished, doc_id[:12])
    assert life["document"]["metadata"] == '{"rank":19}'
    assert [(row["version"], row["outcome"]) for row in life["versions"]] == [
        (0, "not_run"),
        (1, "kept"),
        (2, "edited"),
    ]
    assert {row["pass_name"] for row in life["programs"]} == {"doc", "chunk"}


def test_mistakes_are_named(spark: SparkSession, lake: Lake, settings: Config, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="run prox-spark ingest first"):
        pipeline.apply(lake, "doc", config=settings)
    with pytest.raises(ConfigError, match="passes are: doc, chunk"):
        pipeline.refine(lake, "dok", config=settings)
    with pytest.raises(SourceError):
        pipeline.ingest(lake, "jsonl", [str(tmp_path / "nothing*.jsonl")], settings=settings.ingest)
    with pytest.raises(LakeError, match="there is no lake"):
        Lake.open(spark, str(tmp_path / "elsewhere"), create=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear")
    with pytest.raises(LakeError, match="holds no lake"):
        Lake.open(spark, str(tmp_path / "mine"))


def test_a_commit_that_another_command_overtook_is_refused(refined: Lake) -> None:
    rows = refined.read("corpus", 1)
    with pytest.raises(RunError, match="run the command again"):
        refined.append_after("corpus", rows, Commit("late", "ingest"), after=1)
    assert refined.count("corpus") == 3


@pytest.fixture(autouse=True)
def _empty_catalog(spark: SparkSession) -> Iterator[None]:
    yield
    spark.sql("DROP DATABASE IF EXISTS spark_catalog.prox_test CASCADE")
