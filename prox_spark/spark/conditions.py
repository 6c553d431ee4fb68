"""What a failure of Spark, its Java, its workers or the machine means to the user: its deepest cause, and what to do.

Spark wraps an exception many times, and says at both ends what helps nobody: `o330.save` first, EOFException last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

CONDITIONS = (
    (
        "No space left on device|Disk quota exceeded|not enough space",
        "a disk is full; what was committed stays: free some space and run the command again",
    ),
    (
        "Too many open files|error=24,",
        "this user may open too few files at once: raise `ulimit -n`, 4096 is enough",
    ),
    (
        "failed to map segment from shared object",
        "programs may not run from the temporary folder (mounted noexec): name another one with "
        "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=FOLDER",
    ),
    (
        "invalid null input: name",
        "this user has a number and no name, which Hadoop wants: add one to /etc/passwd, or run as another user",
    ),
    (
        "Java heap space|GC overhead limit exceeded",
        "Spark's Java ran out of memory: more comes with --set spark.spark.driver.memory=8g",
    ),
    (
        "unable to create native thread|error=11,|Resource temporarily unavailable",
        "this user or container may not start more processes and threads: raise `ulimit -u` or the container's limit",
    ),
    (
        "Missing application resource",
        "PYSPARK_SUBMIT_ARGS must end with pyspark-shell; unset it if it is meant for another Spark",
    ),
    (
        "Failed to create (?:any|a) local dir|Failed to create a temp directory",
        "Spark cannot write its scratch folder: SPARK_LOCAL_DIRS or spark.local.dir name one, /tmp is it otherwise",
    ),
    (
        "Unrecognized (?:VM )?option|Could not create the Java Virtual Machine|Error opening zip file or JAR",
        "Java refuses an option that JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS, _JAVA_OPTIONS or a setting gives it",
    ),
    (
        "Python worker exited unexpectedly|Python worker.* crashed",
        "a Python worker died, most often killed because the memory was at its end; Spark's log has its last words",
    ),
)
"""A pattern, looked for in all that a failure says, and what it means; the first that fits counts."""

_TRACEBACK = "Traceback (most recent call last)"
_RAISED = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)):? *(.*)$", re.M)
_CAUSED = re.compile(r"^Caused by: (.+)$", re.M)
_REFUSED = re.compile(r"^((?:Unrecognized|Invalid|Error|Exception in thread) .+|Error: .+)$", re.M)
_LOGGED = re.compile(r"^.*\b(?:ERROR|FATAL) ([\w.$]+: .+)$", re.M)
_SAYS_NOTHING = ("EOFException", "Py4JNetworkError", "Py4JError")


def advice(text: str) -> str | None:
    """Say what to do about what a failure says; None where nothing is known.

    >>> advice("java.io.IOException: No space left on device")[:14]
    'a disk is full'
    """
    return next((meaning for pattern, meaning in CONDITIONS if re.search(pattern, text)), None)


def explained(error: BaseException) -> str:
    """Say in one line what the deepest cause of an error is, and what to do where that is known."""
    said = deepest(error)
    meaning = advice("\n".join([said, *_sayings(error)]))
    return f"{meaning} ({said})" if meaning else said


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
        # py4j's exceptions and pyspark's keep the one of the JVM under different names.
        java: Any = getattr(link, "java_exception", None) or getattr(link, "_origin", None)
        if java is None:
            yield f"{type(link).__name__}: {link}"
        while java is not None:
            yield str(java.toString())
            java = java.getCause()
        link = link.__cause__


def _of_a_traceback(text: str) -> str:
    raised = _RAISED.findall(text[text.index(_TRACEBACK) :])
    return one_line(": ".join(filter(None, raised[0])) if raised else text)
