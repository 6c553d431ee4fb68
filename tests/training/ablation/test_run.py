"""Models are trained and judged: one arm twice gives the same, what was cut off goes on, what has ended is read."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

from prox_spark.config import AblateSettings
from prox_spark.errors import ConfigError, SourceError
from prox_spark.formats.vocabulary import Vocabulary
from prox_spark.training.ablation import Arm, ModelSize, Plan, Text, learn_tokenizer, measure, pack
from prox_spark.training.ablation import run as running
from prox_spark.training.ablation.judging import bits_of, read_questions
from prox_spark.training.ablation.page import plot, summary
from prox_spark.training.ablation.texts import held_out, read_texts, write_held_out
from prox_spark.training.ablation.tokens import Sequences

pytestmark = pytest.mark.filterwarnings("default")  # of the libraries that train

TINY = ModelSize(vocabulary=300, width=64, feed=64, layers=1, context=32, tokens=1000, batch=4, rate=0.01)
WORDS = ("river", "rain", "town", "bridge", "water", "night", "Tuesday", "people", "road", "hill")


def texts(count: int, seed: int, name: str) -> list[Text]:
    chance = random.Random(seed)
    return [
        Text(f"{name}-{number}", f"{name}{number}.example", " ".join(chance.choices(WORDS, k=60)) + ".")
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a tokenizer, what is judged on, and a corpus."""
    folder = tmp_path_factory.mktemp("ablation")
    corpus = texts(60, 1, "learned")
    vocabulary = learn_tokenizer([[text.text for text in corpus]], TINY.vocabulary, folder / "tokenizer")
    pack(corpus, folder / "corpus", vocabulary, TINY.context)
    write_held_out(held_out("pages", texts(8, 2, "judged")), folder / "held-out.parquet")
    rows = [{"question": "river rain town", "choices": ["water", "xyzzy qqq"], "answer": 0}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "questions.parquet")
    return folder


def plan(prepared: Path, out: Path, names: tuple[str, ...] = ("raw", "raw again"), **changes: Any) -> Plan:
    out.mkdir(exist_ok=True)
    vocabulary = Vocabulary.load(str(prepared / "tokenizer"))
    written = pack(texts(60, 1, "learned"), prepared / "corpus", vocabulary, TINY.context)
    arms = tuple(Arm.of(name, prepared / "corpus", written) for name in names)
    settings = AblateSettings.model_validate({"tokens": 1024, "seeds": 2, "bf16": False, **changes})
    return Plan(
        arms, out, TINY, prepared / "held-out.parquet", prepared / "tokenizer", settings, prepared / "questions.parquet"
    )


@pytest.fixture(scope="module")
def result(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return measure(plan(prepared, tmp_path_factory.mktemp("out")))


def test_an_arm_against_itself_shows_no_difference(result: dict[str, Any]) -> None:
    [difference] = result["differences"]
    assert difference["by_seed"] == (0.0, 0.0) and not difference["is_clear"]
    first, again = result["means"]
    assert first["by_seed"] == again["by_seed"]
    assert first["by_seed"][0] != first["by_seed"][1]  # another seed is another model
    assert "no difference is shown" in summary(result) and plot(result).startswith("<svg")


def test_half_of_the_tokens_say_what_a_token_is_worth(result: dict[str, Any]) -> None:
    [saving] = result["savings"]
    assert saving["doubling"] > 0 and saving["saved"]["value"] == 0.0


def test_an_ablation_again_trains_nothing_and_says_the_same(prepared: Path, tmp_path: Path) -> None:
    told: list[str] = []
    first = measure(plan(prepared, tmp_path / "out"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("scores.json")}
    again = measure(plan(prepared, tmp_path / "out"), lambda name, done, of: told.append(f"{done}/{of}"))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("scores.json")} == before
    assert json.dumps(again) == json.dumps(first) and told[-1] == "6/6"


def test_a_run_that_was_cut_off_goes_on_from_its_last_whole_checkpoint_to_the_same_bits(
    prepared: Path, tmp_path: Path
) -> None:
    whole = _run(prepared, tmp_path / "whole", 1024)
    expected = running.train(whole)
    cut = whole.model_copy(update={"out": str(tmp_path / "cut"), "save_every": 4})
    trainer = running.trainer_of(cut, Vocabulary.load(cut.tokenizer))
    trainer.add_callback(_stop_after(4))
    trainer.train()
    assert (tmp_path / "cut" / "checkpoint-4").is_dir()
    (tmp_path / "cut" / "checkpoint-6").mkdir()  # torn: it has no state
    resumed = running.train(cut)
    assert resumed["bits"] == expected["bits"] and resumed["steps"] == 8
    assert not list((tmp_path / "cut").glob("checkpoint-*"))


def _stop_after(step: int) -> Any:
    """End a training after a step, as a machine that is taken away does."""
    from transformers import TrainerCallback

    class Stop(TrainerCallback):  # type: ignore[misc]  # transformers is read without its types
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = state.global_step == step

    return Stop()


def _run(prepared: Path, out: Path, tokens: int) -> running.Run:
    return running.Run(
        arm="raw", corpus="c", shards=str(prepared / "corpus"), seed=1, tokens=tokens, size=TINY, judged="j",
        held_out=str(prepared / "held-out.parquet"), tokenizer=str(prepared / "tokenizer"), out=str(out), bf16=False,
    )  # fmt: skip


def test_two_processes_share_steps_and_documents_and_both_give_what_one_gives(prepared: Path, tmp_path: Path) -> None:
    alone = running.train(_run(prepared, tmp_path / "alone", 512))
    together = _run(prepared, tmp_path / "together", 512).model_copy(
        update={"workers": 2, "choices": str(prepared / "questions.parquet")}
    )
    (tmp_path / "run.json").write_text(together.model_dump_json(), encoding="utf-8")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    script = Path(__file__).with_name("one_of_two.py")
    subprocess.run([*torchrun, str(script), str(tmp_path / "run.json"), str(tmp_path)], check=True)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1))
    assert first == second == running.scores_of(together)
    assert first["bits"]["pages"] == pytest.approx(alone["bits"]["pages"], rel=1e-4)
    assert first["steps"] == alone["steps"] == 4 and len(first["chosen"]) == 1


