"""The scripts of examples/ and the code of the front page run as they are written, on the samples of the repository."""

from __future__ import annotations

import gzip
import importlib.util
import os
import re
import runpy
import shutil
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from prox_spark import Lake, demo, load

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcomes(lake: Lake) -> dict[str, int]:
    rows = lake.sql("SELECT outcome, count(*) AS documents FROM corpus GROUP BY outcome").collect()
    return {row["outcome"]: row["documents"] for row in rows}


def test_fineweb_is_refined_and_says_what_was_removed(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = script("fineweb").main(str(tmp_path / "lake"), [Path(dict(demo.sample())["fineweb"]).as_uri()])
    assert sum(outcomes(lake).values()) == 96 and outcomes(lake)["edited"] > 50
    printed = capsys.readouterr().out
    assert "Lines that were removed from most pages" in printed and "about_left" in printed and "NULL" not in printed


def test_redpajama_pages_are_asked_by_their_signals(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script("redpajama_v2")
    lake = module.main(str(tmp_path / "lake"), module.SAMPLE.as_uri())
    assert sum(outcomes(lake).values()) == 6 and outcomes(lake)["dropped"] >= 1
    printed = capsys.readouterr().out
    assert re.search(r"\|tail +\|2 ", printed) and "NULL" not in printed


def test_mathematics_goes_through_its_own_profiles(spark: SparkSession, tmp_path: Path) -> None:
    module = script("openwebmath")
    lake = module.main(str(tmp_path / "lake"), [module.SAMPLE.as_uri()], module.settings(None, None))
    assert sum(outcomes(lake).values()) == 4 and outcomes(lake)["dropped"] == 1
    texts = " ".join(row["text"] for row in lake.sql("SELECT text FROM refined").collect())
    assert r"$\sum_{n\ge 1} \frac{1}{n}$" in texts and "Recent Posts" not in texts


def test_mathematics_with_the_published_models_is_a_configuration_that_can_be() -> None:
    config = script("openwebmath").settings("org/doc@abc", "/models/chunk")
    passes = load(overrides=[]).model_copy(update={"passes": config.passes}).passes
    assert [item.profile for item in passes] == ["prox-math-doc", "prox-math-chunk"]


def test_the_python_and_the_sql_of_the_pages_run_on_a_lake(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sample = Path(dict(demo.sample())["c4"])
    shutil.copytree(sample, tmp_path / "c4" / "en")
    (packed,) = sample.glob("*.json.gz")
    Path("pages.jsonl").write_bytes(gzip.decompress(packed.read_bytes()))
    pages = {name: BLOCK.findall((ROOT / name).read_text(encoding="utf-8")) for name in (
        "README.md", "docs/tutorial.md", "docs/guides/audit.md",
    )}  # fmt: skip
    (code,) = [code for language, code in pages["README.md"] if language == "python" and ">>>" not in code]
    Path("front_page.py").write_text(code, encoding="utf-8")
    lake = runpy.run_path(os.fspath(tmp_path / "front_page.py"))["lake"]
    assert outcomes(lake)["edited"] > 50
    statements = [
        statement
        for blocks in pages.values()
        for language, code in blocks
        if language == "sql"
        for statement in re.sub(r"^--.*$", "", code, flags=re.MULTILINE).split(";")
        if statement.strip()
    ]
    assert len(statements) >= 10
    for statement in statements:  # to analyse a query is enough to know that its tables and columns are there
        assert lake.sql(statement).columns
