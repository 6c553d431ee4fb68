"""One lake that went through two passes with random programs; a test that writes gets a copy of its folder."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.random_programs import random_program

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from prox_spark.config import Config

DOCUMENTS = 40
LINES = (
    "Home | About",
    'He said "x" now, it\'s a=b.',
    "",
    "中文文本 and a, b\r",
    "The homely home (click) of the [/doc]",
    "Filler",
)


def page(number: int, chance: random.Random) -> str:
    """Write a text of its own for each number, with lines that random programs find something in."""
    lines = [chance.choice(LINES) for _ in range(chance.randrange(1, 12))]
    return "\n".join([f"page-{number:03d}.", *lines])


def write_corpus(folder: Path, numbers: range, chance: random.Random) -> str:
    rows = [{"url": f"https://a.example/{number}", "text": page(number, chance)} for number in numbers]
    path = folder / f"pages-{numbers.start}.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def write_answers(folder: Path, count: int, chance: random.Random) -> Config:
    """Give a configuration of two passes: each fifth page is dropped, the others get a random program."""
    answers = []
    for number in range(count):
        answers.append({"prompt_contains": f"[000]page-{number:03d}.", "completion": random_program(chance)})
        verdict = "drop_doc()" if number % 5 == 0 else "keep_doc()"
        answers.append({"prompt_contains": f"page-{number:03d}.", "completion": verdict})
    path = folder / "answers.jsonl"
    path.write_text("\n".join(json.dumps(answer) for answer in answers), encoding="utf-8")
    return configuration.load(overrides=["engine.kind=scripted", f"engine.answers={json.dumps(str(path))}"])


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="session")
def settings(home: Path) -> Config:
    return write_answers(home, 2 * DOCUMENTS, random.Random(6))


@pytest.fixture(scope="session")
def model(spark: SparkSession, home: Path, settings: Config) -> Path:
    lake = Lake.open(spark, str(home / "lake"))
    path = write_corpus(home, range(DOCUMENTS), random.Random(7))
    pipeline.ingest(lake, "jsonl", [path], snapshot="one", settings=settings.ingest)
    pipeline.run(lake, settings)
    return home / "lake"


@pytest.fixture(scope="session")
def finished(spark: SparkSession, model: Path) -> Lake:
    """Give the lake itself, to tests that only read it: to copy and open one takes longer than most of them."""
    return Lake.open(spark, str(model))


@pytest.fixture
def lake(spark: SparkSession, model: Path, tmp_path: Path) -> Lake:
    shutil.copytree(model, tmp_path / "lake")
    return Lake.open(spark, str(tmp_path / "lake"))


@pytest.fixture
def ingest_more(lake: Lake, settings: Config, home: Path) -> Callable[[], None]:
    """Give what brings as many new documents into the lake as it has."""

    def ingest() -> None:
        path = write_corpus(home, range(DOCUMENTS, 2 * DOCUMENTS), random.Random(8))
        pipeline.ingest(lake, "jsonl", [path], snapshot="two", settings=settings.ingest)

    return ingest
