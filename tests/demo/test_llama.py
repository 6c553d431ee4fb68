"""The Llama in numpy: what transformers computes, without it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from prox_spark.demo.llama import NumpyLlama
from prox_spark.engines import Prompt
from prox_spark.errors import EngineError

PROMPTS = [
    Prompt("[000]It rained all day long.\n[001]Home About", max_new_tokens=24),
    Prompt("keep_doc()", max_new_tokens=3),
    Prompt("x", token_ids=(1, 7, 300, 12), max_new_tokens=16),
    Prompt("too long " * 400, max_new_tokens=8),
    Prompt("x", token_ids=(1, 10**6), max_new_tokens=8),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a random Llama whose queries share their keys, as those of larger models do."""
    pytest.importorskip("torch")
    from support.small_models import make_llama

    made = tmp_path_factory.mktemp("llama")
    make_llama(made, hidden=64, context=256)
    return made


def test_its_logits_are_those_of_transformers(folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    ids = [1, *range(5, 200, 3)]
    with torch.inference_mode():
        expected = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(torch.tensor([ids])).logits[0]
    np.testing.assert_allclose(NumpyLlama(folder).logits(ids), expected.numpy(), rtol=1e-3, atol=1e-3)


def test_its_answers_are_those_of_the_transformers_engine(folder: Path) -> None:
    from prox_spark.config import TransformersSettings
    from prox_spark.engines import create

    other = create(TransformersSettings(model=str(folder), device="cpu", threads=1))
    answers = NumpyLlama(folder).generate(PROMPTS)
    assert answers == other.generate(PROMPTS)
    assert {answer.finish_reason for answer in answers} >= {"length", "skipped", "error"}
    other.close()


def test_what_is_no_llama_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(EngineError, match="cannot read a Llama from"):
        NumpyLlama(tmp_path)
