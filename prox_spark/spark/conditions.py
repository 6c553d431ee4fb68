"""What a failure of Spark, its Java, its workers or the machine means to the user: its deepest cause, and what to do.

Spark wraps an exception many times, and says at both ends what helps nobody: `o330.save` first, EOFException last.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from prox_spark.errors import ProxError

CONDITIONS = {
    "disk_full": (
        "No space left on device|Disk quota exceeded|not enough space",
        "a disk is full; what was committed stays: free some space and run the command again",
    ),
    "open_files": (
        "Too many open files|error=24,",
        "this user may open too few files at once: raise `ulimit -n`, 4096 is enough",
    ),
    "noexec": (
        "failed to map segment from shared object",
        "programs may not run from the temporary folder (mounted noexec): name another one with "
        "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=FOLDER",
    ),
    "java_memory": (
        "Java heap space|GC overhead limit exceeded",
        "Spark's Java ran out of memory: more comes with --set spark.spark.driver.memory=8g",
    ),
    "java_ended": (
        "SparkContext was shut down|Answer from Java side is empty|Error while sending or receiving|"
        "ConnectionRefusedError",
        "Spark's Java ended while it worked, most often for want of memory: more comes with "
        "--set spark.spark.driver.memory=8g; its last words are in Spark's log",
    ),
    "submit_args": (
        "Missing application resource",
        "PYSPARK_SUBMIT_ARGS must end with pyspark-shell; unset it if it is meant for another Spark",
    ),
    "scratch": (
        "Failed to create (?:any|a) local dir|Failed to create a temp directory",
        "Spark cannot write its scratch folder: SPARK_LOCAL_DIRS or spark.local.dir name one, /tmp is it otherwise",
    ),
    "java_options": (
        "Unrecognized (?:VM )?option|Could not create the Java Virtual Machine|Error opening zip file or JAR",
        "Java refuses an option that JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS, _JAVA_OPTIONS or a setting gives it",
    ),
    "dead_worker": (
        "Python worker exited unexpectedly",
        "a Python worker died, most often killed because the memory was at its end; Spark's log has its last words",
    ),
    "read_only": (
        "Read-only file system|Permission denied|AccessDenied|AccessControlException|Mkdirs failed|"
        "DELTA_CANNOT_CREATE_LOG_PATH",
        "the place is read-only, or this user may not write there",
    ),
}
"""By name: a pattern, looked for in all that a failure says, and what it means; the first that fits counts."""

_TRACEBACK = "Traceback (most recent call last)"
_RAISED = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)):? *(.*)$", re.M)
_CAUSED = re.compile(r"^Caused by: (.+)$", re.M)
_REFUSED = re.compile(r"^((?:Unrecognized|Invalid|Error|Exception in thread) .+|Error: .+)$", re.M)
_LOGGED = re.compile(r"^.*\b(?:ERROR|FATAL) ([\w.$]+: .+)$", re.M)
_SAYS_NOTHING = ("EOFException", "Py4JNetworkError", "Py4JError")


def advice(text: str, among: Collection[str] = CONDITIONS) -> str | None:
    """Say what to do about what a failure says; None where nothing is known.

    >>> advice("java.io.IOException: No space left on device")[:14]
    'a disk is full'

    Args:
        text: All that it says.
        among: The names of the conditions that may be meant.
    """
    known = (CONDITIONS[name] for name in CONDITIONS if name in among)
    return next((meaning for pattern, meaning in known if re.search(pattern, text, re.I)), None)


def explained(error: BaseException) -> str:
    """Say in one line what the deepest cause of an error is, and what to do where that is known."""
    if isinstance(error, ProxError):
        return str(error)
    said = deepest(error)
    meaning = advice("\n".join([said, *_sayings(error)]))
    return f"{meaning} ({said})" if meaning else said


def causes(error: BaseException) -> Iterator[Any]:
    """Give the Java exceptions behind an error, outermost first; none where no JVM raised it.

    The JVM hands on what the operating system or a store says as text, at the end of a chain of causes.
    """
    # py4j's errors and pyspark's keep it under different names.
    java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while java is not None:
        yield java
        java = java.getCause()


def deepest(error: BaseException) -> str:
    """Say in one line what the innermost cause of an error is that says something."""
    for saying in reversed(list(_sayings(error))):
        if _TRACEBACK in saying:
            return _of_a_traceback(saying)
        name, _, message = saying.partition(": ")
        if message.strip() and not name.endswith(_SAYS_NOTHING):
            return one_line(f"{name.rpartition('.')[2]}: {message}")
    return type(error).__name__


def last_words(log: str) -> str:
    """Find in what a JVM wrote before it ended why it ended.

    >>> last_words("Exception in thread x\\nCaused by: java.net.UnknownHostException: gone.example\\n\\t... 3 more")
    'java.net.UnknownHostException: gone.example'
    """
    lines = log.strip().splitlines()
    # Of causes the last is the deepest; a Java that refuses to start gives its reason first, and a log its end last.
    spoken = _CAUSED.findall(log)[-1:] or _REFUSED.findall(log)[:1] or _LOGGED.findall(log)[-1:] or lines[-1:]
    said = one_line(spoken[0] if spoken else "it said nothing")
    meaning = advice(log)
    return f"{meaning} ({said})" if meaning else said


def one_line(text: str) -> str:
    """Give the first line of a text that has something in it, cut to 300 characters."""
    line = next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 300 else f"{line[:299]}…"


def _sayings(error: BaseException) -> Iterator[str]:
    """Give what an error and its causes say, outermost first; an error of a JVM is told by the JVM's exceptions."""
    link: BaseException | None = error
    while link is not None:
        java = [str(cause.toString()) for cause in causes(link)]
        yield from java or [f"{type(link).__name__}: {link}"]
        link = link.__cause__


def _of_a_traceback(text: str) -> str:
    raised = _RAISED.findall(text[text.index(_TRACEBACK) :])
    return one_line(": ".join(filter(None, raised[0])) if raised else text)
