"""A causal model learns to write programs: a few steps."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

from prox_spark.config import EngineSettings
from prox_spark.engines import Prompt, create
from prox_spark.errors import EngineError
from prox_spark.training import CausalRecipe, Scratch, train

pytestmark = pytest.mark.filterwarnings("default")  # of the libraries that train

SMALL = Scratch(vocabulary=320, numbers=60, width=32, layers=1, heads=2, context=512, drills=8)


def recipe(pages: Path, out: Path, **changes: object) -> CausalRecipe:
    settings = {"kind": "causal", "data": (str(pages),), "out": str(out), "scratch": SMALL, "steps": 4, "save_every": 2,
                "batch": 4, "rate": 0.005, "validation_pages": 2}  # fmt: skip
    return CausalRecipe.model_validate({**settings, **changes})


@pytest.fixture(scope="module")
def folder(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a run of a few steps, from nothing."""
    out = tmp_path_factory.mktemp("run")
    run = train(recipe(pages, out, line_loss=1.0))
    assert run["steps"] == 4 and 0.0 <= run["eval_removed_f1"] <= 1.0
    return out


def test_a_model_from_nothing_is_written_and_answers_through_the_engine(folder: Path) -> None:
    engine = create(EngineSettings(kind="transformers", model=str(folder / "model"), device="cpu", threads=1))
    prompt = Prompt("[doc]\n[000]Home\n[001]It rained.\n[/doc]", max_new_tokens=8)
    assert engine.generate([prompt])[0].finish_reason in ("stop", "length")
    ids = engine.tokenizer.encode("[doc]\n[000]Home\n[059]It\n[/doc]")  # type: ignore[attr-defined]
    assert (
        len(ids)
        == 1
        + 1
        + 1
        + len(engine.tokenizer.encode("Home", add_bos=False))
        + 1
        + len(  # type: ignore[attr-defined]
            engine.tokenizer.encode("It", add_bos=False)  # type: ignore[attr-defined]
        )
        + 1
    )
    engine.close()


def test_no_weights_of_the_loss_on_lines_are_left_in_the_model(folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(str(folder / "model" / "model.safetensors"), framework="np") as file:
        assert not [name for name in file.keys() if "line_head" in name]  # noqa: SIM118


def test_a_run_goes_on_from_its_last_checkpoint(pages: Path, folder: Path) -> None:
    assert train(recipe(pages, folder, line_loss=1.0, steps=6))["steps"] == 6


def test_any_model_is_taught_from_where_it_is(pages: Path, folder: Path, tmp_path: Path) -> None:
    run = train(recipe(pages, tmp_path, base=str(folder / "model"), profile="tiny-lm-chunk", steps=2))
    assert run["pairs"] > 0 and (tmp_path / "model" / "model.safetensors").exists()


def test_adapters_without_their_library_are_refused_in_one_line(
    pages: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(EngineError, match="pip install peft"):
        train(recipe(pages, tmp_path, base=str(folder / "model"), lora_rank=4))
