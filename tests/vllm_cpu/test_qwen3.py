"""Real vLLM on a CPU answers the prompts of each profile with a random Qwen3, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.refiner_profiles import LATER, PAGE, SMALL, asked
from support.small_models import make_qwen3

from prox_spark.config import TransformersSettings, VllmSettings
from prox_spark.engines import Engine, create, get_engine, release
from prox_spark.engines.seam import Sampling
from prox_spark.profiles import Profile, prompts

pytestmark = pytest.mark.filterwarnings("ignore")  # those of vLLM and its libraries are not ours


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("qwen3")
    make_qwen3(made)
    return made


@pytest.fixture(scope="module")
def qwen(folder: Path) -> Iterator[Engine]:
    yield get_engine(VllmSettings(model=str(folder), device="cpu", cache_gib=1, max_sequences=16, prefix_caching=True))
    release()


@pytest.mark.parametrize("profile", SMALL, ids=lambda profile: profile.name)
def test_each_profile_is_asked_and_read(qwen: Engine, profile: Profile) -> None:
    pairs, answers, readings = asked(profile, qwen)
    assert len(readings) == len(pairs)
    assert all(answer.error is None and 0 < answer.output_tokens <= 12 for answer in answers)


@pytest.mark.parametrize("profile", LATER, ids=lambda profile: profile.name)
def test_what_is_written_within_a_grammar_is_read_without_a_problem(qwen: Engine, profile: Profile) -> None:
    _, answers, readings = asked(replace(profile, constrain=True, sampling=Sampling(2.0), max_new_tokens=60), qwen)
    for answer, reading in zip(answers, readings, strict=True):
        cut = answer.finish_reason == "length"
        assert answer.error is None
        assert {problem.reason for problem in reading.problems} <= ({"truncated", "bad_arguments"} if cut else set())
        assert reading.operations or cut, answer.text


def test_greedy_answers_are_those_of_transformers_and_sampled_ones_differ(qwen: Engine, folder: Path) -> None:
    [(_, prompt), *_] = prompts(replace(LATER[0], sampling=None), PAGE, qwen.tokenizer)
    assert prompt is not None
    other = create(TransformersSettings(model=str(folder), device="cpu"))
    assert qwen.generate([prompt]) == other.generate([prompt])
    other.close()
    drawn = {answer.text for answer in qwen.generate([replace(prompt, sampling=Sampling(1.5))] * 12)}
    assert len(drawn) > 1
