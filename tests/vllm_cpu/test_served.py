"""The openai engine against a real `vllm serve`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.served import served

from prox_spark.config import OpenAISettings, TransformersSettings
from prox_spark.engines import Completion, Prompt, create
from prox_spark.errors import TaskError

pytestmark = pytest.mark.filterwarnings("ignore")  # those of vLLM and its libraries are not ours
KEY = "served-for-a-test"


@pytest.fixture(scope="module")
def url(vllm_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(vllm_model, tmp_path_factory.mktemp("served") / "log", key=KEY) as base:
        yield base


def settings_of(url: str, folder: Path, **more: object) -> OpenAISettings:
    return OpenAISettings.model_validate(
        {
            "kind": "openai",
            "url": url,
            "model": "served",
            "tokenizer": str(folder),
            "key_variable": "SERVED_KEY",
            **more,
        }
    )


def same(one: Completion, two: Completion) -> bool:
    """Compare what both write alike: a server has its own way with a first space and with bytes that are no UTF-8."""
    texts = [answer.text.lstrip() for answer in (one, two)]
    end = min(len(text.partition("\ufffd")[0]) for text in texts)
    return replace(one, text=texts[0][:end]) == replace(two, text=texts[1][:end])


def test_a_served_model_gives_the_answers_of_transformers(
    url: str, vllm_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVED_KEY", KEY)
    engine = create(settings_of(url, vllm_model))
    other = create(TransformersSettings(model=str(vllm_model), device="cpu"))
    texts = [f"[000]It rained {number} days." for number in range(40)]
    prompts = [Prompt(text, tuple(other.tokenizer.encode(text)), 24) for text in texts]  # type: ignore[attr-defined]
    assert engine.tokenizer.count(texts) == other.tokenizer.count(texts)
    answers, expected = engine.generate(prompts), other.generate(prompts)
    assert all(same(one, two) for one, two in zip(answers, expected, strict=True))
    assert sum(one == two for one, two in zip(answers, expected, strict=True)) >= 10
    refused = engine.generate([Prompt("x", tuple([5] * 4000), 16), prompts[0]])
    assert [answer.finish_reason for answer in refused] == ["error", other.generate(prompts[:1])[0].finish_reason]
    engine.close()
    other.close()


def test_a_wrong_key_is_said_so(url: str, vllm_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVED_KEY", "another")
    engine = create(settings_of(url, vllm_model, attempts=1))
    with pytest.raises(TaskError, match="HTTP 401"):
        engine.generate([Prompt("a")])
    engine.close()
