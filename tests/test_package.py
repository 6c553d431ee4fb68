"""The package as a whole: what importing it costs, what it exports, and what may import what."""

from __future__ import annotations

import ast
import contextlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import prox_spark

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("pyspark", "delta", "py4j", "torch", "transformers", "vllm", "pandas", "pyarrow")


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a new process and give the heavy packages that it loads."""
    code = f"import sys\n{statement}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import prox_spark; prox_spark.__version__",
        "from prox_spark import parse, execute, chunk",
        "import prox_spark.config",
        "import prox_spark.engines, prox_spark.profiles",
    ],
)
def test_what_runs_without_spark_loads_neither_spark_nor_a_model_library(statement: str) -> None:
    assert loaded_by(statement) & {"pyspark", "delta", "py4j", "torch", "transformers", "vllm"} == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import prox_spark") == set()


def test_the_line_itself_loads_no_model_library() -> None:
    assert loaded_by("import prox_spark.pipeline") & {"torch", "transformers", "vllm"} == set()


def test_the_types_the_homes_and_all_name_the_same() -> None:
    tree = ast.parse((ROOT / "prox_spark" / "__init__.py").read_text(encoding="utf-8"))
    imports = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prox_spark")
    ]
    typed = {f"{node.module}.{alias.name}" for node in imports for alias in node.names} - {
        "prox_spark.version.__version__"
    }
    homes = {f"prox_spark.{home}.{name}" for home, names in prox_spark._HOMES.items() for name in names}
    rooms = {f"prox_spark.{room}" for room in prox_spark._ROOMS.values()}
    assert typed == homes | rooms
    assert {name.rpartition(".")[2] for name in typed} | {"__version__"} == set(prox_spark.__all__)
    assert set(dir(prox_spark)) == set(prox_spark.__all__)


def test_every_public_name_loads() -> None:
    for name in prox_spark.__all__:
        assert getattr(prox_spark, name) is not None


@pytest.mark.parametrize("module", ["program", "engines", "config", "sources"])
def test_all_of_a_room_names_what_is_there(module: str) -> None:
    room = importlib.import_module(f"prox_spark.{module}")
    assert [name for name in room.__all__ if not hasattr(room, name)] == []
    assert len(set(room.__all__)) == len(room.__all__)


def test_the_public_names_stay_functions_when_their_modules_are_imported() -> None:
    for name in (
        "session",
        "apply",
        "ingest",
        "refine",
        "plan",
        "diff",
        "export",
        "forget",
        "maintain",
        "restore",
        "verify",
    ):
        for home in ("spark", "stages", "pipeline", "audit"):
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(f"prox_spark.{home}.{name}")
        assert callable(getattr(prox_spark, name))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = prox_spark.nothing


def test_the_import_contract_holds() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_is_named_utils_and_every_module_says_what_it_owns() -> None:
    for path in (ROOT / "prox_spark").rglob("*.py"):
        assert path.stem != "utils"
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert doc, f"{path} has no docstring"


@pytest.mark.parametrize("name", ["eval", "exec", "compile", "__import__"])
def test_no_module_runs_text_as_code(name: str) -> None:
    for path in (ROOT / "prox_spark").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
            assert not called, f"{path}:{getattr(node, 'lineno', '')} calls {name}"
