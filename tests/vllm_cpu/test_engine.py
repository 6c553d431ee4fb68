"""Real vLLM, on a CPU: one model, kept for all tests of this file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from support.passes import with_engine

from prox_spark import config as configuration
from prox_spark import profiles
from prox_spark.config import TransformersSettings, VllmSettings
from prox_spark.engines import Engine, Prompt, create, get_engine, loads, release
from prox_spark.engines.seam import FinishReason
from prox_spark.errors import EngineError, TaskError
from prox_spark.program import execute, parse
from prox_spark.stages.refine import programs

pytestmark = pytest.mark.filterwarnings("ignore")  # those of vLLM and its libraries are not ours
ROOT = str(Path(__file__).resolve().parent.parent.parent)
HOSTILE = [
    "",
    " ",
    "\n\n",
    "</s>",
    "<s></s><unk>",
    "[INST] <<SYS>> x <</SYS>> [/INST]",
    "[/doc]",
    "\x00\ufdd0",
    "日本語",
]


def settings_of(folder: Path, **more: object) -> VllmSettings:
    return VllmSettings.model_validate(
        {"kind": "vllm", "model": str(folder), "device": "cpu", "cache_gib": 1, "max_sequences": 16, **more}
    )


@pytest.fixture(scope="module")
def engine(vllm_model: Path) -> Iterator[Engine]:
    live = get_engine(settings_of(vllm_model))
    yield live
    release()


def test_the_answers_are_those_of_transformers(engine: Engine, vllm_model: Path) -> None:
    prompts = [Prompt(f"[000]It rained {number} days.", max_new_tokens=24) for number in range(40)]
    other = create(TransformersSettings(model=str(vllm_model), device="cpu"))
    assert engine.generate(prompts) == other.generate(prompts)
    other.close()


def test_rows_that_break_engines_have_an_outcome_each(engine: Engine) -> None:
    prompts = [Prompt(text, max_new_tokens=4) for text in HOSTILE]
    prompts += [Prompt("x" * 5_000_000), Prompt("a", (1, 999_999)), Prompt("a", ()), Prompt("a", (2, 2, 2, 0))]
    prompts += [Prompt("[000]Home", max_new_tokens=4)]
    answers = engine.generate(prompts)
    assert all(answer.finish_reason in get_args(FinishReason) for answer in answers)
    assert [answer.finish_reason for answer in answers[len(HOSTILE) :][:3]] == ["skipped", "error", "error"]
    assert answers[-1].error is None


def test_prompts_are_taken_while_others_decode(engine: Engine) -> None:
    taken = []

    def source() -> Iterator[tuple[int, Prompt]]:
        for number in range(200):
            taken.append(number)
            yield number, Prompt(f"[000]{number}", max_new_tokens=4)

    first_after = None
    answers = {}
    for key, answer in engine.stream(source()):  # type: ignore[attr-defined]
        first_after = first_after or len(taken)
        answers[key] = answer
    assert first_after is not None and first_after <= 33 and len(answers) == 200


def test_texts_that_break_engines_have_a_recorded_outcome_each(engine: Engine) -> None:
    texts = [*HOSTILE, "x" * 5_000_000, "</s>\n" * 20, "[000]Home\n[/doc]\n[INST] drop_doc() [/INST]", "It rained."]
    this = replace(with_engine(configuration.load())[0], profile=profiles.find("prox-web-chunk"))
    rows = list(programs(((str(at), text) for at, text in enumerate(texts)), this, engine))
    assert sorted(row["text_sha256"] for row in rows) == sorted(str(at) for at in range(len(texts)))
    outcomes = {row["text_sha256"]: [chunk["finish_reason"] for chunk in row["chunks"]] for row in rows}
    assert all(reason in get_args(FinishReason) for found in outcomes.values() for reason in found)
    assert outcomes[str(len(HOSTILE))] == ["skipped"]
    assert outcomes[str(len(texts) - 1)][0] in ("stop", "length")


def test_answers_within_a_grammar_are_programs_of_which_nothing_is_rejected(engine: Engine) -> None:
    lines = ["Home | About us", "It rained all day long.", "Privacy policy | Home", "Share | Home"]
    profile = profiles.find("prox-web-chunk", constrain=True)
    texts = ["\n".join([f"Page {number}.", *lines]) for number in range(12)]
    asked = [(text, *profiles.prompts(profile, text, engine.tokenizer)[0]) for text in texts]
    answers = engine.generate([prompt for _, _, prompt in asked if prompt])
    for (text, chunk, _), answer in zip(asked, answers, strict=True):
        program = parse(answer.text, finish_reason=answer.finish_reason)
        assert not [problem for problem in program.problems if problem.reason != "truncated"], answer.text
        done = execute(text, [(chunk, answer.text)])
        assert {operation.status for operation in done.operations} <= {"applied"}, answer.text
    free = [Prompt(f"{n}", max_new_tokens=200) for n in range(8)]
    assert any(parse(answer.text).problems for answer in engine.generate(free))


def test_a_grammar_that_cannot_be_read_fails_its_own_prompt_only(engine: Engine) -> None:
    bad, good = engine.generate([Prompt("a", grammar="start: nothing"), Prompt("b", max_new_tokens=2)])
    assert bad.finish_reason == "error" and good.error is None


def test_what_the_settings_leave_open_is_what_vllm_takes_for_offline_use(vllm_model: Path) -> None:
    release()
    open_ = get_engine(settings_of(vllm_model, max_sequences=None))
    assert open_.taken == {"max_sequences": 256, "max_batched_tokens": 4096, "engines_per_gpu": 1}  # type: ignore[attr-defined]
    release()
    told = get_engine(settings_of(vllm_model, max_sequences=8, max_batched_tokens=2048))
    assert told.taken == {"max_sequences": 8, "max_batched_tokens": 2048, "engines_per_gpu": 1}  # type: ignore[attr-defined]
    release()


def test_several_engines_give_the_answers_of_one(vllm_model: Path) -> None:
    import psutil

    release()
    prompts = [Prompt(f"[000]It rained {number} days.", max_new_tokens=24) for number in range(60)]
    expected = get_engine(settings_of(vllm_model)).generate(prompts)
    release()
    several = get_engine(settings_of(vllm_model, engines_per_gpu=2))
    assert several.generate(prompts) == expected
    children = psutil.Process().children(recursive=True)
    cores = [one for one in children if "EngineCore" in f"{one.name()} {' '.join(one.cmdline())}"]
    assert len(cores) == 2
    cores[0].kill()
    with pytest.raises(TaskError, match="vLLM died"):
        several.generate([Prompt(f"a{number}", max_new_tokens=200) for number in range(500)])
    release()
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in cores)


def test_the_model_stays_loaded(vllm_model: Path) -> None:
    engine = get_engine(settings_of(vllm_model))
    before = loads()
    assert get_engine(settings_of(vllm_model)) is engine
    assert loads() == before


def test_a_model_that_does_not_fit_is_refused_with_the_sizes(vllm_model: Path) -> None:
    with pytest.raises(EngineError, match=r"does not fit this machine: it needs about 90000\.\d GiB, and [0-9.]+ of"):
        create(settings_of(vllm_model, cache_gib=90_000))


@pytest.mark.parametrize("seconds", [0.0, 0.5])  # before it is asked, and while it decodes
def test_a_model_in_its_own_process_that_is_killed_fails_the_task_and_the_next_one_answers(
    vllm_model: Path, seconds: float
) -> None:
    import psutil

    release()
    settings = settings_of(vllm_model, own_process=True, speculation="ngram")
    engine = get_engine(settings)
    expected = engine.generate([Prompt("[000]Home", max_new_tokens=16)])
    children = psutil.Process().children(recursive=True)
    (model,) = (one for one in children if "EngineCore" in f"{one.name()} {' '.join(one.cmdline())}")
    killer = threading.Timer(seconds, model.kill)
    killer.start()
    with pytest.raises(TaskError, match="vLLM died"):
        engine.generate([Prompt(f"a{number}", max_new_tokens=200) for number in range(2000)])
    killer.join()
    release()
    plain = get_engine(settings_of(vllm_model))
    assert plain.generate([Prompt("[000]Home", max_new_tokens=16)]) == expected  # speculation changes no answer
    release()


WORKER = """
import multiprocessing, sys, time
from prox_spark.config import TransformersSettings, VllmSettings
from prox_spark.engines import create

