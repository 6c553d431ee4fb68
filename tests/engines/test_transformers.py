"""The transformers engine on a small random model."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prox_spark.chunks import WordTokenizer, chunk
from prox_spark.config import TransformersSettings
from prox_spark.engines import Prompt, TransformersEngine
from prox_spark.errors import EngineError
from prox_spark.program import execute, parse
from prox_spark.program.grammar import VERDICTS, chunk_grammar

torch = pytest.importorskip("torch")

TEXTS = ["a", "Home", "It rained all day long.", "remove_lines(start=0, end=12) " * 3, "[000]Home\n[001]About us"]


def load(folder: Path, **settings: object) -> TransformersEngine:
    known = {"kind": "transformers", "model": str(folder), "device": "cpu", "batch_size": 4, "threads": 1}
    return TransformersEngine(TransformersSettings.model_validate({**known, **settings}))


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Iterator[TransformersEngine]:
    live = load(model_folder)
    yield live
    live.close()


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "copy"))


def test_a_batch_padded_on_the_left_answers_as_single_prompts_do(engine: TransformersEngine) -> None:
    prompts = [Prompt(text, max_new_tokens=12) for text in TEXTS]
    together = engine.generate(prompts)
    assert together == [engine.generate([prompt])[0] for prompt in prompts]
    assert len({completion.text for completion in together}) > 1


def test_answers_are_those_of_plain_greedy_decoding(engine: TransformersEngine, model_folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(model_folder)
    ids = engine.tokenizer.encode("It rained all day long.")
    expected: list[int] = []
    for _ in range(10):
        logits = model(torch.tensor([ids + expected])).logits[0, -1]
        expected.append(int(logits.argmax()))
    [found] = engine.generate([Prompt("It rained all day long.", max_new_tokens=10)])
    assert found.text == engine.tokenizer.decode(expected)
    assert (found.finish_reason, found.prompt_tokens, found.output_tokens) == ("length", len(ids), 10)


def test_each_prompt_has_its_own_limit_in_a_batch(engine: TransformersEngine) -> None:
    prompts = [Prompt("Home", max_new_tokens=limit) for limit in (1, 5, 9)]
    found = engine.generate(prompts)
    assert [completion.output_tokens for completion in found] == [1, 5, 9]
    assert found[2].text.startswith(found[1].text)


def test_an_end_token_of_the_model_ends_the_answer(
    engine: TransformersEngine, model_folder: Path, tmp_path: Path
) -> None:
    ids = engine.tokenizer.encode("Home")
    row = engine._model.generate(torch.tensor([ids]), max_new_tokens=6, do_sample=False)[0, len(ids) :].tolist()
    end = next(token for token in row if token != row[0])
    folder = copied(model_folder, tmp_path)
    about = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**about, "eos_token_id": [2, end]}))
    ended = load(folder)
    [found] = ended.generate([Prompt("Home", max_new_tokens=6)])
    assert (found.finish_reason, found.output_tokens) == ("stop", row.index(end) + 1)
    assert found.text == engine.tokenizer.decode(row[: row.index(end)])


def test_sampling_and_penalties_that_a_model_ships_are_not_used(
    engine: TransformersEngine, model_folder: Path, tmp_path: Path
) -> None:
    folder = copied(model_folder, tmp_path)
    shipped = {"do_sample": True, "temperature": 9.0, "top_k": 50, "repetition_penalty": 5.0, "eos_token_id": 2}
    (folder / "generation_config.json").write_text(json.dumps(shipped))
    prompts = [Prompt(text, max_new_tokens=16) for text in TEXTS]
    assert load(folder).generate(prompts) == engine.generate(prompts)


def test_token_ids_are_used_as_they_are(engine: TransformersEngine) -> None:
    ids = (1, 1, *engine.tokenizer.encode("Home", add_bos=False))
    [found] = engine.generate([Prompt("not this", ids, max_new_tokens=2)])
    assert found.prompt_tokens == len(ids)


def test_a_prompt_that_does_not_fit_the_context_is_skipped_and_the_others_answered(engine: TransformersEngine) -> None:
    fits, exact, over = engine.generate(
        [
            Prompt("Home", max_new_tokens=3),
            Prompt("", (5,) * 509, max_new_tokens=3),
            Prompt("", (5,) * 510, max_new_tokens=3),
        ]
    )
    assert fits.error is None
    assert (exact.error, exact.output_tokens) == (None, 3)
    assert (over.finish_reason, over.prompt_tokens) == ("skipped", 510)
    assert over.error == "the prompt has 510 tokens; the context of 512 less 3 new ones is shorter"


def test_a_token_outside_the_vocabulary_is_an_error_of_its_prompt_alone(engine: TransformersEngine) -> None:
    good, bad, negative = engine.generate([Prompt("Home"), Prompt("", (1, 999_999)), Prompt("", (-1,))])
    assert good.error is None
    assert (bad.finish_reason, negative.finish_reason) == ("error", "error")
    assert "outside the vocabulary" in (bad.error or "")


def test_a_prompt_without_tokens_is_an_error(engine: TransformersEngine) -> None:
    assert engine.generate([Prompt("", ())])[0].finish_reason == "error"
    assert engine.generate([Prompt("a", max_new_tokens=0)])[0].finish_reason == "error"


def test_within_a_grammar_nothing_of_an_answer_is_rejected(model_folder: Path) -> None:
    pytest.importorskip("llguidance")
    engine = load(model_folder, batch_size=8)
    lines = ["Home | About us", "It rained all day long.", "Privacy policy | Home", "Share | Home"]
    texts = ["\n".join([f"Page {number}.", *lines]) for number in range(6)]
    parts = [chunk(text, WordTokenizer())[0] for text in texts]
    prompts = [Prompt(text, max_new_tokens=100, grammar=chunk_grammar(text.split("\n"), 0)) for text in texts]
    found = Counter[str]()
    for text, part, answer in zip(texts, parts, engine.generate(prompts), strict=True):
        program = parse(answer.text, finish_reason=answer.finish_reason)
        assert not [problem for problem in program.problems if problem.reason != "truncated"], answer.text
        found.update(operation.status for operation in execute(text, [(part, answer.text)]).operations)
    assert set(found) <= {"applied"} and found["applied"] > 0
    free = engine.generate([replace(prompt, grammar=None) for prompt in prompts])
    assert any(parse(answer.text).problems for answer in free)


def test_behind_the_end_of_its_grammar_an_answer_ends(model_folder: Path) -> None:
    pytest.importorskip("llguidance")
    prompts = [Prompt(f"{number}", max_new_tokens=40, grammar=VERDICTS) for number in range(6)]
    answers = load(model_folder, batch_size=8).generate(prompts)
    assert {answer.text for answer in answers} <= {"keep_doc()", "drop_doc()"}
    assert {answer.finish_reason for answer in answers} == {"stop"}


class Failing:
    """Make a model fail before its forward pass, as it would with too little memory or a bad row."""

    def __init__(self, engine: TransformersEngine, fails: Any) -> None:
        self.sizes: list[int] = []
        self.fails = fails
        self.handle = engine._model.get_input_embeddings().register_forward_pre_hook(self.check)

    def check(self, module: object, inputs: tuple[Any, ...]) -> None:
        ids = inputs[0]
        if ids.shape[1] > 1:
            self.sizes.append(ids.shape[0])
        self.fails(ids)


def test_out_of_memory_halves_the_batch_and_keeps_the_smaller_size(model_folder: Path) -> None:
    engine = load(model_folder, batch_size=8)
    prompts = [Prompt(f"It rained {'all day ' * i}", max_new_tokens=3) for i in range(16)]
    expected = engine.generate(prompts)

    def fails(ids: Any) -> None:
        if ids.shape[0] > 2:
            raise torch.OutOfMemoryError("too large")

    failing = Failing(engine, fails)
    assert engine.generate(prompts) == expected
    assert [size for size in failing.sizes if size > 2] == [8, 4, 4]  # once down to 2, and never up again
    failing.sizes.clear()
    engine.generate(prompts)
    assert max(failing.sizes) == 2


def test_the_prompt_that_fails_in_the_model_is_found_and_the_rest_answered(model_folder: Path) -> None:
    engine = load(model_folder, batch_size=8)
    prompts = [Prompt("", (1, 10 + i, 20), max_new_tokens=3) for i in range(8)]
    expected = engine.generate(prompts)

    def fails(ids: Any) -> None:
        if (ids == 15).any():
            raise RuntimeError("bad row")

    Failing(engine, fails)
    found = engine.generate(prompts)
    assert [i for i, completion in enumerate(found) if completion.finish_reason == "error"] == [5]
    assert found[5].error == "RuntimeError: bad row"
    assert found[:5] + found[6:] == expected[:5] + expected[6:]


def test_a_model_without_padding_token_is_batched_all_the_same(model_folder: Path, tmp_path: Path) -> None:
    folder = copied(model_folder, tmp_path)
    about = json.loads((folder / "tokenizer_config.json").read_text())
    assert about.get("pad_token") is None
    assert all(completion.error is None for completion in load(folder).generate([Prompt(text) for text in TEXTS]))


def test_weights_that_are_not_safetensors_are_refused(model_folder: Path, tmp_path: Path) -> None:
    folder = copied(model_folder, tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match="cannot be loaded"):
        load(folder)


def test_code_that_a_model_brings_is_not_run(model_folder: Path, tmp_path: Path) -> None:
    folder = copied(model_folder, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    marker = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
    with pytest.raises(EngineError):
        load(folder)
    assert not marker.exists()


@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_broken_folder_is_an_engine_error(model_folder: Path, tmp_path: Path, broken: str) -> None:
    folder = copied(model_folder, tmp_path)
    (folder / broken).write_text("{")
    with pytest.raises(EngineError, match=r"engine\.model .* cannot be loaded"):
        load(folder)


def test_a_folder_that_is_missing_is_named_and_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="is not a folder"):
        load(tmp_path / "nothing")


def test_a_model_with_learned_positions_never_runs_past_them(model_folder: Path, tmp_path: Path) -> None:
    import transformers

    config = transformers.GPT2Config(
        vocab_size=700, n_positions=64, n_embd=32, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=2
    )
    folder = copied(model_folder, tmp_path)
    torch.manual_seed(3)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    engine = load(folder)
    found = engine.generate([Prompt("", (5,) * n, max_new_tokens=64 - n) for n in (1, 30, 60)])
    assert [completion.error for completion in found] == [None, None, None]


def test_a_gpu_that_is_not_there_is_said_before_loading(model_folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineError, match=r"engine\.device is cuda"):
        load(model_folder, device="cuda")


@pytest.mark.gpu
def test_a_gpu_gives_the_answers_of_the_cpu(engine: TransformersEngine, model_folder: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    prompts = [Prompt(text, max_new_tokens=8) for text in TEXTS]
    assert load(model_folder, device="cuda", dtype="float32").generate(prompts) == engine.generate(prompts)
