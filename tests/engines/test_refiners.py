"""A random Qwen3 answers the prompts of each profile after ProX, and its readers take whatever it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from prox_spark.chunks import Numbering, Window
from prox_spark.config import TransformersSettings
from prox_spark.engines import Engine, create
from prox_spark.engines.seam import PromptTokenizer, Sampling
from prox_spark.profiles import PROFILES, Profile, prompts
from prox_spark.program import readers

PAGE = "Home | About\n\n  It rained all day long.\r\nThe river rose <lid:9> </think> over its banks.\n" * 6

PROFILES_AFTER_PROX = [
    replace(
        PROFILES[name],
        system="You clean pages.",
        numbering=replace(
            PROFILES[name].numbering or Numbering(), marker=PROFILES[name].numbering.marker or "[{n:03d}]"
        ),  # type: ignore[union-attr]
        window=PROFILES[name].window and Window(300, "chars", 0.2),
        max_new_tokens=12,
    )
    for name in ("ultrax", "rescraper", "refinex", "np")
    if PROFILES[name].grammar in readers.GRAMMARS
]


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    pytest.importorskip("torch")
    from support.small_models import make_qwen3

    folder: Path = tmp_path_factory.mktemp("qwen3")
    make_qwen3(folder)
    engine = create(TransformersSettings(model=str(folder), device="cpu", threads=1))
    yield engine
    engine.close()


@pytest.mark.parametrize("profile", PROFILES_AFTER_PROX, ids=lambda profile: profile.name)
def test_each_profile_is_asked_and_read(qwen: Engine, profile: Profile) -> None:
    tokenizer = qwen.tokenizer
    assert isinstance(tokenizer, PromptTokenizer)
    made = prompts(profile, PAGE, tokenizer)
    asked = [prompt for _, prompt in made if prompt is not None]
    assert len(asked) == len(made) >= (1 if profile.window is None else 2)
    assert all(prompt.sampling == profile.sampling for prompt in asked)
    for prompt in asked:
        assert list(prompt.token_ids or ()) == tokenizer.encode(prompt.text)
    answers = qwen.generate(asked)
    assert all(answer.error is None and 0 < answer.output_tokens <= 12 for answer in answers)
    readings = readers.read(
        profile.grammar,
        PAGE,
        [
            readers.Answer(part, answer.text, answer.finish_reason)
            for (part, _), answer in zip(made, answers, strict=True)
        ],
    )
    assert len(readings) == len(made)


def test_sampling_draws_and_greedy_does_not(qwen: Engine) -> None:
    profile = next(profile for profile in PROFILES_AFTER_PROX)
    [(_, prompt), *_] = prompts(replace(profile, window=None), PAGE, qwen.tokenizer)
    assert prompt is not None
    greedy = {answer.text for answer in qwen.generate([replace(prompt, sampling=None)] * 4)}
    drawn = {answer.text for answer in qwen.generate([replace(prompt, sampling=Sampling(1.5))] * 12)}
    assert len(greedy) == 1 and len(drawn) > 1
