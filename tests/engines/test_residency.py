"""One live engine per process."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prox_spark.config import AutoSettings, RulesSettings, ScriptedSettings, TransformersSettings, VllmSettings
from prox_spark.engines import Prompt, RulesEngine, ScriptedEngine, create, get_engine, loads, release, resolve
from prox_spark.errors import EngineError, TaskError


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    release()
    yield
    release()


def script(folder: Path, answer: str = "keep_chunk()") -> ScriptedSettings:
    file = folder / "answers.jsonl"
    file.write_text('{"completion": "' + answer + '"}')
    return ScriptedSettings(answers=str(file))


def test_equal_settings_share_one_engine() -> None:
    before = loads()
    first = get_engine(RulesSettings(rules=("c4",)))
    assert get_engine(RulesSettings(rules=("c4",))) is first
    assert loads() == before + 1


def test_other_settings_give_another_engine(tmp_path: Path) -> None:
    assert isinstance(get_engine(RulesSettings()), RulesEngine)
    assert isinstance(get_engine(script(tmp_path)), ScriptedEngine)


def test_the_old_engine_is_closed_before_another_is_loaded(model_folder: Path) -> None:
    old = get_engine(TransformersSettings(model=str(model_folder), device="cpu", threads=1))
    assert old.generate([Prompt("a", max_new_tokens=1)])[0].error is None
    get_engine(RulesSettings())
    with pytest.raises(TaskError, match="closed"):
        old.generate([Prompt("a", max_new_tokens=1)])


def test_threads_that_ask_at_once_load_once(model_folder: Path) -> None:
    settings = TransformersSettings(model=str(model_folder), device="cpu", threads=1)
    before = loads()
    with ThreadPoolExecutor(8) as pool:
        engines = set(pool.map(lambda _: id(get_engine(settings)), range(16)))
    assert len(engines) == 1
    assert loads() == before + 1


def test_an_engine_that_cannot_be_loaded_leaves_none_behind(tmp_path: Path) -> None:
    get_engine(RulesSettings())
    before = loads()
    with pytest.raises(EngineError):
        get_engine(ScriptedSettings(answers=str(tmp_path / "nothing.jsonl")))
    assert loads() == before
    assert isinstance(get_engine(RulesSettings()), RulesEngine)
    assert loads() == before + 1


def test_auto_takes_vllm_where_it_is_installed_and_else_transformers(model_folder: Path) -> None:
    found = resolve(AutoSettings(model=str(model_folder)))
    assert found.kind == ("transformers" if importlib.util.find_spec("vllm") is None else "vllm")
    assert found.model == str(model_folder)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
def test_vllm_that_is_not_installed_is_one_line(model_folder: Path) -> None:
    with pytest.raises(EngineError, match="vllm, which is not installed here"):
        create(VllmSettings(model=str(model_folder), device="cpu"))
