"""When a model is said not to fit a profile."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.passes import with_engine

from prox_spark import config as configuration
from prox_spark import passes
from prox_spark.errors import EngineError
from prox_spark.pipeline import probe


@pytest.fixture
def this(tmp_path: Path) -> passes.Pass:
    (tmp_path / "answers.jsonl").write_text('{"completion": "keep_doc()"}')
    engine = f"engine={{kind: scripted, answers: {tmp_path / 'answers.jsonl'}}}"
    return with_engine(configuration.load(overrides=[engine]))[0]


def found(answers: int, programs: int) -> probe.Probe:
    return probe.Probe(answers, 100, 10, 10, answers, programs, 1.0, 0.0, 0.0)


def test_a_model_that_writes_hardly_any_program_is_refused_with_the_numbers(this: passes.Pass) -> None:
    with pytest.raises(EngineError, match=r"of 8 answers 1 are programs, and refine\.preflight_share asks for 20%"):
        probe.check(found(8, 1), this, 0.2)


def test_a_model_that_writes_enough_or_was_hardly_asked_goes_on(this: passes.Pass) -> None:
    probe.check(found(8, 2), this, 0.2)
    probe.check(found(3, 0), this, 0.2)
    probe.check(found(100, 0), this, 0.0)
