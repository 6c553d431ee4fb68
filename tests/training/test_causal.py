"""A causal model learns to write programs: a few steps."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

from prox_spark import profiles
from prox_spark.config import TransformersSettings
from prox_spark.engines import Prompt, create
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.errors import ConfigError, EngineError, SourceError
from prox_spark.evaluation import read
from prox_spark.program import execute, parse
from prox_spark.training import CausalRecipe, Changes, Scratch, train
from prox_spark.training.causal import verdicts
from prox_spark.training.causal.scratch import make_model, make_tokenizer, share

pytestmark = pytest.mark.filterwarnings("default")  # of the libraries that train

SMALL = Scratch(vocabulary=320, numbers=60, width=64, feed=64, layers=3, heads=2, context=512)
AS_THEY_ARE = Changes(cut=0.0, mixed=0.0, forgotten=0.0, bare=0.0)
PROFILE = profiles.find("tiny-lm-chunk")


def recipe(pages: Path, out: Path, **changes: object) -> CausalRecipe:
    settings = {"kind": "causal", "data": (str(pages),), "out": str(out), "scratch": SMALL, "steps": 4, "save_every": 2,
                "batch": 4, "rate": 0.005, "validation_pages": 2}  # fmt: skip
    return CausalRecipe.model_validate({**settings, **changes})


@pytest.fixture(scope="module")
def folder(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a run of a few steps, from nothing."""
    out = tmp_path_factory.mktemp("run")
    run = train(recipe(pages, out))
    assert run["steps"] == 4 and 0.0 <= run["eval_kept_f1"] <= 1.0
    return out


def test_a_model_from_nothing_is_written_and_answers_through_the_engine(folder: Path) -> None:
    engine = create(TransformersSettings(model=str(folder / "model"), device="cpu", threads=1))
    prompt = Prompt("[doc]\n[000]Home\n[001]It rained.\n[/doc]", max_new_tokens=8)
    assert engine.generate([prompt])[0].finish_reason in ("stop", "length")
    engine.close()


