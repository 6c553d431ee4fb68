"""The notebooks: committed without output, a few lines a cell, and each runs from top to bottom."""

from __future__ import annotations

import ast
import json
import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import prox_spark

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONGEST_CELL = 24


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    document = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def test_there_are_four_in_order() -> None:
    assert [path.name[:3] for path in NOTEBOOKS] == ["01_", "02_", "03_", "04_"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_output_and_opens_with_a_title(path: Path) -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells(path, "code"))
    assert cells(path, "markdown")[0]["source"][0].startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_cell_has_few_lines_and_no_magic_of_one_platform(path: Path) -> None:
    for cell in cells(path, "code"):
        assert len(cell["source"]) <= LONGEST_CELL
        assert not [line for line in cell["source"] if line.startswith(("%", "!")) or "dbutils" in line]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_public_names_alone(path: Path) -> None:
    code = "\n".join("".join(cell["source"]) for cell in cells(path, "code"))
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = [node.module for node in imports if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.ImportFrom) and node.module == "prox_spark"
             for alias in node.names}  # fmt: skip
    assert not [module for module in modules if module is not None and module.startswith("prox_spark.")]
    assert names <= set(prox_spark.__all__)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder in which the notebooks run, one after the other, as a user would; they share one lake."""
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(ROOT / "notebooks" / "gold.parquet", folder)
    return folder


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    """Give the IPython of a kernel in this process, whose Spark session it takes: a kernel's own would be one more."""
    pytest.importorskip("IPython", reason="pip install ipykernel matplotlib, they are in dev")
    import matplotlib
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """Do without windows: plots are inline."""

    with matplotlib.rc_context(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # a shell puts its own in the place, for good
        shell: InteractiveShell = Shell.instance(config=Config(HistoryManager={"enabled": False}))
        shell.enable_matplotlib("inline")
        yield shell
        Shell.clear_instance()


@pytest.mark.spark
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::RuntimeWarning")
def test_a_notebook_runs_from_top_to_bottom(
    path: Path,
    spark: SparkSession,
    shell: InteractiveShell,
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import pandas as pd
    from IPython.utils.capture import capture_output

    monkeypatch.chdir(desk)
    shell.reset(new_session=False)  # every one begins with an empty namespace
    outputs = []
    with pd.option_context("display.max_colwidth", None):
        for cell in cells(path, "code"):
            with capture_output() as shown:
                done = shell.run_cell("".join(cell["source"]))
            done.raise_error()
            assert shown.stderr == ""
            outputs += shown.outputs
    assert [output for output in outputs if "image/png" in output.data], "a notebook without a plot"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
