"""Two executors, two engines; and a task that is killed in the middle loses nothing and doubles nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.spark
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def said(vllm_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("two_executors.py")), str(vllm_model)]
    command.append(str(tmp_path_factory.mktemp("cluster")))
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environ, timeout=850)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(found)
    return found


def test_two_executors_have_two_engines_and_each_loads_its_model_once(said: dict[str, Any]) -> None:
    one = said["one"]
    assert (one["rows"], one["distinct"], one["errors"]) == (240, 240, 0)
    assert one["loads"] == one["most"] == 2


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(said: dict[str, Any]) -> None:
    two = said["two"]
    assert len(two["killed"]) == 1
    assert (two["rows"], two["distinct"], two["errors"]) == (240, 240, 0)
    assert two["most"] <= 3  # the two, and the process of the one that is loaded after the kill
