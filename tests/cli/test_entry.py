"""The way in and out of the command line: help without Spark, one line for every error, the right exit code."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from prox_spark import errors
from prox_spark.cli import main
from prox_spark.cli.entry import DONE, FAILED, INTERRUPTED, WRONG_USE, explained

COMMANDS = (
    *("demo", "try", "doctor", "ingest", "refine", "apply", "run", "history", "show", "sql"),
    *("tag", "diff", "verify", "restore", "forget", "maintain", "report", "export"),
)
IN_PYTHON_WORKER = """
  An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "udf.py", line 1, in write
{last}

	at org.apache.spark.api.python.BasePythonRunner
"""


def lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == DONE
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f" {name} " not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == DONE
    shown = capsys.readouterr().out
    assert f"prox-spark {command}" in shown.split("Usage:", 1)[1].split("\n", 1)[1]
    for option in ("--lake", "--conf", "--set", "--json", "--quiet", "--verbose"):
        assert option in shown


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == DONE
    assert "Usage" in capsys.readouterr().out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from prox_spark.version import __version__

    assert main(["--version"]) == DONE
    assert capsys.readouterr().out == f"prox-spark {__version__}\n"


def test_help_loads_neither_spark_nor_a_model_library() -> None:
    code = "import sys; from prox_spark.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 10
    loaded = done.stderr
    assert [name for name in ("pyspark", "torch", "transformers", "pandas", "pyarrow") if f"'{name}'" in loaded] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ingest"], "prox-spark: Missing argument 'SOURCE'; see prox-spark ingest --help"),
        (["ingest", "c4"], "prox-spark: Missing argument"),
        (["frobnicate"], "prox-spark: No such command 'frobnicate'"),
        (["run", "--foo"], "prox-spark: No such option: --foo"),
        (["run", "--set", "refine.wave_texts=0"], "prox-spark: refine.wave_texts must be at least 1, got 0"),
        (["--set", "engine.batchsize=1", "run"], "did you mean engine.batch_size?"),
        (["run", "--set", "engine"], "--set takes key=value"),
        (["run", "--conf", "no-such.yaml"], "cannot read the configuration no-such.yaml"),
        (["refine", "dco"], "there is no pass 'dco' in the configuration; passes are: doc, chunk"),
        (["apply", "dco"], "there is no pass 'dco' in the configuration; passes are: doc, chunk"),
        (["sql", "  ; "], "the query is empty"),
        (["sql", "SELECT 1", "--limit", "0"], "Invalid value for '--limit'"),
        (["run", "--lake", ""], "--lake must be a folder or catalog.schema, got nothing"),
        (["ingest", "jsonl", "x", "--text-column", ""], "ingest.text_column must be not empty"),
    ],
)
def test_a_mistake_of_the_user_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == WRONG_USE
    lines = lines_on_stderr(capsys)
    assert len(lines) == 1
    assert says in lines[0]


def test_an_option_may_stand_before_and_after_the_command_and_the_later_one_wins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--set", "refine.wave_texts=0", "refine", "doc", "--set", "refine.wave_texts=-1"]) == WRONG_USE
    assert lines_on_stderr(capsys) == ["prox-spark: refine.wave_texts must be at least 1, got -1"]


def test_a_broken_configuration_file_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("engine: [\n", encoding="utf-8")
    assert main(["run", "--json", "--conf", str(file)]) == WRONG_USE
    assert "line 2: this is not YAML" in lines_on_stderr(capsys)[0]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (errors.LakeError("there is no lake"), WRONG_USE, "there is no lake"),
        (errors.RunError("the job failed"), FAILED, "the job failed"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted"),
        (ValueError("first\nsecond"), FAILED, "ValueError: first; run again with --verbose for the traceback"),
        (ValueError(), FAILED, "ValueError; run again"),
    ],
)
def test_every_error_has_its_code_and_its_line(error: BaseException, code: int, line: str) -> None:
    given = explained(error)
    assert given[0] == code
    assert given[1].startswith(line)
    assert "\n" not in given[1]


def test_a_users_mistake_found_in_a_task_is_still_the_users_mistake() -> None:
    text = IN_PYTHON_WORKER.format(last="prox_spark.errors.EngineError: engine.model: no safetensors in ./model")
    assert explained(RuntimeError(text)) == (WRONG_USE, "engine.model: no safetensors in ./model")


def test_an_unexpected_error_in_a_task_is_told_by_its_own_last_words() -> None:
    code, line = explained(RuntimeError(IN_PYTHON_WORKER.format(last="ZeroDivisionError: division by zero")))
    assert code == FAILED
    assert line.startswith("ZeroDivisionError: division by zero; run again with --verbose")


def test_a_long_message_is_cut() -> None:
    assert len(explained(RuntimeError("x" * 10_000))[1]) < 500
