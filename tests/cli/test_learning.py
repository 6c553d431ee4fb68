"""The commands around a model: train, annotate, evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_spark.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    path = tmp_path / "pages.parquet"
    story = "The river rose over its banks on Tuesday after three days of rain, and the town was under water."
    texts = [f"Home\nAbout Us\n{story}\n{story} Nobody was hurt.\nPrivacy Policy", f"Login\n{story}\nTerms of Use"]
    keep = [[False, False, True, True, False], [False, True, False]]
    pq.write_table(pa.table({"text": texts, "keep": keep, "source_dataset": ["a", "b"], "fold": [0, 1]}), path)
    return path


def test_evaluate_prints_a_table_and_writes_one_json_and_one_plot(
    pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(pages), "-o", str(tmp_path / "scores"), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "tagger" in shown and "C4 lines" in shown and "kept F1" in shown
    rows = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert {row["source"] for row in rows} == {"a", "b"}
    assert (tmp_path / "scores" / "scores.svg").read_text().startswith("<svg")


def test_evaluate_takes_another_engine_and_only_some_pages(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["evaluate", str(pages), "--engine", "rules", "--source", "b", "--json", "--quiet"]
    assert main(line) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["source"], row["summary"]["pages"]) for row in rows} == {("b", 1)}
    assert "rules" in {row["who"] for row in rows}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--engine", "magic"], "--engine must be one of"),
        (["--profile", "tiny-doc"], "needs a profile for chunks"),
        (["--source", "none"], "has no pages of that source"),
    ],
)
def test_a_mistake_is_one_line(pages: Path, capsys: pytest.CaptureFixture[str], line: list[str], said: str) -> None:
    assert main(["evaluate", str(pages), "--quiet", *line]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error and "\n" not in error


def test_data_that_is_not_there_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "nowhere.parquet", "--quiet"]) == 2
    assert "cannot read labelled pages from nowhere.parquet" in capsys.readouterr().err


def test_a_recipe_is_checked_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("kind: tagger\ndata: [a.parquet]\ncourse: {epoch: 3}\n")
    assert main(["train", str(path)]) == 2
    assert "course.epoch" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "conf" / "recipes").glob("train-*.yaml")))
def test_the_recipes_that_ship_are_valid(name: str) -> None:
    from prox_spark import training

    assert training.read(ROOT / "conf" / "recipes" / name, ["data=[mine.parquet]"]).data == ("mine.parquet",)


@pytest.mark.parametrize(
    "line", [["train", "train-tagger.yaml"], ["train", "train-causal.yaml"], ["annotate", "annotate.yaml"]]
)
def test_a_recipe_that_ships_asks_for_the_data_of_whom_it_is_run_by(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([line[0], str(ROOT / "conf" / "recipes" / line[1]), "--quiet"]) == 2
    assert "data: names no file; --set 'data=[pages.parquet]' names yours" in capsys.readouterr().err


def test_the_settings_of_annotation_that_ship_are_valid() -> None:
    from prox_spark.training import annotation

    path = ROOT / "conf" / "recipes" / "annotate.yaml"
    assert annotation.read(path, ["data=[mine.parquet]"]).endpoint.startswith("http")


def test_train_runs_a_recipe(pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    small = ["shape.width=16", "shape.feed=16", "shape.blocks=1", "course.epochs=1", "domains=1", "members=1"]
    changed = [*small, f"data=[{json.dumps(str(pages))}]", f"out={json.dumps(str(tmp_path / 'run'))}"]
    line = ["train", str(ROOT / "conf" / "recipes" / "train-tagger.yaml"), "--json", "--quiet"]
    assert main([*line, *(part for change in changed for part in ("--set", change))]) == 0
    assert json.loads(capsys.readouterr().out)["pages"] == 1
    assert (tmp_path / "run" / "tagger.safetensors").exists()