def test_a_model_that_knows_nothing_takes_the_logarithm_of_the_vocabulary_for_each_token(prepared: Path) -> None:
    from torch import nn

    vocabulary = Vocabulary.load(str(prepared / "tokenizer"))
    model = running.model_of(TINY, vocabulary)
    nn.init.zeros_(model.model.embed_tokens.weight)
    text = "river rain " * 40  # more than one window
    [bits] = bits_of(model, vocabulary, [text], TINY.context, bf16=False)
    tokens = len(vocabulary.encode([text])[0]) - 1
    assert tokens > TINY.context
    assert bits == pytest.approx(tokens * math.log2(vocabulary.size), rel=1e-5)


def test_every_sequence_comes_before_any_comes_again_in_an_order_of_the_seed(prepared: Path) -> None:
    there = Sequences(str(prepared / "corpus"), 1, 1).there
    twice = [Sequences(str(prepared / "corpus"), 2 * there, 1)[at]["input_ids"].tobytes() for at in range(2 * there)]
    assert sorted(twice[:there]) == sorted(twice[there:])
    assert twice[:there] != twice[there:]
    other = [Sequences(str(prepared / "corpus"), there, 2)[at]["input_ids"].tobytes() for at in range(there)]
    assert other != twice[:there] and sorted(other) == sorted(twice[:there])


def test_equal_flops_leave_a_refined_corpus_fewer_tokens_and_need_the_size_of_the_refiner(
    prepared: Path, tmp_path: Path
) -> None:
    given = plan(prepared, tmp_path, equal="flops", refiner_parameters=100_000, model_parameters=1_000_000)
    refined = Arm("refined", given.arms[0].shards, "c", 1, 10_000, read=2.0)
    assert given.budget(given.arms[0]) == 1024
    assert given.budget(refined) == round(1024 * 6 / 6.4)
    with pytest.raises(ConfigError, match=r"ablate\.refiner_parameters must say"):
        plan(prepared, tmp_path, equal="flops").budget(refined)


def test_steps_that_the_workers_cannot_share_are_refused(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ablate\.workers must divide the 4 sequences"):
        measure(plan(prepared, tmp_path, workers=3))


def test_files_that_hold_no_texts_or_no_questions_are_said(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"question": ["a"], "choices": [["b"]], "answer": [1]}), path)
    with pytest.raises(SourceError, match="row 0 has 1 choices and answer 1"):
        read_questions(path)
    with pytest.raises(SourceError, match="has no column text"):
        list(read_texts(path))
    with pytest.raises(SourceError, match="cannot read texts"):
        list(read_texts(tmp_path / "none.parquet"))
