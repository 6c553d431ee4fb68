"""The work of one Spark task without Spark: three threads, rows in Arrow batches, and every text with an outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.passes import with_engine

from prox_spark import config as configuration
from prox_spark import engines, profiles
from prox_spark.engines import Completion, Prompt, ScriptedEngine
from prox_spark.engines.seam import DummyPrefix, Key
from prox_spark.passes import Pass
from prox_spark.stages.refine import BUNCH, Task, programs

TEXTS = [(f"hash{number}", f"Page number {number}.\nHome | About") for number in range(600)]


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Pass]:
    """Give a pass with an engine of given answers, one of them a failure."""
    answers = tmp_path / "answers.jsonl"
    entries = [{"prompt_contains": "number 7.", "error": "broken"}, {"completion": "remove_lines(1, 1)"}]
    answers.write_text("\n".join(map(json.dumps, entries)), encoding="utf-8")
    engine = ["engine.kind=scripted", f"engine.answers={answers}"]
    config = configuration.load(overrides=[*engine, "passes=[{name: chunk, profile: prox-web-chunk}]"])
    yield with_engine(config)[0]
    engines.release()


def test_every_text_gets_a_row_and_the_same_as_without_threads(scripted: Pass) -> None:
    batches = list(Task(scripted, 16, None).batches(iter(TEXTS)))
    assert [batch.num_rows for batch in batches] == [BUNCH, BUNCH, len(TEXTS) - 2 * BUNCH]
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["text_sha256"] for row in rows if row["error"]] == ["hash7"]
    assert [row["loads"] for row in rows if row["loads"] is not None] == [1.0, 0.0, 0.0]
    plain = list(programs(TEXTS, scripted, engines.get_engine(scripted.engine)))
    for row, other in zip(rows, plain, strict=True):
        assert row["text_sha256"] == other["text_sha256"]
        assert [chunk["ops"] for chunk in row["chunks"]] == [chunk["ops"] for chunk in other["chunks"]]


def test_a_text_that_no_chunk_of_fits_the_model_is_recorded_as_skipped(scripted: Pass) -> None:
    texts = [("long", "word " * 3000), ("short", "It rained."), ("longer", "word " * 9000)]
    rows = [row for batch in Task(scripted, 16, None).batches(iter(texts)) for row in batch.to_pylist()]
    outcomes = {row["text_sha256"]: [chunk["finish_reason"] for chunk in row["chunks"]] for row in rows}
    assert outcomes == {"long": ["skipped"], "short": ["stop"], "longer": ["skipped"]}


def test_a_task_without_texts_loads_no_engine(scripted: Pass) -> None:
    before = engines.loads()
    assert list(Task(scripted, 16, None).batches(iter([]))) == []
    assert engines.loads() == before


def test_a_text_that_cannot_be_read_fails_the_task(scripted: Pass) -> None:
    def texts() -> Iterator[tuple[str, str]]:
        yield "one", "It rained."
        raise OSError("the input is gone")

    with pytest.raises(OSError, match="the input is gone"):
        list(Task(scripted, 16, None).batches(texts()))


class Coded(ScriptedEngine):
    """Answer in a stream with the places of letters, and count how often they are turned into text."""

    def __init__(self) -> None:
        super().__init__({}, default="drop_doc()")
        self.calls = 0

    @property
    def tokenizer(self) -> Coded:  # type: ignore[override]
        return self

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    def encode(self, text: str, *, add_bos: bool = True, dummy_prefix: DummyPrefix = "first") -> list[int]:
        return [*map(ord, text)]

    def encode_batch(self, texts: Sequence[str], *, dummy_prefix: DummyPrefix = "first") -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def encode_lines(self, lines: Sequence[str]) -> list[tuple[int, ...]] | None:
        return None

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(map(chr, token_ids))

    def decode_batch(self, token_ids: Sequence[Sequence[int]]) -> list[str]:
        self.calls += 1
        return [self.decode(ids) for ids in token_ids]

    def truncate(self, text: str, max_tokens: int) -> str:
        return text[:max_tokens]

    def stream(self, prompts: Iterator[tuple[Key, Prompt]]) -> Iterator[tuple[Key, Completion]]:
        for key, prompt in prompts:
            yield key, replace(self.generate([prompt])[0], text="", token_ids=self.encode("drop_doc()"))


def test_answers_that_are_token_ids_become_text(scripted: Pass) -> None:
    engine = Coded()
    pass_ = replace(scripted, profile=replace(profiles.find("tiny-doc"), max_prompt_tokens=None))
    rows = list(programs([("one", "It rained.")] * 3, pass_, engine))
    assert [row["chunks"][0]["completion"] for row in rows] == ["drop_doc()"] * 3
    assert rows[0]["chunks"][0]["ops"][0]["op"] == "drop_doc" and engine.calls == 3
