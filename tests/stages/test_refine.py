"""Refine on Spark: each distinct text is asked about once, whatever is written from it, and what fails is recorded."""

from __future__ import annotations

import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.passes import with_engine

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.errors import EngineError
from prox_spark.lake.tables import Lake
from prox_spark.pipeline.plan import plan
from prox_spark.spark import gpus
from prox_spark.stages import refine as refining

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from prox_spark.config import Config

pytest.importorskip("tenacity")
pytestmark = pytest.mark.spark


class Model:
    """Answer on loopback, and count what it was asked: the prompts that an engine saw, in whichever process."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.says = "keep_chunk()"
        self.url = ""


@pytest.fixture
def model() -> Iterator[Model]:
    seen = Model()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            prompt = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"]
            seen.asked[prompt] += 1
            status = 400 if "poison" in prompt else 200
            choice = {"text": seen.says, "finish_reason": "stop"}
            usage = {"prompt_tokens": len(prompt), "completion_tokens": 3}
            content = json.dumps({"choices": [choice], "usage": usage}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield seen
    server.shutdown()
    server.server_close()


def configured(model: Model, *overrides: str) -> Config:
    engine = ["engine.kind=openai", f"engine.url={model.url}", "engine.model=m", "engine.in_flight=4"]
    passes = "passes=[{name: chunk, profile: prox-web-chunk}]"
    return configuration.load(overrides=[*engine, passes, "refine.preflight_texts=0", *overrides])


@pytest.fixture(scope="module")
def ingested(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a lake of 60 documents with 40 distinct texts."""
    folder = tmp_path_factory.mktemp("ingested")
    texts = [f"Page number {number % 40}.\nIt has a second line." for number in range(60)]
    lines = (json.dumps({"url": f"https://a.example/{number}", "text": text}) for number, text in enumerate(texts))
    (folder / "pages.jsonl").write_text("\n".join(lines), encoding="utf-8")
    pipeline.ingest(Lake.open(spark, str(folder / "lake")), "jsonl", [str(folder / "pages.jsonl")])
    return folder / "lake"


@pytest.fixture
def lake(spark: SparkSession, ingested: Path, tmp_path: Path) -> Lake:
    """Give a lake of its own with the documents."""
    shutil.copytree(ingested, tmp_path / "lake")
    return Lake.open(spark, str(tmp_path / "lake"))


def test_every_distinct_text_is_asked_about_once_in_one_wave_or_many(lake: Lake, model: Model) -> None:
    summary = pipeline.refine(lake, "chunk", config=configured(model, "refine.wave_texts=15"))
    assert (summary.texts, summary.waves, summary.errors, summary.duplicates_saved) == (40, 3, 0, 20)
    assert len(model.asked) == 40 and set(model.asked.values()) == {1}
    row = lake.read("runs").where("command = 'refine'").first()
    counts = json.loads(row["counts"])
    assert counts["duplicates_saved"] == 20 and counts["loads"] >= 1 and counts["tokens_per_second"] > 0
    assert row["prompt_tokens"] == sum(len(prompt) for prompt in model.asked)
    assert 0 <= counts["load_seconds"] < counts["engine_seconds"] + 1  # milliseconds, and this model loads in none


@pytest.mark.parametrize("written", ["append", "filter", "sort", "limit"])
def test_no_write_path_asks_twice(lake: Lake, model: Model, tmp_path: Path, written: str) -> None:
    this = with_engine(configured(model))[0]
    texts = lake.read("documents").select("text_sha256", "text")
    frame = refining.refine(texts, this, run_id="r", share=gpus.Share(2), batch_texts=64)
    frames = {
        "append": frame,
        "filter": frame.where("error IS NULL").where("size(chunks) > 0"),
        "sort": frame.sortWithinPartitions("text_sha256"),
        "limit": frame.limit(1000),
    }
    frames[written].write.format("delta").save(str(tmp_path / "out"))
    assert sum(model.asked.values()) == len(model.asked) == 40


def test_a_row_that_breaks_the_engine_is_recorded_and_not_asked_again(lake: Lake, model: Model, tmp_path: Path) -> None:
    bad = {"url": "https://a.example/bad", "text": "poison"}
    (tmp_path / "bad.jsonl").write_text(json.dumps(bad), encoding="utf-8")
    config = configured(model)
    pipeline.ingest(lake, "jsonl", [str(tmp_path / "bad.jsonl")], settings=config.ingest)
    first = pipeline.refine(lake, "chunk", config=config)
    assert (first.texts, first.errors) == (41, 1)
    error = lake.read("programs").where("error IS NOT NULL").first()["error"]
    assert "HTTP 400" in error
    assert pipeline.refine(lake, "chunk", config=config).texts == 0
    assert set(model.asked.values()) == {1}


def test_a_model_that_does_not_write_programs_is_refused_before_the_first_wave(lake: Lake, model: Model) -> None:
    model.says = "Here is a summary of the page: it is a page."
    with pytest.raises(EngineError, match=r"of 6 answers 0 are programs"):
        pipeline.refine(lake, "chunk", config=configured(model, "refine.preflight_texts=6"))
    assert lake.count("programs") == 0
    assert sum(model.asked.values()) == 6


def test_a_plan_says_what_the_pass_then_takes(lake: Lake, model: Model) -> None:
    config = configured(model)
    expected = plan(lake, "chunk", config=config, sample=20, price=2.0)
    assert (expected.texts, expected.duplicates_saved, expected.sampled) == (40, 20, 20)
    assert lake.count("programs") == 0
    done = pipeline.refine(lake, "chunk", config=config)
    assert abs(expected.prompt_tokens - done.prompt_tokens) <= 0.2 * done.prompt_tokens
    assert abs(expected.output_tokens - done.output_tokens) <= 0.2 * done.output_tokens
    assert (expected.gpu_hours, expected.cost) == (0.0, 0.0)
    nothing = plan(lake, "chunk", config=config, sample=20)
    assert (nothing.texts, nothing.seconds) == (0, 0.0)
