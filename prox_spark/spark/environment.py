"""What the environment would do to a Spark that starts on this machine, and what that Spark is given instead.

Shells, images and notebook servers set variables for some other Spark, Java or Python. Those that have one right value
for a session on this machine get it, and only while its JVM starts; the others may be meant, and are named if it fails.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from prox_spark.errors import SessionError

SUSPECTS = (
    "PYSPARK_SUBMIT_ARGS",
    "SPARK_CONF_DIR",
    "SPARK_LOCAL_DIRS",
    "SPARK_SUBMIT_OPTS",
    "SPARK_DIST_CLASSPATH",
    "SPARK_HOME",
    "HADOOP_CONF_DIR",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
)
"""Variables with which a Spark may be told what is right for another one."""


FEWEST_FILES = 512
"""A session with a few tasks has some 400 files open, most of them JARs."""


def named_suspects(environ: Mapping[str, str]) -> str:
    """Name the variables that are set and may be to blame, for the end of a message.

    >>> named_suspects({"SPARK_CONF_DIR": "/etc/spark", "HOME": "/home/me"})
    '; set here, perhaps for another Spark: SPARK_CONF_DIR=/etc/spark'
    """
    there = [f"{name}={environ[name][:100]}" for name in SUSPECTS if environ.get(name)]
    return f"; set here, perhaps for another Spark: {', '.join(there)}" if there else ""


def of_a_local_spark(environ: Mapping[str, str], java_home: Path, python: str) -> dict[str, str | None]:
    """Give the variables that a JVM on this machine must have, and None for those that it must not have.

    Args:
        environ: The variables of this process.
        java_home: The Java to start.
        python: What its workers run: the Python of this process has the packages, one of another name need not.
    """
    changes: dict[str, str | None] = {
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": None,
    }
    if home := own_home():
        changes["SPARK_HOME"] = str(home)
    if "PYTHONPATH" in environ:
        # An empty entry, as in `PYTHONPATH=$PYTHONPATH:/my/lib`, stands for the working folder.
        changes["PYTHONPATH"] = os.pathsep.join(filter(None, environ["PYTHONPATH"].split(os.pathsep))) or None
    if sys.platform == "linux" and not _speaks_utf8(environ):
        changes["LC_ALL"] = "C.UTF-8"  # Java writes and finds names of files in the encoding of the locale
    return changes


def own_home() -> Path | None:
    """Find the Spark inside the package pyspark; None for a pyspark that is part of a distribution of Spark."""
    package = importlib.util.find_spec("pyspark")
    if package is None or package.origin is None:
        return None
    home = Path(package.origin).resolve().parent
    return home if (home / "bin" / "spark-submit").is_file() and (home / "jars").is_dir() else None


@contextlib.contextmanager
def changed(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Set and unset variables of this process inside the block."""
    before = {name: os.environ.get(name) for name in changes}
    try:
        _set(changes)
        yield
    finally:
        _set(before)


def check_user(number: int | None = None) -> None:
    """Check that this user has a name, which containers are often run without.

    Raises:
        SessionError: It has none.
    """
    if sys.platform == "win32":
        return
    import pwd

    number = os.getuid() if number is None else number
    try:
        pwd.getpwuid(number)
    except KeyError as error:
        raise SessionError(
            f"user {number} has no line in /etc/passwd, without which Spark's Java does not start: add one, or run as "
            "a user that has one"
        ) from error


def check_open_files(limit: int | None = None) -> None:
    """Check that Spark's Java, which raises its own limit as far as it may, can open enough files to start.

    Raises:
        SessionError: It cannot; at 300 it ends with "eventfd() failed", at 100 with "Error loading java.security file".
    """
    if sys.platform == "win32":
        return
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if limit is None else limit
    if limit != resource.RLIM_INFINITY and limit < FEWEST_FILES:
        raise SessionError(
            f"this user may open {limit} files at once (ulimit -Hn), and Spark needs {FEWEST_FILES} or more"
        )


def check_working_folder(folder: Path, version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Check that Spark's workers take no module of the working folder for one of Python's own.

    From Python 3.11 on they do not look there; older ones begin with it, whatever they are told.

    Raises:
        SessionError: The folder has such a module.
    """
    if version >= (3, 11):
        return
    taken = sys.stdlib_module_names | {"pyspark", "py4j", "pandas", "numpy", "pyarrow", "prox_spark"}
    shadows = sorted(path.name for path in folder.glob("*.py") if path.stem in taken)
    if shadows:
        raise SessionError(
            f"Spark's workers would run {', '.join(shadows[:3])} of {folder} in place of modules of that name: "
            "go to another folder, or use Python 3.11 or newer"
        )


def _speaks_utf8(environ: Mapping[str, str]) -> bool:
    decides = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return "utf" in decides.lower()


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