def test_markers_verdicts_and_lengths_are_one_token_each_and_come_back_as_text(folder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = ModelTokenizer(Tokenizer.from_file(str(folder / "model" / "tokenizer.json")))
    assert len(tokenizer.encode("[doc]\n[000]\n[059]\u2026480\n[/doc]")) == 1 + 4
    program = "# 0\nremove_lines(start=1, end=1)\n# 59\n"
    ids = tokenizer.encode(program, add_bos=False)
    assert len(ids) == 3 and tokenizer.decode(ids) == program
    assert parse(program).problems == () and len(parse(program).operations) == 1


def test_a_chunk_to_learn_from_is_the_profile_s_prompt_with_a_verdict_for_every_line(
    pages: Path, tmp_path: Path
) -> None:
    asked = recipe(pages, tmp_path, changes=AS_THEY_ARE, flipped=0.0)
    gold = list(read(pages))
    tokenizer = make_tokenizer((line for page in gold for line in page.lines), SMALL)
    shown = ModelTokenizer(tokenizer.backend_tokenizer)
    expected = {}
    for page in gold:
        [(_, prompt)] = profiles.prompts(PROFILE, "\n".join(page.lines), shown)
        assert prompt is not None
        expected[prompt.token_ids] = page
    words = verdicts.words_of(tokenizer, asked)
    found = set()
    chunks = verdicts.Chunks(verdicts.pages_of(gold, asked, tokenizer), words, asked, 200)
    for chunk in map(chunks.__getitem__, range(len(chunks))):
        ids, behind = tuple(chunk["ids"].tolist()), int(chunk["answer"]) + 1
        if ids[:behind] in expected:
            page = expected[ids[:behind]]
            kept = [line for line, keep in zip(page.lines, page.keep, strict=True) if keep]
            program = shown.decode(ids[behind:])
            assert program.count("\n") == len(page.lines)
            assert execute("\n".join(page.lines), program).text == "\n".join(kept)
            found.add(page.id)
    assert len(found) > 12


def test_a_document_to_learn_from_is_the_profile_s_prompt_with_the_verdict_of_the_rules(
    pages: Path, tmp_path: Path
) -> None:
    from prox_spark.engines.rules import broken_rules

    asked = recipe(pages, tmp_path, changes=AS_THEY_ARE, documents=1.0, dropped=0.5)
    # Of every second page one line alone is content, which no rule lets pass.
    gold = [
        replace(page, keep=tuple(at == len(page.lines) // 2 for at in range(len(page.lines)))) if number % 2 else page
        for number, page in enumerate(read(pages))
    ]
    tokenizer = make_tokenizer((line for page in gold for line in page.lines), SMALL)
    shown = ModelTokenizer(tokenizer.backend_tokenizer)
    expected = {}
    for page in gold:
        [(_, prompt)] = profiles.prompts(profiles.find("tiny-doc"), "\n".join(page.lines), shown)
        assert prompt is not None
        content = "\n".join(line for line, keep in zip(page.lines, page.keep, strict=True) if keep)
        expected[prompt.token_ids] = (
            "drop_doc()" if broken_rules(content, ("c4", "gopher", "fineweb")) else "keep_doc()"
        )
    pairs = verdicts.Chunks(verdicts.pages_of(gold, asked, tokenizer), verdicts.words_of(tokenizer, asked), asked, 200)
    found = []
    for pair in map(pairs.__getitem__, range(len(pairs))):
        ids = tuple(pair["ids"].tolist())
        assert int(pair["answer"]) == len(ids) - 2
        assert shown.decode(ids[-1:]) == expected[ids[:-1]]
        found.append(expected[ids[:-1]])
    assert 60 < found.count("drop_doc()") < 140


def test_batches_hold_every_pair_once_and_are_of_like_length(pages: Path, tmp_path: Path) -> None:
    asked = recipe(pages, tmp_path, documents=0.3)
    gold = list(read(pages))
    tokenizer = make_tokenizer((line for page in gold for line in page.lines), SMALL)
    pairs = verdicts.Chunks(verdicts.pages_of(gold, asked, tokenizer), verdicts.words_of(tokenizer, asked), asked, 70)
    made = list(verdicts.grouped(pairs, 4, seed=1))
    assert sorted(number for batch in made for number in batch) == list(range(70))
    assert made == list(verdicts.grouped(pairs, 4, seed=1)) != list(verdicts.grouped(pairs, 4, seed=2))

    def padded(batches: list[list[int]]) -> int:
        lengths = [[len(pairs[number]["ids"]) for number in batch] for batch in batches]
        return sum(max(batch) * len(batch) - sum(batch) for batch in lengths)

    assert padded(made) < 0.6 * padded([list(range(at, min(70, at + 4))) for at in range(0, 70, 4)])


def test_the_loss_on_overlap_is_that_of_the_words_and_documents_have_none() -> None:
    import torch

    inputs = {"owner": torch.tensor([0, 0, 0, 1]), "words": torch.tensor([8.0, 1.0, 0.0, 0.0]),
              "surely": torch.tensor([1.0, 0.0, 1.0, 1.0])}  # fmt: skip
    lost = [
        float(verdicts.no_overlap(torch.tensor(chance), inputs, 2))
        for chance in ([1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0])
    ]
    assert lost == pytest.approx([0.0, (1 - 1 / 9) / 2, (1 - 17 / 18) / 2])


def test_line_numbers_that_no_page_showed_are_learned_like_those_that_were(pages: Path, tmp_path: Path) -> None:
    import torch

    torch.manual_seed(1)
    asked = recipe(pages, tmp_path)
    gold = list(read(pages))[:4]
    tokenizer = make_tokenizer((line for page in gold for line in page.lines), SMALL)
    model = make_model(tokenizer, SMALL)
    share(model, tokenizer, SMALL)
    chunks = verdicts.Chunks(verdicts.pages_of(gold, asked, tokenizer), verdicts.words_of(tokenizer, asked), asked, 2)
    verdicts.loss(model, verdicts.collate([chunks[0], chunks[1]], tokenizer.pad_token_id)).backward()
    for weight, kind in ((model.get_input_embeddings().weight, "\n[%03d]"), (model.lm_head.weight, "# %d\n")):
        rows = weight.grad[tokenizer.convert_tokens_to_ids([kind % number for number in range(SMALL.numbers)])]
        assert rows[0].abs().sum() > 0 and torch.equal(rows, rows[:1].expand_as(rows))


def test_a_run_goes_on_from_its_last_checkpoint(pages: Path, folder: Path) -> None:
    assert train(recipe(pages, folder, steps=6))["steps"] == 6


def test_the_same_recipe_gives_the_same_weights(pages: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(recipe(pages, tmp_path / name, steps=2, validation_folds=(), documents=0.3, overlap=0.5))
    a, b = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert a == b


def test_any_model_is_taught_from_where_it_is(pages: Path, folder: Path, tmp_path: Path) -> None:
    run = train(recipe(pages, tmp_path, base=str(folder / "model"), steps=2))
    assert run["examples"] > 0 and (tmp_path / "model" / "model.safetensors").exists()


def test_a_recipe_for_a_model_that_exists_asks_for_its_name(pages: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="base must name"):
        train(recipe(pages, tmp_path, profile="prox-web-chunk"))


def test_a_model_from_nothing_needs_labelled_pages(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["Home"], "program": ["keep_chunk()"]}), tmp_path / "pairs.parquet")
    with pytest.raises(SourceError, match="needs labelled pages"):
        train(recipe(tmp_path / "pairs.parquet", tmp_path / "out"))


def test_a_chunk_behind_the_numbers_that_the_model_knows_is_skipped(folder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = ModelTokenizer(Tokenizer.from_file(str(folder / "model" / "tokenizer.json")))
    made = profiles.prompts(replace(PROFILE, max_lines=60, max_chunk_tokens=120), "\n".join(["Home"] * 80), tokenizer)
    assert all((prompt is None) == (chunk.line_end >= 60) for chunk, prompt in made)
    assert {prompt is None for _, prompt in made} == {True, False}


def test_adapters_are_learned_and_end_up_in_a_whole_model(pages: Path, folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    pytest.importorskip("peft")
    base = folder / "model"
    train(recipe(pages, tmp_path, base=str(base), steps=2, lora_rank=4, validation_folds=()))
    before, after = (load_file(part / "model.safetensors") for part in (base, tmp_path / "model"))
    assert before.keys() == after.keys()
    name = "model.layers.0.self_attn.q_proj.weight"
    assert not before[name].float().equal(after[name].float())
    create(TransformersSettings(model=str(tmp_path / "model"), device="cpu", threads=1)).close()


@pytest.mark.spark
def test_two_processes_learn_together_through_spark(spark: object, pages: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = train(recipe(pages, out, base=str(folder / "model"), steps=2, workers=2, validation_folds=()))
    assert run["steps"] == 2
    assert (out / "model" / "model.safetensors").exists()


def test_every_process_of_a_run_gives_the_record_of_the_run(pages: Path, folder: Path, tmp_path: Path) -> None:
    told = recipe(pages, tmp_path / "out", base=str(folder / "model"), steps=1, validation_folds=())
    (tmp_path / "recipe.json").write_text(told.model_dump_json(), encoding="utf-8")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    script = Path(__file__).with_name("one_of_two.py")
    subprocess.run([*torchrun, str(script), str(tmp_path / "recipe.json"), str(tmp_path)], check=True)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1))
    assert first == second == json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))


def test_adapters_without_their_library_are_refused_in_one_line(
    pages: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(EngineError, match="needs peft"):
        train(recipe(pages, tmp_path, base=str(folder / "model"), lora_rank=4))


def test_run_json_tells_the_recipe(folder: Path) -> None:
    assert json.loads((folder / "run.json").read_text())["recipe"]["scratch"]["numbers"] == 60