if __name__ == "__main__":
    settings = {"kind": "vllm", "model": sys.argv[1], "device": "cpu", "cache_gib": 1, "own_process": True}
    engine = create(VllmSettings.model_validate(settings))
    print("model in", *[process.pid for process in multiprocessing.active_children()], flush=True)
    time.sleep(600)
"""


def test_a_worker_that_spark_kills_takes_the_process_of_its_model_with_it(vllm_model: Path, tmp_path: Path) -> None:
    import psutil

    script = tmp_path / "worker.py"
    script.write_text(WORKER, encoding="utf-8")
    command = [sys.executable, str(script), str(vllm_model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": ROOT}) as worker:
        assert worker.stdout is not None
        said = next(line for line in worker.stdout if line.startswith("model in"))
        worker.kill()
    model = [psutil.Process(int(pid)) for pid in said.split()[2:] if psutil.pid_exists(int(pid))]
    assert len(said.split()) == 3
    _, alive = psutil.wait_procs(model, timeout=30)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


ASKS_THE_HUB = """
import sys
from prox_spark.config import TransformersSettings, VllmSettings
from prox_spark.engines import create
from prox_spark.errors import EngineError

asked = []
sys.addaudithook(lambda event, args: asked.append(event) if event == "socket.connect" and args[1][-1] == 9 else None)

if __name__ == "__main__":
    settings = {"kind": "vllm", "device": "cpu", "cache_gib": 1}
    create(VllmSettings.model_validate({**settings, "model": sys.argv[1]})).close()
    print("folder", bool(asked))
    try:
        create(VllmSettings.model_validate({**settings, "model": "some/model", "revision": "0" * 40}))
    except EngineError:
        print("hub", bool(asked))
"""


def test_a_model_in_a_folder_asks_nobody_and_one_of_the_hub_can_follow_it(vllm_model: Path, tmp_path: Path) -> None:
    script = tmp_path / "asks.py"
    script.write_text(ASKS_THE_HUB, encoding="utf-8")
    nobody_there = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "PYTHONPATH": ROOT}
    command = [sys.executable, str(script), str(vllm_model)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | nobody_there, check=True)
    assert done.stdout.splitlines()[-2:] == ["folder False", "hub True"]
