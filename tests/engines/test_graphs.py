"""Steps that can be captured write what the library writes; without a GPU the same steps run one by one."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from prox_spark.engines.batching import Request
from prox_spark.engines.transformers import graphs

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

PROMPTS = [tuple(3 + (7 * row + 3 * at) % 200 for at in range(1 + 5 * (row % 9))) for row in range(40)]


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()


def alone(model: Any, prompt: tuple[int, ...], count: int) -> list[int]:
    """Write greedily for one prompt, which needs no padding."""
    with torch.inference_mode():
        ids = model.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), do_sample=False, max_new_tokens=count,
            eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
    written: list[int] = ids[0, len(prompt) :].tolist()
    return written


def test_a_batch_of_all_lengths_and_limits_is_answered_as_each_prompt_alone(model: Any) -> None:
    expected = [alone(model, prompt, 70) for prompt in PROMPTS]
    often = Counter(token for answer in expected for token in answer[5:])
    ends = frozenset(token for token, _ in often.most_common(2))  # some rows end soon, some never
    limits = [(70, 1, 33)[row % 3] for row in range(len(PROMPTS))]
    graphs.take_grouped_attention(model)
    batch = [Request(row, prompt, limit) for row, (prompt, limit) in enumerate(zip(PROMPTS, limits, strict=True))]
    answers = graphs.GraphDecoder(model, ends, 0).decode(batch)
    assert [own(answer, limit, ends) for answer, limit in zip(answers, limits, strict=True)] == [
        own(answer, limit, ends) for answer, limit in zip(expected, limits, strict=True)
    ]


def own(answer: list[int], limit: int, ends: frozenset[int]) -> list[int]:
    end = next((at + 1 for at, token in enumerate(answer[:limit]) if token in ends), limit)
    return answer[:end]


def test_a_model_with_a_window_is_left_to_the_library(model: Any) -> None:
    from transformers import AutoModelForCausalLM, MistralConfig

    small = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
             "num_attention_heads": 2, "num_key_value_heads": 1}  # fmt: skip
    windowed = AutoModelForCausalLM.from_config(MistralConfig(**small, sliding_window=16))
    assert not graphs.fits(windowed)
    assert graphs.fits(AutoModelForCausalLM.from_config(MistralConfig(**small, sliding_window=None)))


@pytest.mark.gpu
@pytest.mark.skipif(importlib.util.find_spec("torch") is None or not torch.cuda.is_available(), reason="no GPU")
def test_captured_steps_write_what_they_write_one_by_one(model_folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    batch = [Request(row, prompt, 70) for row, prompt in enumerate(PROMPTS)]
    answers = []
    for device in ("cpu", "cuda"):
        model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval().to(device)
        graphs.take_grouped_attention(model)
        answers.append(graphs.GraphDecoder(model, frozenset(), 0).decode(batch))
    same = sum(one == other for one, other in zip(*answers, strict=True))
    assert same >= 36  # a tie may fall to the other side on another device
