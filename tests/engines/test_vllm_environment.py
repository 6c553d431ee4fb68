"""Where compiled code is kept when the home folder is none; needs no vLLM."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prox_spark.engines.vllm import environment

VARIABLES = ("VLLM_CACHE_ROOT", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*VARIABLES, "PROX_SPARK_CACHE"):
        monkeypatch.setenv(name, "")  # so that what the code sets is taken back
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_home_folder_that_is_there_is_left_to_the_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environment.keep_compiled_code()
    assert not set(VARIABLES) & set(os.environ)


def test_without_one_they_are_in_a_folder_of_the_user_alone_and_stay_there(tmp_path: Path) -> None:
    environment.keep_compiled_code()
    folder = tmp_path / f"prox_spark-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {os.environ[name] for name in VARIABLES} == {str(folder / part) for part in ("vllm", "inductor", "triton")}


def test_what_the_user_has_said_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROX_SPARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VLLM_CACHE_ROOT", "/fast/disk")
    environment.keep_compiled_code()
    assert os.environ["VLLM_CACHE_ROOT"] == "/fast/disk"
    assert os.environ["TRITON_CACHE_DIR"] == str(tmp_path / "cache" / "triton")


def test_a_folder_that_others_can_write_is_not_used_for_code_that_is_executed(tmp_path: Path) -> None:
    folder = tmp_path / f"prox_spark-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    environment.keep_compiled_code()
    assert not set(VARIABLES) & set(os.environ)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"prox_spark-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    environment.keep_compiled_code()
    assert not set(VARIABLES) & set(os.environ)
