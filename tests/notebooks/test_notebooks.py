"""The notebooks: committed without output, a few lines a cell, and each runs from top to bottom."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import prox_spark

if TYPE_CHECKING:
    from nbclient import NotebookClient

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
def kernel(desk: Path) -> Iterator[NotebookClient]:
    """Start one kernel for all notebooks, as each would start a JVM; every one begins with an empty namespace."""
    nbformat = pytest.importorskip("nbformat", reason="pip install nbformat nbclient ipykernel, they are in dev")
    from nbclient import NotebookClient

    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
        environ.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        environ.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        place = {"metadata": {"path": str(desk)}}
        client = NotebookClient(nbformat.v4.new_notebook(), timeout=900, kernel_name="python3", resources=place)
        with client.setup_kernel():
            yield client


@pytest.mark.spark
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::RuntimeWarning")
def test_a_notebook_runs_from_top_to_bottom(path: Path, kernel: NotebookClient) -> None:
    import nbformat

    notebook = kernel.nb = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("get_ipython().run_line_magic('reset', '-f')"))
    kernel.execute(reset_kc=False, cleanup_kc=False)
    if "PROX_SPARK_KEEP_NOTEBOOKS" in os.environ:  # to look at them
        nbformat.write(notebook, Path(os.environ["PROX_SPARK_KEEP_NOTEBOOKS"]) / path.name)
    images = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert images, "a notebook without a plot"
    assert not [
        cell for cell in notebook.cells if any(item.get("name") == "stderr" for item in cell.get("outputs", []))
    ]
