"""A random Qwen3 answers the prompts of each profile, and its readers take whatever it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.refiner_profiles import LATER, PAGE, SMALL, asked

from prox_spark.config import TransformersSettings
from prox_spark.engines import Engine, PromptTokenizer, create
from prox_spark.engines.seam import Sampling
from prox_spark.profiles import Profile, prompts


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    pytest.importorskip("torch")
    from support.small_models import make_qwen3

    folder: Path = tmp_path_factory.mktemp("qwen3")
    make_qwen3(folder)
    engine = create(TransformersSettings(model=str(folder), device="cpu", threads=1))
    yield engine
    engine.close()


@pytest.mark.parametrize("profile", SMALL, ids=lambda profile: profile.name)
def test_each_profile_is_asked_and_read(qwen: Engine, profile: Profile) -> None:
    pairs, answers, readings = asked(profile, qwen)
    assert len(readings) == len(pairs) >= (1 if profile.window is None else 2)
    assert all(answer.error is None and 0 < answer.output_tokens <= 12 for answer in answers)
    tokenizer = qwen.tokenizer
    assert isinstance(tokenizer, PromptTokenizer)
    for _, prompt in pairs:
        assert prompt.sampling == profile.sampling
        if profile in LATER:
            assert list(prompt.token_ids or ()) == tokenizer.encode(prompt.text)


@pytest.mark.parametrize("profile", LATER, ids=lambda profile: profile.name)
def test_what_is_written_within_a_grammar_is_read_without_a_problem(qwen: Engine, profile: Profile) -> None:
    pytest.importorskip("llguidance")
    pairs, answers, readings = asked(replace(profile, constrain=True, sampling=Sampling(40.0), max_new_tokens=60), qwen)
    assert all(prompt.grammar for _, prompt in pairs)
    for answer, reading in zip(answers, readings, strict=True):
        cut = answer.finish_reason == "length"
        assert {problem.reason for problem in reading.problems} <= ({"truncated", "bad_arguments"} if cut else set())
        assert reading.operations or cut, answer.text


def test_the_profiles_that_are_documented_are_those_that_are_asked() -> None:
    table = (Path(__file__).parents[2] / "docs/refiners.md").read_text(encoding="utf-8").split("## Run one")[0]
    documented = set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) - {"score-doc"}  # no model writes a score
    assert documented <= {profile.name for profile in SMALL}


def test_sampling_draws_and_greedy_does_not(qwen: Engine) -> None:
    [(_, prompt), *_] = prompts(replace(LATER[0], window=None), PAGE, qwen.tokenizer)
    assert prompt is not None
    greedy = {answer.text for answer in qwen.generate([replace(prompt, sampling=None)] * 4)}
    drawn = {answer.text for answer in qwen.generate([replace(prompt, sampling=Sampling(1.5))] * 12)}
    assert len(greedy) == 1 and len(drawn) > 1
