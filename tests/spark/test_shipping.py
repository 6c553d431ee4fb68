"""The archive for a Connect server: the package with its weights, the same file for the same package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException

from prox_spark.spark.shipping import archived, ship


def test_workers_find_the_package_and_its_weights_in_the_archive(tmp_path: Path) -> None:
    archive = archived(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r}); import prox_spark; print(prox_spark.__file__); "
        "from prox_spark import config, engines; e = engines.create(config.TaggerSettings()); print(type(e).__name__)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    where, engine = done.stdout.split()
    assert where.startswith(str(archive)) and "Tagger" in engine


def test_the_same_package_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (archived(tmp_path / name) for name in ("a", "b"))
    assert first.name == second.name and first.read_bytes() == second.read_bytes()


def test_a_server_that_takes_no_files_costs_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    class Closed:
        def addArtifacts(self, *_: str, pyfile: bool) -> None:  # noqa: N802 - pyspark's name
            raise PySparkException("no artifacts here")

    session: Any = Closed()
    ship(session)
    assert "must be installed there" in caplog.text
