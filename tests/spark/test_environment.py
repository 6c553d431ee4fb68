"""Somebody else's environment: what a session on this machine takes of it, and what it says of the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prox_spark.errors import SessionError
from prox_spark.spark import environment

ROOT = Path(__file__).resolve().parents[2]
HOME = Path("/a/java")

WRITE = (
    "from prox_spark import session\n"
    "from prox_spark.errors import SessionError\n"
    "import pyspark.sql.functions as F\n"
    "try:\n"
    "    spark = session(spark_master='local[1]', spark_driver_memory='1g')\n"
    "except SessionError as error:\n"
    "    raise SystemExit(f'refused: {error}')\n"
    "rows = spark.range(3).mapInArrow(lambda batches: batches, 'id LONG')\n"
    "rows.write.format('delta').save('Fluß')\n"
    "print(spark.read.format('delta').load('Fluß').count())\n"
)


def run(code: str, folder: Path, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Run code in a process that begins in a folder, under variables that are changed or, with None, unset."""
    script = folder / "scripts" / "script.py"  # a script's own folder is on its path; the working folder is not
    script.parent.mkdir(exist_ok=True)
    script.write_text(code, encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **changes}
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
        cwd=folder,
        env={name: value for name, value in environ.items() if value is not None},
    )


def test_java_python_and_address_are_those_of_this_session() -> None:
    given = {"JAVA_HOME": "/other", "PYSPARK_PYTHON": "python2", "SPARK_LOCAL_IP": "10.1.1.1", "LANG": "de_DE.UTF-8"}
    changes = environment.of_a_local_spark(given, HOME, "/my/python")
    assert changes["JAVA_HOME"] == "/a/java"
    assert changes["PYSPARK_PYTHON"] == changes["PYSPARK_DRIVER_PYTHON"] == "/my/python"
    assert changes["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert changes["SPARK_LOCAL_HOSTNAME"] is None
    assert "LC_ALL" not in changes


def test_the_spark_inside_pyspark_is_started_whatever_spark_home_says() -> None:
    changes = environment.of_a_local_spark({"SPARK_HOME": "/opt/spark3"}, HOME, "python")
    assert Path(changes["SPARK_HOME"] or "").joinpath("jars").is_dir()


def test_an_empty_entry_of_the_module_path_which_is_the_working_folder_is_taken_out() -> None:
    path = os.pathsep.join(["", "/my/lib", ""])
    assert environment.of_a_local_spark({"PYTHONPATH": path}, HOME, "python")["PYTHONPATH"] == "/my/lib"
    assert environment.of_a_local_spark({"PYTHONPATH": ""}, HOME, "python")["PYTHONPATH"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="the encoding of file names is the locale's on Linux")
@pytest.mark.parametrize("given", [{}, {"LANG": "C"}, {"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}])
def test_java_gets_a_locale_that_can_write_every_name(given: dict[str, str]) -> None:
    assert environment.of_a_local_spark(given, HOME, "python")["LC_ALL"] == "C.UTF-8"


def test_variables_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", "mine")
    monkeypatch.delenv("SPARK_HOME", raising=False)
    with environment.changed({"PYSPARK_PYTHON": None, "SPARK_HOME": "/x"}):
        assert (os.environ.get("PYSPARK_PYTHON"), os.environ["SPARK_HOME"]) == (None, "/x")
    assert (os.environ["PYSPARK_PYTHON"], os.environ.get("SPARK_HOME")) == ("mine", None)


def test_an_old_python_refuses_a_folder_whose_files_its_workers_would_run(tmp_path: Path) -> None:
    (tmp_path / "pages.py").touch()
    environment.check_working_folder(tmp_path, (3, 10))
    (tmp_path / "random.py").touch()
    environment.check_working_folder(tmp_path, (3, 11))
    with pytest.raises(SessionError, match=r"random\.py of .* go to another folder"):
        environment.check_working_folder(tmp_path, (3, 10))


def test_a_user_without_a_name_is_refused_by_its_number() -> None:
    environment.check_user()
    with pytest.raises(SessionError, match=r"user 987654 has no line in /etc/passwd"):
        environment.check_user(987654)


def test_a_limit_of_open_files_that_java_cannot_start_with_is_named() -> None:
    environment.check_open_files()
    environment.check_open_files(4096)
    with pytest.raises(SessionError, match=r"may open 100 files at once \(ulimit -Hn\)"):
        environment.check_open_files(100)


@pytest.mark.spark
@pytest.mark.skipif(sys.version_info < (3, 11), reason="older Pythons are refused there")
def test_a_session_works_in_a_folder_of_shadows_under_variables_for_another_spark(tmp_path: Path) -> None:
    for name in ("random", "tokenize", "queue", "inspect", "pandas", "socketserver"):
        (tmp_path / f"{name}.py").write_text("open('run', 'a').write(__name__)\n")
    done = run(
        WRITE,
        tmp_path,
        SPARK_HOME="/nonexistent/spark",
        PYSPARK_PYTHON="/nonexistent/python",
        PYSPARK_DRIVER_PYTHON="jupyter",
        SPARK_LOCAL_IP="203.0.113.1",
        SPARK_LOCAL_HOSTNAME="gone.example",
        LANG="C",
        LC_ALL=None,
        PYTHONUTF8="1",
    )
    assert done.stdout == "3\n", done.stderr
    assert not (tmp_path / "run").exists()
    assert (tmp_path / "Fluß").is_dir()


@pytest.mark.spark
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SPARK_CONF_DIR", "{folder}", "gone.example"),
        ("PYSPARK_SUBMIT_ARGS", "--master spark://gone.example:7077", "must end with pyspark-shell"),
        ("SPARK_LOCAL_DIRS", "/proc/nowhere", "SPARK_LOCAL_DIRS or spark.local.dir"),
        ("JAVA_TOOL_OPTIONS", "-Xnonsense", "Java refuses an option that JAVA_TOOL_OPTIONS"),
    ],
)
def test_a_variable_that_keeps_spark_from_starting_is_named_with_the_deepest_cause(
    tmp_path: Path, variable: str, value: str, said: str
) -> None:
    defaults = "spark.eventLog.enabled true\nspark.eventLog.dir hdfs://gone.example/logs\n"
    (tmp_path / "spark-defaults.conf").write_text(defaults)
    done = run(WRITE, tmp_path, **{variable: value.format(folder=tmp_path)})
    assert done.stderr.startswith("refused: Spark "), done.stderr
    assert said in done.stderr
    assert f"set here, perhaps for another Spark: {variable}=" in done.stderr
    assert done.stderr.count("\n") == 1
