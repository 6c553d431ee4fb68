"""What failures mean: the deepest cause of each kind of error, and one line of advice for each known condition."""

from __future__ import annotations

import re

import pytest

from prox_spark.spark import conditions


class Java:
    """An exception of a JVM, as py4j shows it."""

    def __init__(self, text: str, cause: Java | None = None) -> None:
        self._text, self._cause = text, cause

    def toString(self) -> str:  # noqa: N802
        return self._text

    def getCause(self) -> Java | None:  # noqa: N802
        return self._cause


class FromJava(Exception):
    """An error that carries an exception of a JVM, as py4j's does."""

    def __init__(self, java: Java) -> None:
        super().__init__("An error occurred while calling o330.save.\n: something")
        self.java_exception = java


WORKER = """org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "worker.py", line 1, in <module>
KeyError: 'text'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "worker.py", line 2, in <module>
RuntimeError: it failed
"""


def test_the_deepest_cause_of_a_java_exception_is_shown() -> None:
    deep = Java("java.io.IOException: the disk is on fire")
    error = FromJava(Java("org.apache.spark.SparkException: Job aborted", Java("org.apache.X: wrapped", deep)))
    assert conditions.explained(error) == "IOException: the disk is on fire"


def test_a_cause_that_says_nothing_gives_way_to_the_one_around_it() -> None:
    error = FromJava(Java("org.apache.spark.SparkException: a stream broke", Java("java.io.EOFException")))
    assert conditions.explained(error) == "SparkException: a stream broke"


def test_a_java_that_no_longer_answers_at_its_port_has_ended() -> None:
    error = ConnectionRefusedError(111, "Connection refused")
    assert conditions.explained(error).startswith("Spark's Java ended while it worked")


def test_of_a_workers_traceback_the_first_exception_is_shown() -> None:
    error = FromJava(Java("org.apache.spark.SparkException: Job aborted\n\tat org.apache", Java(WORKER)))
    assert conditions.explained(error) == "KeyError: 'text'"


def test_an_error_of_python_has_no_causes_in_a_jvm() -> None:
    assert list(conditions.causes(ValueError("x"))) == []


def test_the_cause_of_a_python_error_is_shown() -> None:
    error = ValueError("cannot write")
    error.__cause__ = OSError(28, "No space left on device")
    assert conditions.explained(error).startswith("a disk is full")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", "it said nothing"),
        ("26/11/27 WARN Utils: slow\nbin/spark-class: line 71: exec: java: not found", "exec: java: not found"),
        ("Exception in thread main x.A: one\n\tat x\nCaused by: x.B: two\nCaused by: x.C: three\n", "x.C: three"),
        ("Unrecognized option: -Xno\nError: Could not create the Java Virtual Machine.", "Unrecognized option: -Xno"),
        ("26/11/27 ERROR DiskBlockManager: Failed to create any local dir.\n26/11/27 INFO Hook: bye", "any local dir"),
    ],
)  # fmt: skip
def test_a_log_says_why_its_jvm_ended(log: str, said: str) -> None:
    assert said in conditions.last_words(log)


def test_no_advice_is_given_for_what_is_not_known() -> None:
    assert conditions.advice("java.lang.IllegalStateException: the moon is wrong") is None


def test_every_pattern_compiles_and_every_meaning_is_one_line() -> None:
    for pattern, meaning in conditions.CONDITIONS.values():
        re.compile(pattern)
        assert "\n" not in meaning and len(meaning) < 200
